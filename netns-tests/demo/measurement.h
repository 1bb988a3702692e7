// SPDX-License-Identifier: Apache-2.0
// Measures one server: its best rate with next to no loss, then the latency of a single outstanding request.
// The same for memcached alone, with bmcd, and for the echo that is the limit. Used by the demo.
#ifndef BMC_DEMO_MEASUREMENT_H
#define BMC_DEMO_MEASUREMENT_H

#include <functional>
#include <stop_token>
#include <string>

#include "control-plane/result.h"
#include "loadgen/report.h"
#include "loadgen/workload.h"
#include "netns-tests/demo/progress.h"
#include "netns-tests/lib/lab.h"

namespace bmc::demo {

struct Measured {
  double rps = 0;                        // whole answers a second
  double loss = 0;                       // share of the requests of the same time
  double p50_us = 0, p99_us = 0;         // one outstanding request
  double kernel_hit_rate = 0;            // share of the answers at the best rate; only with bmcd
  std::uint64_t checked = 0, wrong = 0;  // replies, of everything sent to this server
  bool limited_by_load = false;          // the server may do better
  bool steady = true;                    // false: no rate held, the machine is busy with other things
};

struct MeasurementPlan {
  double seconds = 5;  // at the best rate, and half of it for the latency
  int load_cpu = 1;
  bool v6 = false;
  bool expect_echo = false;
  double start_rps = 20000;
  std::function<double()> kernel_hits = {};   // asked before and after; empty: there is no kernel cache
  std::function<void()> before_latency = {};  // both may be empty
  std::function<void()> after_latency = {};
};

class Measurement {
 public:
  // All references must outlive it. The calling thread must be in the client's namespace.
  Measurement(const lab::Link& link, const loadgen::WorkloadOptions& workload, ProgressLine& progress,
              std::stop_token stop)
      : link_(link), workload_(workload), progress_(progress), stop_(std::move(stop)) {}

  // ECANCELED when the stop was requested.
  Result<Measured> run(const std::string& name, const MeasurementPlan& plan);

  // Asks every key in turn until the kernel answers nearly all, or for `limit_s`. Returns the share of the
  // last turn.
  Result<double> warm_up(const MeasurementPlan& plan, double limit_s);

  // Replies looked at and found wrong in everything so far, warming up included.
  std::uint64_t checked() const { return checked_; }
  std::uint64_t wrong() const { return wrong_; }

 private:
  Result<loadgen::RunReport> counted(Result<loadgen::RunReport> report);
  Result<void> find_rate(const std::string& name, const MeasurementPlan& plan, Measured& measured);
  Result<void> find_latency(const MeasurementPlan& plan, Measured& measured);

  const lab::Link& link_;
  const loadgen::WorkloadOptions& workload_;
  ProgressLine& progress_;
  std::stop_token stop_;
  std::uint64_t checked_ = 0, wrong_ = 0;
};

}  // namespace bmc::demo

#endif

// SPDX-License-Identifier: Apache-2.0
// Measures one server: its best rate with next to no loss, then the latency of a single outstanding request.
// The same for memcached alone, with bmcd, and for the echo that is the limit. Used by the demo.
#ifndef BMC_DEMO_MEASUREMENT_H
#define BMC_DEMO_MEASUREMENT_H

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "control-plane/result.h"
#include "loadgen/find_max.h"
#include "loadgen/kernel_transport.h"
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
  std::uint64_t missed = 0;              // keys the server did not have, at the best rate
  double server_busy = 0;                // share of its processor that the server used then
  std::uint64_t checked = 0, wrong = 0;  // replies, of everything sent to this server
  bool limited_by_load = false;          // the server may do better
  bool steady = true;                    // false: no rate held, the machine is busy with other things
};

struct MeasurementPlan {
  double seconds = 5;        // at the best rate, and half of it for the latency
  double sweep_rps = 40000;  // when warming up: well below what any memcached answers
  int load_cpu = 1;
  bool v6 = false;
  std::uint16_t port = lab::kMemcachedPort;
  bool expect_echo = false;
  std::uint16_t echo_growth = 0;
  loadgen::FindMaxPlan search = {};
  std::function<double()> kernel_hits = {};     // asked before and after; empty: there is no kernel cache
  std::function<double()> gets_of_cached = {};  // kernel_hits and keep-alives; for warm_up() alone
  std::function<double()> server_seconds = {};  // of processor time, the same way; may be empty
  std::function<void()> before_latency = {};    // both may be empty
  std::function<void()> after_latency = {};
};

// A generator ready to send one workload; must stay where it is while it sends.
struct Session {
  loadgen::Workload workload;
  std::unique_ptr<loadgen::KernelTransport> transport;
};

// The calling thread must be in the client's namespace.
Result<Session> open_session(const lab::Link& link, const loadgen::WorkloadOptions& options,
                             const MeasurementPlan& plan);

class Measurement {
 public:
  // All references must outlive it. The calling thread must be in the client's namespace.
  Measurement(const lab::Link& link, const loadgen::WorkloadOptions& workload, ProgressLine& progress,
              std::stop_token stop)
      : link_(link), workload_(workload), progress_(progress), stop_(std::move(stop)) {}

  // The best rate, then the latency (not of an echo). ECANCELED when the stop was requested.
  Result<Measured> run(const std::string& name, const MeasurementPlan& plan);
  // Each alone, into its part of `measured`.
  Result<void> find_rate(const std::string& name, const MeasurementPlan& plan, Measured& measured);
  Result<void> find_latency(const std::string& name, const MeasurementPlan& plan, Measured& measured);

  // Asks every key in turn until nearly all are in the cache, or for `limit_s`. Returns their share in the
  // last turn.
  Result<double> warm_up(const MeasurementPlan& plan, double limit_s);

  // What the checker has counted in everything so far, warming up included.
  const loadgen::RunReport& total() const { return total_; }

 private:
  Result<loadgen::RunReport> counted(Result<loadgen::RunReport> report);

  const lab::Link& link_;
  const loadgen::WorkloadOptions& workload_;
  ProgressLine& progress_;
  std::stop_token stop_;
  loadgen::RunReport total_;
};

}  // namespace bmc::demo

#endif

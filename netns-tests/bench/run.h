// SPDX-License-Identifier: Apache-2.0
// Run: what a case finds when it is measured: the stage, the side under load, how long it may take. Made by
// the runner, used by the cases.
#ifndef BMC_NETNS_TESTS_BENCH_RUN_H
#define BMC_NETNS_TESTS_BENCH_RUN_H

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "loadgen/socket_transport.h"
#include "netns-tests/bench/case.h"
#include "netns-tests/demo/measurement.h"
#include "netns-tests/demo/progress.h"
#include "netns-tests/demo/stage.h"

namespace bmc::bench {

struct Pace {
  double seconds = 1;           // of a measurement
  double window_seconds = 0.3;  // of one step of a search
  double warm_limit_seconds = 60;
};

// Who answers most requests: memcached on every side, or what the side puts in front of it.
enum class Answers { kSide, kMemcached };

class Run {
 public:
  // All must outlive it.
  Run(demo::Stage& stage, const Scene& scene, const Pace& pace, demo::ProgressLine& progress,
      std::stop_token stop, loadgen::RunReport& total)
      : stage_(stage),
        scene_(scene),
        pace_(pace),
        progress_(progress),
        stop_(std::move(stop)),
        total_(total) {}

  // From here on this side is under load; `bmcd` is its daemon, null on the others.
  void enter(Side side, demo::BmcdProcess* bmcd) {
    side_ = side;
    bmcd_ = bmcd;
    remembered_.clear();
  }
  // Waits until a bmcd that has just started serves at all, then fills it as the scene says.
  void warm_up();
  // Repeats `load`, of which nothing can be answered from the kernel, until bmcd rests; nothing without one.
  void await_rest(const std::function<void()>& load);
  // How long it took until it served.
  double held_seconds() const { return held_seconds_; }

  demo::Stage& stage() { return stage_; }
  const Scene& scene() const { return scene_; }
  const Pace& pace() const { return pace_; }
  demo::ProgressLine& progress() { return progress_; }
  const std::stop_token& stop() const { return stop_; }
  Side side() const { return side_; }
  demo::BmcdProcess* bmcd() { return bmcd_; }

  // The same figure is needed by several cases: measured by the first in each round and side.
  double remembered(const std::string& figure, const std::function<double()>& measure);

  // Transports to the server, pinned to the load's processor. `requests` must outlive the result.
  using SocketMaker = Result<std::unique_ptr<loadgen::SocketTransport>> (*)(const loadgen::SocketOptions&,
                                                                            const loadgen::Workload&);
  std::unique_ptr<loadgen::SocketTransport> sockets(SocketMaker make, const loadgen::Workload& requests,
                                                    loadgen::SocketOptions options);

  // A plan for the side under load.
  demo::MeasurementPlan plan();
  // Highest rate of `requests` with at most 0.1 % loss. On the limit's side an echo answers, `echo_growth`
  // bytes longer; `name` is the case's, under which the next round begins its search near what this one has
  // found. The first begins far below what answers: a search from above leaves memcached with a queue that
  // the next windows pay for.
  demo::Measured best_rate(const std::string& name, const loadgen::WorkloadOptions& requests,
                           std::uint16_t echo_growth = 0, Answers answers = Answers::kSide);
  // Where a search begins: near what the last round has found for this case and side; `first` where there was
  // none.
  double start_rps(const std::string& name, double first) const;
  void found_rps(const std::string& name, double rps) { found_rps_[{name, side_}] = rps; }
  // One window of `requests`, from the kernel.
  loadgen::RunReport send(const loadgen::WorkloadOptions& requests, const loadgen::WindowPlan& window,
                          std::uint16_t port = lab::kMemcachedPort);
  // Adds what the checker has counted to what is reported in the end.
  void count(const loadgen::RunReport& report) { total_.add(report); }
  // The same; throws demo::Interrupted where stop was requested, lab::LabError for an error.
  loadgen::RunReport counted(Result<loadgen::RunReport> report);

 private:
  void await_serving();
  void sweep();
  void sweep_with_sockets();

  demo::Stage& stage_;
  const Scene& scene_;
  const Pace& pace_;
  demo::ProgressLine& progress_;
  std::stop_token stop_;
  loadgen::RunReport& total_;
  Side side_ = Side::kPlain;
  demo::BmcdProcess* bmcd_ = nullptr;
  std::map<std::pair<std::string, Side>, double> found_rps_;
  std::map<std::string, double> remembered_;
  double held_seconds_ = 0;
};

}  // namespace bmc::bench

#endif

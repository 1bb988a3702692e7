// SPDX-License-Identifier: Apache-2.0
// SETs over TCP beside GETs over UDP, on the same keys: the highest rate of both together, and what Amdahl
// leaves. See cases.h.
#include <thread>

#include "loadgen/find_max.h"
#include "loadgen/tcp_transport.h"
#include "netns-tests/bench/cases.h"
#include "netns-tests/bench/deep_queues.h"
#include "netns-tests/bench/run.h"
#include "netns-tests/bench/statistics.h"

namespace bmc::bench {
namespace {

using loadgen::RunReport;
using loadgen::SocketOptions;
using loadgen::Workload;

// One SET outstanding on each, as memtier_benchmark does: GETs of a key that is being written are misses, and
// the more SETs wait at memcached, the more of the keys asked for are.
constexpr std::uint32_t kConnections = 32;
constexpr double kFirstRps = 20'000;
constexpr double kOfAmdahl = 0.7;
// GETs begin some time after SETs do: the generator in the kernel is slow to start.
constexpr double kSetsLongerSeconds = 0.06;
constexpr double kAbortLoss = 0.3;
constexpr double kGraceSeconds = 0.1;

struct Mix {
  const char* name;
  double writes;  // share
  double hit_rate_min;
};

// The GETs are checked against version 0, so SETs write that again.
SocketOptions set_options() {
  SocketOptions options;
  options.connections = kConnections;
  options.yielding = true;
  options.traffic.sets = 1;
  options.traffic.gets = 0;
  options.traffic.rewrite = true;
  return options;
}

// Other keys at the same moment than the GETs.
Workload set_workload(Run& run) {
  loadgen::WorkloadOptions items = run.scene().items;
  items.draw_seed += 1;
  return demo::unwrap(Workload::create(items));
}

loadgen::FindMaxPlan search_plan(Run& run, const char* name) {
  loadgen::FindMaxPlan search = run.plan().search;
  search.start_rps = run.start_rps(name, kFirstRps);
  search.confirm_seconds = run.pace().seconds;
  return search;
}

// SETs alone, sent as those of the mixes are: at a rate. In a closed loop they were fewer than in a mix.
double set_rate(Run& run) {
  constexpr const char* kName = "sets";
  return run.remembered(kName, [&] {
    run.progress().step(std::string("sets alone, ") + name_of(run.side()));
    const Workload workload = set_workload(run);
    const auto sets = run.sockets(loadgen::make_tcp_transport, workload, set_options());
    const auto window = [&](double rps, double seconds) {
      return Result<RunReport>(run.counted(
          sets->run({.rps = rps, .seconds = seconds, .grace_seconds = kGraceSeconds}, run.stop(), {})));
    };
    const double best = demo::unwrap(loadgen::find_max(search_plan(run, kName), window)).best.rps();
    run.found_rps(kName, best);
    return best;
  });
}

// Both loads for one window; everything that was to be done and was not is lost.
class MixedLoad {
 public:
  MixedLoad(Run& run, double writes)
      : run_(run),
        writes_(writes),
        set_workload_(set_workload(run)),
        sets_(run.sockets(loadgen::make_tcp_transport, set_workload_, set_options())),
        gets_(demo::unwrap(demo::open_session(run.stage().link(), run.scene().items, run.plan()))) {}

  Result<RunReport> window(double rps, double seconds) {
    Result<RunReport> sets = RunReport{};
    std::thread writer([&] {
      demo::prefer_this_thread(demo::kLoadPriority);
      sets = sets_->run(
          {.rps = rps * writes_, .seconds = seconds + kSetsLongerSeconds, .grace_seconds = kGraceSeconds},
          run_.stop(), {});
    });
    const double hits_before = run_.bmcd() != nullptr ? run_.bmcd()->kernel_hits() : 0;
    const Result<RunReport> gets = gets_.transport->run(
        {.rps = rps * (1 - writes_), .seconds = seconds, .abort_loss = kAbortLoss}, run_.stop(), {});
    writer.join();
    const RunReport written = run_.counted(std::move(sets));
    RunReport both = run_.counted(gets);
    const double answered = static_cast<double>(std::max<std::uint64_t>(1, both.answered()));
    hit_rate_ = run_.bmcd() != nullptr ? (run_.bmcd()->kernel_hits() - hits_before) / answered : 0;
    set_p99_us_ = written.latency.quantile_ns(0.99) / 1000;
    add_writes(both, written, rps * writes_);
    return both;
  }

  double hit_rate() const { return hit_rate_; }
  double set_p99_us() const { return set_p99_us_; }

 private:
  // As many as belong to the time of the GETs.
  static void add_writes(RunReport& both, const RunReport& written, double planned_rps) {
    if (written.seconds <= 0) return;
    const double done = written.rps() * both.seconds;
    both.sent += static_cast<std::uint64_t>(std::max(planned_rps * both.seconds, done));
    both.counter[LOADGEN_ANSWERED] += static_cast<std::uint64_t>(done);
  }

  Run& run_;
  double writes_;
  Workload set_workload_;
  std::unique_ptr<loadgen::SocketTransport> sets_;
  demo::Session gets_;
  double hit_rate_ = 0, set_p99_us_ = 0;
};

Sample measure_mix(Run& run, const Mix& mix) {
  const double sets_alone = set_rate(run);
  const double gets_alone =
      run.remembered(kHitCase, [&] { return run.best_rate(kHitCase, run.scene().items).rps; });
  run.progress().step(std::string(mix.name) + ", " + name_of(run.side()));
  const DeepQueues deep(run.stage().memcached().pid());
  MixedLoad load(run, mix.writes);
  const auto best = demo::unwrap(loadgen::find_max(
      search_plan(run, mix.name), [&](double rps, double seconds) { return load.window(rps, seconds); }));
  run.found_rps(mix.name, best.best.rps());
  const double left = amdahl_rate(mix.writes, sets_alone, gets_alone);
  Sample sample{best.best.rps(),
                {{"loss", best.best.loss()},
                 {"sets_alone", sets_alone},
                 {"gets_alone", gets_alone},
                 {"amdahl", left},
                 {"of_amdahl", left > 0 ? best.best.rps() / left : 0},
                 {"set_p99_us", load.set_p99_us()}}};
  if (run.bmcd() != nullptr) sample.more["kernel_hit_rate"] = load.hit_rate();
  if (!best.confirmed) sample.more["unsteady"] = 1;
  return sample;
}

Case case_of(const Mix& mix, const char* what, const char* target) {
  return {mix.name,
          "requests/s",
          what,
          kSceneSmall,
          {Side::kPlain, Side::kBmcd},
          [mix](Run& run) { return measure_mix(run, mix); },
          {target, [mix](const Outcome& o) {
             return o.more(Side::kBmcd, "of_amdahl") >= kOfAmdahl &&
                    o.more(Side::kBmcd, "kernel_hit_rate") >= mix.hit_rate_min;
           }}};
}

}  // namespace

std::vector<Case> mix_cases() {
  return {case_of({"udp_get95_set5", 0.05, 0.9}, "GETs over UDP, 5 % SETs over TCP, the same keys",
                  ">= 70 % of Amdahl, kernel hits >= 90 %"),
          case_of({"udp_get80_set20", 0.2, 0}, "20 % SETs", ">= 70 % of Amdahl"),
          case_of({"udp_get50_set50", 0.5, 0}, "50 % SETs", ">= 70 % of Amdahl")};
}

}  // namespace bmc::bench

// SPDX-License-Identifier: Apache-2.0
// See runner.h.
#include "netns-tests/bench/runner.h"

#include <algorithm>

namespace bmc::bench {
namespace {

class SceneRun {
 public:
  SceneRun(const Scene& scene, const RunnerOptions& options, Results& results, std::stop_token stop)
      : scene_(scene),
        options_(options),
        results_(results),
        stop_(stop),
        run_(stage_, scene_, options_.pace, progress_, std::move(stop), results.total) {}

  void measure() {
    progress_.step(scene_.name + ": storing " + demo::grouped(scene_.items.key_count) + " items");
    stage_.start_memcached(scene_.memcached_mb);
    stage_.fill(scene_.items, false, stop_);
    for (int round = 1; round <= options_.rounds; ++round) {
      progress_.step(scene_.name + ": round " + std::to_string(round) + " of " +
                     std::to_string(options_.rounds));
      for (const Side side : kSides) measure_side(side, round);
    }
  }

 private:
  bool wanted(const Case& each, Side side, int round) const {
    return (round == 1 || !each.once) && each.scene == scene_.name && options_.sides.count(side) != 0 &&
           std::find(each.sides.begin(), each.sides.end(), side) != each.sides.end();
  }

  Sample sample_of(const Case& each) {
    const std::uint64_t wrong = results_.total.wrong();
    Sample sample = each.measure(run_);
    if (results_.total.wrong() > wrong)
      sample.more["wrong"] = static_cast<double>(results_.total.wrong() - wrong);
    return sample;
  }

  void measure_side(Side side, int round) {
    if (std::none_of(results_.cases.begin(), results_.cases.end(),
                     [&](const auto& each) { return wanted(each.first, side, round); }))
      return;
    std::unique_ptr<demo::BmcdProcess> bmcd;
    if (side == Side::kBmcd) {
      demo::BmcdOptions options;
      options.bmcd = options_.bmcd;
      options.bmcctl = options_.bmcctl;
      options.memory = scene_.bmcd_memory;
      options.rest_after = scene_.bmcd_rest_after;
      bmcd = stage_.start_bmcd(options);
    }
    run_.enter(side, bmcd.get());
    if (bmcd) run_.warm_up();
    for (auto& [each, outcome] : results_.cases)
      if (wanted(each, side, round)) outcome.samples[side].push_back(sample_of(each));
    run_.enter(side, nullptr);
  }

  const Scene& scene_;
  const RunnerOptions& options_;
  Results& results_;
  std::stop_token stop_;
  demo::ProgressLine progress_;
  demo::Stage stage_;
  Run run_;
};

}  // namespace

Results measure(const std::vector<Case>& cases, const std::vector<Scene>& scenes,
                const RunnerOptions& options, const std::stop_token& stop) {
  Results results;
  for (const Case& each : cases) results.cases.emplace_back(each, Outcome{});
  for (const Scene& scene : scenes) {
    if (std::any_of(cases.begin(), cases.end(), [&](const Case& each) { return each.scene == scene.name; }))
      SceneRun(scene, options, results, stop).measure();
  }
  return results;
}

}  // namespace bmc::bench

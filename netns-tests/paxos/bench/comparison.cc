// SPDX-License-Identifier: Apache-2.0
// See comparison.h.
#include "netns-tests/paxos/bench/comparison.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "netns-tests/bench/statistics.h"

namespace bmc::bench {
namespace {

struct Wanted {
  std::size_t replicas;
  double more_requests, less_p50, less_p99;  // percent
};
constexpr Wanted kWanted[] = {{3, 35, 13, 12}, {5, 105, 20, 25}, {7, 128, 26, 42}};

// Request in, commit out; the rest is for timers and heartbeats.
constexpr double kWakeupsMax = 2, kWakeupsOfTimers = 0.1;

bool is_same_cluster(const EchoOptions& a, const EchoOptions& b) {
  return a.replicas == b.replicas && a.durability == b.durability && a.batching == b.batching &&
         a.busy_poll_us == b.busy_poll_us;
}

const Case* without_offloads(const Case& each, const std::vector<Case>& cases) {
  const auto found = std::find_if(cases.begin(), cases.end(), [&](const Case& other) {
    return other.cluster.side == &kSides[0] && is_same_cluster(other.cluster, each.cluster) &&
           std::string_view(other.load.name) == each.load.name;
  });
  return found == cases.end() ? nullptr : &*found;
}

template <typename... Numbers>
std::string printed(const char* format, Numbers... numbers) {
  char text[120];
  std::snprintf(text, sizeof(text), format, numbers...);
  return text;
}

std::optional<Target> of_wakeups(const Case& each) {
  const double wakeups = each.median().leader.wakeups;
  return Target{printed("<= %.0f wake-ups at the leader", kWakeupsMax),
                wakeups <= kWakeupsMax + kWakeupsOfTimers};
}

}  // namespace

std::optional<Ratios> ratios_of(const Case& each, const std::vector<Case>& cases) {
  const Case* const off = without_offloads(each, cases);
  if (each.cluster.side == nullptr || off == nullptr || off == &each) return std::nullopt;
  const std::size_t runs = std::min(each.runs.size(), off->runs.size());
  if (runs == 0) return std::nullopt;
  const auto of = [&](auto figure) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < runs; ++i) ratios.push_back(figure(each.runs[i]) / figure(off->runs[i]));
    return median_of(std::move(ratios));
  };
  return Ratios{of([](const Figures& run) { return run.per_second; }),
                of([](const Figures& run) { return run.p50_us; }),
                of([](const Figures& run) { return run.p99_us; }),
                of([](const Figures& run) { return run.leader.attributed_us(); }),
                of([](const Figures& run) { return run.backup.attributed_us(); })};
}

std::optional<Target> target_of(const Case& each, const Ratios& ratios) {
  const EchoOptions& cluster = each.cluster;
  if (cluster.side != &kSides[std::size(kSides) - 1] || cluster.durability != "memory" || cluster.batching ||
      cluster.busy_poll_us > 0)
    return std::nullopt;
  if (each.load.clients == 1) return of_wakeups(each);
  const auto* const wanted = std::find_if(std::begin(kWanted), std::end(kWanted), [&](const Wanted& one) {
    return one.replicas == cluster.replicas;
  });
  if (wanted == std::end(kWanted)) return std::nullopt;
  if (each.load.clients == 2)
    return Target{printed("p50 -%.0f %%, p99 -%.0f %%", wanted->less_p50, wanted->less_p99),
                  ratios.p50 <= 1 - wanted->less_p50 / 100 && ratios.p99 <= 1 - wanted->less_p99 / 100};
  return Target{printed("requests/s +%.0f %%", wanted->more_requests),
                ratios.per_second >= 1 + wanted->more_requests / 100};
}

}  // namespace bmc::bench

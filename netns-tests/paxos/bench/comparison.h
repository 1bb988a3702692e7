// SPDX-License-Identifier: Apache-2.0
// The sides of the offloads' cases compared with the side "off", and with what is to be reached. Pure. Used
// by the report.
#ifndef BMC_NETNS_TESTS_PAXOS_BENCH_COMPARISON_H
#define BMC_NETNS_TESTS_PAXOS_BENCH_COMPARISON_H

#include <optional>
#include <string>
#include <vector>

#include "netns-tests/paxos/bench/measurement.h"

namespace bmc::bench {

// To the same case with the side "off": medians of the quotients of the runs.
struct Ratios {
  double per_second = 0, p50 = 0, p99 = 0;
  double leader_cpu = 0, backup_cpu = 0;  // attributed
};

// Nothing: the case has no side, is "off" itself, or there is no run of "off" to compare with.
std::optional<Ratios> ratios_of(const Case& each, const std::vector<Case>& cases);

// What is to be reached by all offloads together; after Electrode's own relative results.
struct Target {
  std::string text;  // in words
  bool is_met = false;
};
std::optional<Target> target_of(const Case& each, const Ratios& ratios);

}  // namespace bmc::bench

#endif

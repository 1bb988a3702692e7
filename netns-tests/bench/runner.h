// SPDX-License-Identifier: Apache-2.0
// The order of the measurements: scene after scene, in each round every side in turn, under it every case. So
// a slow moment of the machine does not fall on one side alone. Used by the program.
#ifndef BMC_NETNS_TESTS_BENCH_RUNNER_H
#define BMC_NETNS_TESTS_BENCH_RUNNER_H

#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "netns-tests/bench/case.h"
#include "netns-tests/bench/run.h"

namespace bmc::bench {

struct RunnerOptions {
  int rounds = 5;
  Pace pace = {};
  std::set<Side> sides{std::begin(kSides), std::end(kSides)};
  std::string bmcd, bmcctl;  // paths
};

struct Results {
  std::vector<std::pair<Case, Outcome>> cases;
  loadgen::RunReport total;  // what the checker has counted in everything
};

// Throws demo::Interrupted, lab::LabError; everything made is removed then too.
Results measure(const std::vector<Case>& cases, const std::vector<Scene>& scenes,
                const RunnerOptions& options, const std::stop_token& stop);

}  // namespace bmc::bench

#endif

// SPDX-License-Identifier: Apache-2.0
// Many seeds, one after the other, in processes of their own: a run that aborts or hangs is a failure like
// any other and stops nothing. Used by paxos-sim and by the mutants' test.
#ifndef BMC_PAXOS_SIM_RUNNER_H
#define BMC_PAXOS_SIM_RUNNER_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "apps/paxos/sim/profile.h"
#include "apps/paxos/sim/world.h"

namespace bmc::paxos::sim {

struct Failure {
  std::uint64_t seed = 0;
  std::string invariant;
  std::string what;
};

// Sums over all runs.
struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t packets = 0;
  std::uint64_t committed = 0;
  std::uint64_t answered = 0;
  std::uint64_t stale_answers = 0;
  std::uint64_t simulated_us = 0;
  FaultCounts faults;
};

struct Report {
  Totals totals;
  std::vector<Failure> failures;  // by seed
};

// Runs the seeds options.seed … options.seed + count - 1, `jobs` at a time, until `failures_max` have failed.
// `on_failure` is called for each as soon as it is known.
Report run_seeds(const SimOptions& options, std::uint64_t count, unsigned jobs, std::size_t failures_max,
                 const std::function<void(const Failure&)>& on_failure);

// The options of paxos-sim that do the run of `seed` again.
std::string replay_arguments(const SimOptions& options, std::uint64_t seed);

}  // namespace bmc::paxos::sim

#endif

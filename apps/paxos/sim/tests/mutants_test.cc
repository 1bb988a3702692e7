// SPDX-License-Identifier: Apache-2.0
// Every known bug, switched on, is found within a bounded number of seeds: the simulator's faults and
// checkers are good enough to see it.
#include <gtest/gtest.h>

#include "apps/paxos/core/mutant.h"
#include "apps/paxos/sim/cluster.h"
#include "apps/paxos/sim/runner.h"

namespace bmc::paxos::sim {
namespace {

constexpr std::uint64_t kSeedsMax = 20'000;

class MutantTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(MutantTest, IsCaught) {
  SimOptions options;
  options.mutants = MutantSet(static_cast<Mutant>(GetParam()));
  const Report report = run_seeds(options, kSeedsMax, 1, 1, [&](const Failure& failure) {
    std::printf("caught after %llu seeds: %s: %s\n  again: paxos-sim %s --verbose\n",
                static_cast<unsigned long long>(failure.seed), failure.invariant.c_str(),
                failure.what.c_str(), replay_arguments(options, failure.seed).c_str());
  });
  EXPECT_EQ(report.failures.size(), 1u)
      << bmc::paxos::text_of(static_cast<Mutant>(GetParam())) << ": nothing found in " << report.totals.seeds;
}

INSTANTIATE_TEST_SUITE_P(All, MutantTest, ::testing::Range<std::size_t>(0, kMutants), [](const auto& test) {
  return bmc::paxos::name_of(static_cast<Mutant>(test.param));
});

}  // namespace
}  // namespace bmc::paxos::sim

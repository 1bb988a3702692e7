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

void expect_caught(const SimOptions& options, const char* text) {
  const Report report = run_seeds(options, kSeedsMax, 1, 1, [&](const Failure& failure) {
    std::printf("caught after %llu seeds: %s: %s\n  again: paxos-sim %s --verbose\n",
                static_cast<unsigned long long>(failure.seed), failure.invariant.c_str(),
                failure.what.c_str(), replay_arguments(options, failure.seed).c_str());
  });
  EXPECT_EQ(report.failures.size(), 1u) << text << ": nothing found in " << report.totals.seeds;
}

class MutantTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(MutantTest, IsCaught) {
  SimOptions options;
  options.mutants = MutantSet(static_cast<Mutant>(GetParam()));
  // Those of the core itself are not thinned out by kernels that do its work.
  const bool is_of_the_seam = static_cast<Mutant>(GetParam()) >= Mutant::fence_not_frozen;
  options.accelerators = is_of_the_seam ? Accelerators::kOn : Accelerators::kOff;
  expect_caught(options, bmc::paxos::text_of(static_cast<Mutant>(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(All, MutantTest, ::testing::Range<std::size_t>(0, kMutants), [](const auto& test) {
  return bmc::paxos::name_of(static_cast<Mutant>(test.param));
});

// Mistakes of the fast path in a whole cluster. Not here, and found by fastpath/tests where every
// interleaving is tried: those that only delay (wakeup_before_accept, sleeps_unlooked, awake_said_late,
// exact_count, scan_before_raise: the core counts for itself and looks on a timer), those that arming anew
// covers (scan_any_generation), that no replica of this cluster provokes (proposed_unchecked), and those that
// need three coincidences (no_claim, stale_claims_newer, again_from_stale_gate).
constexpr enum fast_mutant kFastMutants[] = {
    FAST_MUTANT_no_freeze,          FAST_MUTANT_read_then_freeze,     FAST_MUTANT_advance_before_store,
    FAST_MUTANT_ack_without_accept, FAST_MUTANT_no_space_check,       FAST_MUTANT_no_generation_in_swap,
    FAST_MUTANT_append_over_gap,    FAST_MUTANT_checksum_ignored,     FAST_MUTANT_tail_before_copy,
    FAST_MUTANT_no_drain,           FAST_MUTANT_arm_keeps_generation, FAST_MUTANT_acked_plain_store,
    FAST_MUTANT_quorum_off_by_one,  FAST_MUTANT_view_unchecked,       FAST_MUTANT_incarnation_unchecked,
    FAST_MUTANT_stale_commit_cell,
};

class FastMutantTest : public ::testing::TestWithParam<enum fast_mutant> {};

TEST_P(FastMutantTest, IsCaught) {
  SimOptions options;
  options.fast_mutant = GetParam();
  options.accelerators = Accelerators::kOn;
  expect_caught(options, text_of(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(All, FastMutantTest, ::testing::ValuesIn(kFastMutants),
                         [](const auto& test) { return name_of(test.param); });

}  // namespace
}  // namespace bmc::paxos::sim

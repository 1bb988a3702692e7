// SPDX-License-Identifier: Apache-2.0
// Every interleaving of a small leader: none breaks an invariant; with any one rule left out, one does.
#include <gtest/gtest.h>

#include "apps/paxos/fastpath/tests/leader_system.h"

namespace bmc::paxos::test {
namespace {

constexpr std::uint64_t kStatesMax = 20'000'000;

void expect_holds(const LeaderBounds& bounds) {
  const Explored found = Explorer<LeaderSystem>::run(LeaderSystem(bounds), kStatesMax);
  EXPECT_EQ(found.violation, "");
  for (const std::string& each : found.trace) std::printf("    %s\n", each.c_str());
  EXPECT_TRUE(found.complete);
  std::printf("%llu states\n", static_cast<unsigned long long>(found.states));
}

void expect_found(LeaderBounds bounds, fast_mutant mutant) {
  bounds.mutant = mutant;
  const Explored found = Explorer<LeaderSystem>::run(LeaderSystem(bounds), kStatesMax);
  EXPECT_NE(found.violation, "") << "not found";
  std::printf("%s, after %zu steps, %llu states\n", found.violation.c_str(), found.trace.size(),
              static_cast<unsigned long long>(found.states));
}

constexpr LeaderBounds kOneTerm{.packets = 1, .ops = 2, .proposed = 1};
constexpr LeaderBounds kFive{.replicas = 5, .packets = 1, .ops = 2, .proposed = 2};
constexpr LeaderBounds kTwoTerms{.packets = 1, .terms = 2, .ops = 2, .proposed = 2};
constexpr LeaderBounds kStrays{.packets = 1, .terms = 2, .ops = 1, .proposed = 1, .strays = true};
constexpr LeaderBounds kSleeping{.packets = 1, .ops = 2, .proposed = 2, .sleeps = true};

TEST(ExploreLeader, OneTerm) { expect_holds(kOneTerm); }
TEST(ExploreLeader, FiveReplicas) { expect_holds(kFive); }
TEST(ExploreLeader, TwoTerms) { expect_holds(kTwoTerms); }
TEST(ExploreLeader, Strays) { expect_holds(kStrays); }
TEST(ExploreLeader, Sleeping) { expect_holds(kSleeping); }

TEST(ExploreLeaderMutant, exact_count) { expect_found(kOneTerm, FAST_MUTANT_exact_count); }
TEST(ExploreLeaderMutant, scan_before_raise) { expect_found(kOneTerm, FAST_MUTANT_scan_before_raise); }
TEST(ExploreLeaderMutant, acked_plain_store) { expect_found(kOneTerm, FAST_MUTANT_acked_plain_store); }
TEST(ExploreLeaderMutant, quorum_off_by_one) { expect_found(kOneTerm, FAST_MUTANT_quorum_off_by_one); }
TEST(ExploreLeaderMutant, scan_any_generation) { expect_found(kTwoTerms, FAST_MUTANT_scan_any_generation); }
TEST(ExploreLeaderMutant, proposed_unchecked) { expect_found(kOneTerm, FAST_MUTANT_proposed_unchecked); }
TEST(ExploreLeaderMutant, view_unchecked) { expect_found(kStrays, FAST_MUTANT_view_unchecked); }
TEST(ExploreLeaderMutant, incarnation_unchecked) { expect_found(kStrays, FAST_MUTANT_incarnation_unchecked); }
TEST(ExploreLeaderMutant, awake_said_late) { expect_found(kSleeping, FAST_MUTANT_awake_said_late); }
TEST(ExploreLeaderMutant, sleeps_unlooked) { expect_found(kSleeping, FAST_MUTANT_sleeps_unlooked); }

}  // namespace
}  // namespace bmc::paxos::test

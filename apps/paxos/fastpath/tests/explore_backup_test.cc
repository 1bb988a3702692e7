// SPDX-License-Identifier: Apache-2.0
// Every interleaving of a small backup: none breaks an invariant; with any one rule left out, one does.
#include <gtest/gtest.h>

#include "apps/paxos/fastpath/tests/backup_system.h"

namespace bmc::paxos::test {
namespace {

constexpr std::uint64_t kStatesMax = 20'000'000;

void expect_holds(const BackupBounds& bounds) {
  const Explored found = Explorer<BackupSystem>::run(BackupSystem(bounds), kStatesMax);
  EXPECT_EQ(found.violation, "");
  for (const std::string& each : found.trace) std::printf("    %s\n", each.c_str());
  EXPECT_TRUE(found.complete);
  std::printf("%llu states\n", static_cast<unsigned long long>(found.states));
}

// Finds it within one of the bounds under which the product holds.
void expect_found(BackupBounds bounds, fast_mutant mutant) {
  bounds.mutant = mutant;
  const Explored found = Explorer<BackupSystem>::run(BackupSystem(bounds), kStatesMax);
  EXPECT_NE(found.violation, "") << "not found";
  std::printf("%s, after %zu steps, %llu states\n", found.violation.c_str(), found.trace.size(),
              static_cast<unsigned long long>(found.states));
}

constexpr BackupBounds kOneTerm{.packets = 3, .terms = 1};
constexpr BackupBounds kTwoTerms{.packets = 2, .terms = 2};
constexpr BackupBounds kThreeTerms{.packets = 1, .terms = 3, .ops = 2};
constexpr BackupBounds kDamaged{.packets = 2, .terms = 1, .ops = 2, .damaged = true};
constexpr BackupBounds kPieces{.packets = 2, .terms = 2, .pieces = true};
constexpr BackupBounds kSleeping{.packets = 2, .terms = 1, .ops = 2, .sleeps = true};
constexpr BackupBounds kSleepingDeep{
    .packets = 2, .terms = 1, .ops = 2, .sleeps = true, .sleep = Sleep::kDeep};

TEST(ExploreBackup, OneTerm) { expect_holds(kOneTerm); }
TEST(ExploreBackup, TwoTerms) { expect_holds(kTwoTerms); }
TEST(ExploreBackup, ThreeTerms) { expect_holds(kThreeTerms); }
TEST(ExploreBackup, Damaged) { expect_holds(kDamaged); }
TEST(ExploreBackup, Pieces) { expect_holds(kPieces); }
TEST(ExploreBackup, Sleeping) { expect_holds(kSleeping); }
TEST(ExploreBackup, SleepingDeep) { expect_holds(kSleepingDeep); }

TEST(ExploreBackupMutant, no_freeze) { expect_found(kOneTerm, FAST_MUTANT_no_freeze); }
TEST(ExploreBackupMutant, read_then_freeze) { expect_found(kOneTerm, FAST_MUTANT_read_then_freeze); }
TEST(ExploreBackupMutant, advance_before_store) { expect_found(kOneTerm, FAST_MUTANT_advance_before_store); }
TEST(ExploreBackupMutant, ack_without_accept) { expect_found(kOneTerm, FAST_MUTANT_ack_without_accept); }
TEST(ExploreBackupMutant, no_space_check) { expect_found(kOneTerm, FAST_MUTANT_no_space_check); }
TEST(ExploreBackupMutant, no_claim) { expect_found(kTwoTerms, FAST_MUTANT_no_claim); }
TEST(ExploreBackupMutant, no_generation_in_swap) {
  expect_found(kTwoTerms, FAST_MUTANT_no_generation_in_swap);
}
TEST(ExploreBackupMutant, stale_claims_newer) { expect_found(kTwoTerms, FAST_MUTANT_stale_claims_newer); }
TEST(ExploreBackupMutant, again_from_stale_gate) {
  expect_found(kThreeTerms, FAST_MUTANT_again_from_stale_gate);
}
TEST(ExploreBackupMutant, append_over_gap) { expect_found(kOneTerm, FAST_MUTANT_append_over_gap); }
TEST(ExploreBackupMutant, checksum_ignored) { expect_found(kDamaged, FAST_MUTANT_checksum_ignored); }
TEST(ExploreBackupMutant, tail_before_copy) { expect_found(kOneTerm, FAST_MUTANT_tail_before_copy); }
TEST(ExploreBackupMutant, no_drain) { expect_found(kOneTerm, FAST_MUTANT_no_drain); }
TEST(ExploreBackupMutant, arm_keeps_generation) { expect_found(kTwoTerms, FAST_MUTANT_arm_keeps_generation); }
TEST(ExploreBackupMutant, wakeup_before_accept) { expect_found(kSleeping, FAST_MUTANT_wakeup_before_accept); }
TEST(ExploreBackupMutant, sleeps_unlooked) { expect_found(kSleeping, FAST_MUTANT_sleeps_unlooked); }
TEST(ExploreBackupMutant, wakeup_before_accept_deep) {
  expect_found(kSleepingDeep, FAST_MUTANT_wakeup_before_accept);
}
TEST(ExploreBackupMutant, sleeps_unlooked_deep) { expect_found(kSleepingDeep, FAST_MUTANT_sleeps_unlooked); }

}  // namespace
}  // namespace bmc::paxos::test

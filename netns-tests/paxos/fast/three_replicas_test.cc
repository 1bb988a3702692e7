// SPDX-License-Identifier: Apache-2.0
// The fast path on a network: PREPAREs from a leader's socket are accepted and acknowledged by the backups'
// programs, and the leader's program counts that to a commit; no process sees any of it. Run by ctest, labels
// netns and kernel-6.1.
#include <gtest/gtest.h>

#include "netns-tests/paxos/fast/star.h"

namespace bmc::fast {
namespace {

using namespace paxos::test;
using lab::Deadline;
using lab::eventually;
using paxos::Op;
using paxos::ReplicaIndex;

constexpr std::int64_t kLimitMs = 20'000;  // under emulation everything takes its time
constexpr Op kOps = 20;
constexpr ReplicaIndex kOtherBackup = kLeader - 1;
static_assert(kBackup != kOtherBackup && kOtherBackup < kReplicas);

class ThreeReplicas : public testing::Test {
 protected:
  void SetUp() override {
    for (const ReplicaIndex each : kBackups) {
      paxos::BackupTerm term = backup_term();
      term.self = each;
      term.own_incarnation = kIncarnation + each;
      term.lease_ns = kHour;
      ASSERT_TRUE(star_.host(each).backup().arm(term));
    }
    ASSERT_TRUE(star_.leader().leader().arm(leader_term()));
  }

  paxos::LeaderGate& leader() { return star_.leader().leader(); }
  void propose(Op op, const Datagram& prepare) {
    ASSERT_TRUE(leader().propose(op));
    for (const ReplicaIndex each : kBackups) star_.leader().send(prepare.payload, each);
  }
  bool becomes_committed(Op op) {
    return eventually(Deadline::in_ms(kLimitMs), [&] { return leader().commit() == op; });
  }
  void expect_nothing_for_processes() {
    for (ReplicaIndex each = 0; each < kReplicas; ++each)
      EXPECT_EQ(star_.host(each).receive(Deadline::in_ms(0)), std::nullopt) << unsigned{each};
  }

  static constexpr ReplicaIndex kBackups[] = {kBackup, kOtherBackup};
  Star star_;
};

TEST_F(ThreeReplicas, CommitWithoutTheirProcesses) {
  std::vector<std::string> sent;
  for (Op op = kBase + 1; op <= kBase + kOps; ++op) {
    sent.push_back(prepare(op, kView, std::string(static_cast<std::size_t>(op), 'b')).payload);
    propose(op, prepare(op, kView, std::string(static_cast<std::size_t>(op), 'b')));
  }
  EXPECT_TRUE(becomes_committed(kBase + kOps)) << "the two backups are a quorum";
  EXPECT_TRUE(eventually(Deadline::in_ms(kLimitMs),
                         [&] { return star_.leader().counter(PAXOS_DROP_COUNTED) == 2 * kOps; }));
  for (const ReplicaIndex each : kBackups) {
    EXPECT_EQ(star_.host(each).counter(PAXOS_TX_ACKED), kOps);
    EXPECT_EQ(leader().acked(each), kBase + kOps);
    EXPECT_EQ(star_.host(each).backup().take(), sent);
  }
  expect_nothing_for_processes();
}

TEST_F(ThreeReplicas, AFrozenBackupDoesNotAcknowledge) {
  star_.host(kOtherBackup).backup().freeze();
  const Datagram sent = prepare(kBase + 1);
  propose(kBase + 1, sent);
  EXPECT_EQ(star_.host(kOtherBackup).receive(Deadline::in_ms(kLimitMs)), sent.payload)
      << "its process decides";
  EXPECT_TRUE(eventually(Deadline::in_ms(kLimitMs), [&] { return leader().acked(kBackup) == kBase + 1; }));
  EXPECT_EQ(leader().commit(), kBase) << "one of three is no quorum";
  EXPECT_EQ(star_.host(kOtherBackup).counter(PAXOS_PASS_FROZEN), 1u);
  leader().acknowledge_self(kBase + 1);
  EXPECT_EQ(leader().commit(), kBase + 1);
  expect_nothing_for_processes();
}

TEST_F(ThreeReplicas, ADamagedPrepareIsNotAcknowledged) {
  Datagram damaged = prepare(kBase + 1);
  damaged.header().view ^= 1;  // the hash is the old one
  propose(kBase + 1, damaged);
  for (const ReplicaIndex each : kBackups)
    EXPECT_TRUE(eventually(Deadline::in_ms(kLimitMs),
                           [&] { return star_.host(each).counter(PAXOS_DROP_DAMAGED) == 1; }));
  propose(kBase + 1, prepare(kBase + 1));
  EXPECT_TRUE(becomes_committed(kBase + 1));
  EXPECT_TRUE(
      eventually(Deadline::in_ms(kLimitMs), [&] { return star_.leader().counter(PAXOS_DROP_COUNTED) == 2; }));
  expect_nothing_for_processes();
}

}  // namespace
}  // namespace bmc::fast

// SPDX-License-Identifier: Apache-2.0
// The process's side of the gates: terms, what is taken when, sleeping.
#include <gtest/gtest.h>

#include "apps/paxos/fastpath/tests/fixture.h"

namespace bmc::paxos::test {
namespace {

TEST(BackupGate, TakesInOrderAndOnce) {
  Memory memory;
  BackupGate gate(memory.world());
  EXPECT_FALSE(gate.is_armed());
  EXPECT_TRUE(gate.freeze().empty());
  gate.arm(backup_term());
  EXPECT_TRUE(gate.is_armed());
  EXPECT_TRUE(gate.take().empty());
  std::vector<std::string> sent;
  for (Op op = kBase + 1; op <= kBase + 3; ++op) {
    Datagram each = prepare(op);
    memory.deliver(each);
    sent.push_back(each.payload);
  }
  EXPECT_EQ(gate.take(), sent);
  EXPECT_TRUE(gate.take().empty());
  Datagram last = prepare(kBase + 4);
  memory.deliver(last);
  EXPECT_EQ(gate.freeze(), std::vector<std::string>{last.payload});
  EXPECT_FALSE(gate.is_armed());
  EXPECT_TRUE(gate.freeze().empty());
  EXPECT_TRUE(gate.take().empty());
}

TEST(BackupGate, ATermForgetsTheOneBefore) {
  Memory memory;
  BackupGate gate(memory.world());
  for (__u64 generation = 1; generation <= 5; ++generation) {
    const Op base = kBase + 3 * generation;
    ASSERT_TRUE(gate.arm(backup_term(base)));
    EXPECT_EQ(memory.cells().gate, PAXOS_ARMED | PAXOS_POSITION(generation, 0));
    EXPECT_OUT(PASS_GAP, memory.deliver(prepare(base + 2)));
    EXPECT_OUT(TX_ACKED, memory.deliver(prepare(base + 1)));
    EXPECT_OUT(TX_ACKED, memory.deliver(prepare(base + 2)));
    EXPECT_EQ(gate.freeze().size(), 2u);
  }
}

TEST(BackupGate, EndsWithItsGenerations) {
  Memory memory;
  BackupGate gate(memory.world());
  memory.cells().gate = PAXOS_POSITION(PAXOS_GENERATION_MAX - 1, 7);
  EXPECT_TRUE(gate.arm(backup_term()));
  EXPECT_OUT(TX_ACKED, memory.deliver(prepare(kBase + 1)));
  EXPECT_EQ(gate.freeze().size(), 1u);
  EXPECT_FALSE(gate.arm(backup_term()));
  EXPECT_OUT(PASS_FROZEN, memory.deliver(prepare(kBase + 1)));
}

// A process that comes later finds all in the cells.
TEST(BackupGate, MadeAnewItGoesOn) {
  Memory memory;
  BackupGate(memory.world()).arm(backup_term());
  memory.deliver(prepare(kBase + 1));
  EXPECT_EQ(BackupGate(memory.world()).take().size(), 1u);
  memory.deliver(prepare(kBase + 2));
  EXPECT_EQ(BackupGate(memory.world()).freeze().size(), 1u);
}

TEST(BackupGate, DoesNotSleepOverNews) {
  Memory memory;
  BackupGate gate(memory.world());
  gate.arm(backup_term());
  memory.deliver(prepare(kBase + 1));
  EXPECT_TRUE(memory.rings().empty()) << "nobody sleeps";
  EXPECT_FALSE(gate.may_sleep());
  EXPECT_EQ(memory.cells().need_wakeup, 0u);
  gate.take();
  EXPECT_TRUE(gate.may_sleep());
  memory.deliver(prepare(kBase + 2));
  memory.deliver(prepare(kBase + 3));
  EXPECT_EQ(memory.rings().size(), 1u) << "once";
}

TEST(BackupGate, SleepsDeepUntilHalfOfTheSlotsAreInUse) {
  Memory memory;
  BackupGate gate(memory.world());
  gate.arm(backup_term());
  EXPECT_TRUE(gate.may_sleep(Sleep::kDeep));
  const Op half = memory.world().slot_count / 2;
  for (Op op = 1; op < half; ++op) EXPECT_OUT(TX_ACKED, memory.deliver(prepare(kBase + op)));
  EXPECT_TRUE(memory.rings().empty());
  EXPECT_TRUE(gate.may_sleep(Sleep::kDeep)) << "one less than half";
  EXPECT_OUT(TX_ACKED, memory.deliver(prepare(kBase + half)));
  EXPECT_EQ(memory.rings().size(), 1u);
  EXPECT_FALSE(gate.may_sleep(Sleep::kDeep));
  EXPECT_EQ(gate.take().size(), half);
  EXPECT_TRUE(gate.may_sleep(Sleep::kDeep));
}

class BackupGateDeathTest : public testing::Test {
 protected:
  BackupGateDeathTest() {
    gate.arm(backup_term());
    memory.deliver(prepare(kBase + 1));
  }
  Memory memory;
  BackupGate gate{memory.world()};
};

TEST_F(BackupGateDeathTest, AcceptedIsKept) {
  memory.slot(1).tag = PAXOS_SLOT_WRITING | PAXOS_POSITION(1ull, 1);
  EXPECT_DEATH(gate.take(), "accepted_is_kept");
}

TEST_F(BackupGateDeathTest, AcceptedHasALength) {
  memory.slot(1).message_bytes = PAXOS_MESSAGE_MAX + 1;
  EXPECT_DEATH(gate.freeze(), "accepted_is_kept");
}

TEST_F(BackupGateDeathTest, ArmsOnlyWhileFrozen) { EXPECT_DEATH(gate.arm(backup_term()), "valid_options"); }

TEST(LeaderGate, EndsWithItsGenerations) {
  Memory memory;
  LeaderGate gate(memory.world());
  memory.cells().leader_gate = PAXOS_POSITION(PAXOS_GENERATION_MAX, 0);
  EXPECT_FALSE(gate.arm(leader_term()));
  LeaderTerm term = leader_term();
  memory.cells().leader_gate = 0;
  term.proposed = term.base + PAXOS_REL_MAX + 1;
  EXPECT_FALSE(gate.arm(term));
  EXPECT_FALSE(gate.is_armed());
}

}  // namespace
}  // namespace bmc::paxos::test

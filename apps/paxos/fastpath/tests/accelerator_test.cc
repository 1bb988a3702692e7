// SPDX-License-Identifier: Apache-2.0
// The accelerator: what a core's fence asks for, done on the memory that the programs share.
#include "apps/paxos/fastpath/accelerator.h"

#include <gtest/gtest.h>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/fastpath/switched_fence.h"
#include "apps/paxos/fastpath/tests/fixture.h"

namespace bmc::paxos::test {
namespace {

AcceleratorOptions options_of(ReplicaIndex self, Durability durability = Durability::kMemory) {
  AcceleratorOptions options;
  options.cluster_id = kCluster;
  options.epoch = kEpoch;
  options.self = self;
  options.replica_count = kReplicas;
  options.durability = durability;
  options.lease_ns = kLease;
  for (ReplicaIndex i = 0; i < kReplicas; ++i) options.addresses[i] = address_of(i);
  return options;
}

ArmBackup arm_backup(Op base = kBase) {
  return {kView, base, kLeader, kIncarnation + kLeader, kIncarnation + kBackup};
}

ArmLeader arm_leader(Op proposed) {
  ArmLeader term{kView, kBase, proposed, {}, {}};
  for (ReplicaIndex i = 0; i < kReplicas; ++i) term.incarnation[i] = kIncarnation + i;
  return term;
}

// As a core sends it: its body has a CRC.
Datagram sent_prepare(Op op, std::uint8_t level = PAXOS_ACK_MEMORY) {
  Message message;
  message.type = MessageType::kPrepare;
  message.flags = PAXOS_FLAG_KERNEL_ACK_OK;
  message.sender = kLeader;
  message.incarnation = kIncarnation + kLeader;
  message.ack_level = level;
  message.view = kView;
  message.op = op;
  message.chain = 0xc0ffee00 + op;
  message.body = std::make_shared<const std::string>("batch " + std::to_string(op));
  Datagram made;
  made.payload = encode(message, kCluster, kEpoch);
  made.from(kLeader);
  return made.seal_checksum();
}

// Two bits of the body flip so that the UDP checksum stays right.
Datagram damaged(Datagram datagram) {
  char* body = datagram.payload.data() + sizeof(paxos_header);
  std::swap(body[0], body[2]);
  return datagram;
}

TEST(Accelerator, GivesBackWhatWasAccepted) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 1)));
  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 2)));
  const Fenced fenced = accelerator.take();
  ASSERT_EQ(fenced.accepted.size(), 2u);
  EXPECT_EQ(fenced.accepted[1].op, kBase + 2);
  EXPECT_EQ(fenced.accepted[1].chain, 0xc0ffee00 + kBase + 2);
  EXPECT_EQ(*fenced.accepted[1].body, "batch " + std::to_string(kBase + 2));
  EXPECT_TRUE(fenced.leader_heard);
  EXPECT_FALSE(accelerator.take().leader_heard);

  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 3)));
  EXPECT_EQ(accelerator.freeze().accepted.size(), 1u);
  EXPECT_OUT(PASS_FROZEN, memory.deliver(sent_prepare(kBase + 4)));
}

void accept(Memory& memory, Op first, Op last) {
  for (Op op = first; op <= last; ++op) ASSERT_STREQ(name_of(memory.deliver(sent_prepare(op))), "TX_ACKED");
}

TEST(Accelerator, GivesABurstInPieces) {
  Memory memory(64);
  Accelerator accelerator(memory.world(), options_of(kBackup));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  accept(memory, kBase + 1, kBase + 11);
  Op next = kBase + 1;
  for (int piece = 0; piece < 2; ++piece) {
    ASSERT_TRUE(accelerator.next_piece());
    const Fenced fenced = accelerator.take();
    ASSERT_EQ(fenced.accepted.size(), 4u);
    for (const Message& each : fenced.accepted) EXPECT_EQ(each.op, next++);
  }
  EXPECT_FALSE(accelerator.next_piece());
  EXPECT_EQ(accelerator.take().accepted.size(), 3u);
  EXPECT_FALSE(accelerator.next_piece());
  accept(memory, kBase + 12, kBase + 22);
  EXPECT_EQ(accelerator.take().accepted.size(), 11u) << "nobody has asked for a piece";
  accept(memory, kBase + 23, kBase + 22 + 47);
  EXPECT_TRUE(accelerator.next_piece());
  accept(memory, kBase + 22 + 48, kBase + 22 + 48);
  EXPECT_FALSE(accelerator.next_piece()) << "there is little room left";
  EXPECT_EQ(accelerator.take().accepted.size(), 48u);
}

TEST(Accelerator, WhatEndsATermGivesAll) {
  Memory memory(64);
  Accelerator accelerator(memory.world(), options_of(kBackup));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  accept(memory, kBase + 1, kBase + 11);
  ASSERT_TRUE(accelerator.next_piece());
  EXPECT_FALSE(accelerator.next_piece()) << "nobody takes";
  ASSERT_TRUE(accelerator.next_piece());
  EXPECT_EQ(accelerator.freeze().accepted.size(), 11u);
  // bmcd freezes between two pieces.
  ArmBackup again = arm_backup();
  again.base = kBase + 11;
  ASSERT_TRUE(accelerator.arm_backup(again));
  accept(memory, kBase + 12, kBase + 22);
  ASSERT_TRUE(accelerator.next_piece());
  EXPECT_EQ(accelerator.take().accepted.size(), 4u);
  ASSERT_TRUE(accelerator.next_piece());
  __atomic_fetch_and(&memory.cells().gate, ~PAXOS_ARMED, __ATOMIC_SEQ_CST);
  const Fenced last = accelerator.take();
  EXPECT_TRUE(last.is_frozen);
  EXPECT_EQ(last.accepted.size(), 7u);
}

TEST(Accelerator, IsArmedForWhomTheCoreSays) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup));
  ArmBackup unknown = arm_backup();
  unknown.leader_incarnation = 0;
  ASSERT_TRUE(accelerator.arm_backup(unknown));
  EXPECT_OUT(PASS_SENDER, memory.deliver(sent_prepare(kBase + 1)));
  accelerator.freeze();
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 1)));
  EXPECT_EQ(memory.ack().incarnation, kIncarnation + kBackup);
}

TEST(Accelerator, InWalItAbsorbs) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup, Durability::kWal));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  EXPECT_OUT(DROP_ABSORBED, memory.deliver(sent_prepare(kBase + 1, PAXOS_ACK_DURABLE)));
  EXPECT_FALSE(accelerator.take().asked_again);
  EXPECT_OUT(DROP_ASKED_AGAIN, memory.deliver(sent_prepare(kBase + 1, PAXOS_ACK_DURABLE)));
  EXPECT_FALSE(accelerator.may_sleep(0, false));
  EXPECT_TRUE(accelerator.take().asked_again);
  EXPECT_TRUE(accelerator.may_sleep(0, false));
  EXPECT_FALSE(accelerator.take().asked_again);
}

TEST(Accelerator, InMemoryEntriesWaitUnlessSomebodyWaitsForThem) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  EXPECT_TRUE(accelerator.may_sleep(0, false));
  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 1)));
  EXPECT_TRUE(memory.rings().empty());
  EXPECT_TRUE(accelerator.may_sleep(0, false));
  EXPECT_FALSE(accelerator.may_sleep(0, true)) << "a read waits";
  EXPECT_EQ(accelerator.take().accepted.size(), 1u);
  EXPECT_TRUE(accelerator.may_sleep(0, true));
  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 2)));
  EXPECT_EQ(memory.rings().size(), 1u);
}

TEST(Accelerator, InWalEveryEntryWakes) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup, Durability::kWal));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  EXPECT_TRUE(accelerator.may_sleep(0, false));
  EXPECT_OUT(DROP_ABSORBED, memory.deliver(sent_prepare(kBase + 1, PAXOS_ACK_DURABLE)));
  EXPECT_EQ(memory.rings().size(), 1u);
}

// Of a datagram that the checksum let through. In wal nobody was told: it is as if it had not come.
TEST(Accelerator, InWalDamageIsLeftOut) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup, Durability::kWal));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  memory.deliver(sent_prepare(kBase + 1, PAXOS_ACK_DURABLE));
  EXPECT_OUT(DROP_ABSORBED, memory.deliver(damaged(sent_prepare(kBase + 2, PAXOS_ACK_DURABLE))));
  memory.deliver(sent_prepare(kBase + 3, PAXOS_ACK_DURABLE));
  const Fenced fenced = accelerator.take();
  EXPECT_TRUE(fenced.is_frozen);
  ASSERT_EQ(fenced.accepted.size(), 1u);
  EXPECT_OUT(PASS_FROZEN, memory.deliver(sent_prepare(kBase + 4, PAXOS_ACK_DURABLE)));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup(kBase + 1)));
  EXPECT_OUT(DROP_ABSORBED, memory.deliver(sent_prepare(kBase + 2, PAXOS_ACK_DURABLE)));
}

TEST(AcceleratorDeathTest, InMemoryDamageWasAcknowledged) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  EXPECT_OUT(TX_ACKED, memory.deliver(damaged(sent_prepare(kBase + 1))));
  EXPECT_DEATH(accelerator.take(), "accepted_is_kept");
}

TEST(Accelerator, Counts) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kLeader));
  ASSERT_TRUE(accelerator.arm_leader(arm_leader(kBase)));
  EXPECT_EQ(accelerator.commit(), kBase);
  ASSERT_TRUE(accelerator.propose(kBase + 2));
  EXPECT_OUT(DROP_COUNTED, memory.deliver(prepare_ok(kBackup, kBase + 2)));
  EXPECT_EQ(accelerator.commit(), kBase);
  accelerator.acknowledge_self(kBase + 1);
  EXPECT_EQ(accelerator.acked(kBackup), kBase + 2);
  EXPECT_EQ(accelerator.commit(), kBase + 1);
  EXPECT_FALSE(accelerator.may_sleep(kBase, false));
  EXPECT_TRUE(accelerator.may_sleep(kBase + 1, false));
  EXPECT_TRUE(accelerator.freeze().accepted.empty());
  EXPECT_EQ(accelerator.acked(kBackup), kBase + 2);
  EXPECT_OUT(PASS_NOT_LEADING, memory.deliver(prepare_ok(kBackup, kBase + 2)));
}

// Another life's acknowledgements neither count nor are remembered.
TEST(Accelerator, AnotherTermForgetsTheCells) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kLeader));
  ASSERT_TRUE(accelerator.arm_leader(arm_leader(kBase + 1)));
  EXPECT_OUT(DROP_COUNTED, memory.deliver(prepare_ok(kBackup, kBase + 1)));
  accelerator.freeze();
  ArmLeader term = arm_leader(kBase + 1);
  ++term.incarnation[kBackup];
  ASSERT_TRUE(accelerator.arm_leader(term));
  EXPECT_EQ(accelerator.acked(kBackup), 0u);
  EXPECT_OUT(PASS_PEER, memory.deliver(prepare_ok(kBackup, kBase + 1)));
}

// The memory of a process that is gone: the program has gone on for a while.
TEST(Accelerator, BeginsFrozenWhateverItFinds) {
  Memory memory;
  {
    Accelerator earlier(memory.world(), options_of(kBackup));
    ASSERT_TRUE(earlier.arm_backup(arm_backup()));
    ASSERT_TRUE(earlier.arm_leader(arm_leader(kBase)));
  }
  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 1)));
  Accelerator accelerator(memory.world(), options_of(kBackup));
  EXPECT_OUT(PASS_FROZEN, memory.deliver(sent_prepare(kBase + 2)));
  EXPECT_OUT(PASS_NOT_LEADING, memory.deliver(prepare_ok(kLeader, kBase)));
  EXPECT_TRUE(accelerator.take().accepted.empty());
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 1)));
  EXPECT_EQ(accelerator.freeze().accepted.size(), 1u);
}

// bmcd freezes the gates of whom it holds for dead; the core is told, and arms anew.
TEST(Accelerator, NoticesThatSomebodyFrozeIt) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 1)));
  shared_add(&memory.cells().gate, -PAXOS_ARMED);
  EXPECT_OUT(PASS_FROZEN, memory.deliver(sent_prepare(kBase + 2)));
  const Fenced fenced = accelerator.take();
  EXPECT_EQ(fenced.accepted.size(), 1u);
  EXPECT_TRUE(fenced.is_frozen);
  ASSERT_TRUE(accelerator.arm_backup(arm_backup(kBase + 1)));
  EXPECT_FALSE(accelerator.take().is_frozen);

  Memory of_leader;
  Accelerator leader(of_leader.world(), options_of(kLeader));
  ASSERT_TRUE(leader.arm_leader(arm_leader(kBase)));
  EXPECT_TRUE(leader.propose(kBase + 1));
  shared_add(&of_leader.cells().leader_gate, -PAXOS_ARMED);
  EXPECT_FALSE(leader.propose(kBase + 2));
}

// Of a process that polls in place of sleeping: it is told the same.
TEST(Accelerator, HasNews) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup));
  ASSERT_TRUE(accelerator.arm_backup(arm_backup()));
  EXPECT_FALSE(accelerator.has_news(0));
  memory.deliver(sent_prepare(kBase + 1));
  EXPECT_TRUE(accelerator.has_news(0));
  accelerator.freeze();
  EXPECT_FALSE(accelerator.has_news(0));

  Memory of_leader;
  Accelerator leader(of_leader.world(), options_of(kLeader));
  ASSERT_TRUE(leader.arm_leader(arm_leader(kBase)));
  ASSERT_TRUE(leader.propose(kBase + 1));
  leader.acknowledge_self(kBase + 1);
  EXPECT_FALSE(leader.has_news(kBase));
  of_leader.deliver(prepare_ok(kBackup, kBase + 1));
  EXPECT_TRUE(leader.has_news(kBase));
  EXPECT_FALSE(leader.has_news(kBase + 1));
}

TEST(Accelerator, EachHalfCanBeOff) {
  Memory memory;
  AcceleratorOptions options = options_of(kBackup);
  options.accepts = false;
  EXPECT_FALSE(Accelerator(memory.world(), options).arm_backup(arm_backup()));
  options.counts = false;
  EXPECT_FALSE(Accelerator(memory.world(), options).arm_leader(arm_leader(kBase)));
  EXPECT_OUT(PASS_FROZEN, memory.deliver(sent_prepare(kBase + 1)));
}

// With nothing behind it it is a fence that stays frozen.
TEST(SwitchedFence, ForwardsToWhatIsBehindIt) {
  Memory memory, other;
  Accelerator one(memory.world(), options_of(kBackup)), two(other.world(), options_of(kBackup));
  SwitchedFence fence;
  EXPECT_FALSE(fence.arm_backup(arm_backup()));
  EXPECT_FALSE(fence.arm_leader(arm_leader(kBase)));
  EXPECT_FALSE(fence.propose(kBase + 1));
  fence.acknowledge_self(kBase + 1);
  EXPECT_EQ(fence.acked(kBackup), 0u);
  EXPECT_EQ(fence.commit(), 0u);
  EXPECT_TRUE(fence.take().is_frozen);
  EXPECT_TRUE(fence.freeze().accepted.empty());

  fence.exchange(&one);
  ASSERT_TRUE(fence.arm_backup(arm_backup()));
  EXPECT_OUT(TX_ACKED, memory.deliver(sent_prepare(kBase + 1)));
  EXPECT_EQ(fence.freeze().accepted.size(), 1u);
  fence.exchange(&two);
  ASSERT_TRUE(fence.arm_backup(arm_backup(kBase + 1)));
  EXPECT_OUT(PASS_FROZEN, memory.deliver(sent_prepare(kBase + 2)));
  EXPECT_OUT(TX_ACKED, other.deliver(sent_prepare(kBase + 2)));
  EXPECT_EQ(fence.take().accepted.size(), 1u);
  EXPECT_EQ(fence.counters().accepted, 2u);
  EXPECT_EQ(fence.counters().armed, 2u);
  EXPECT_EQ(fence.counters().frozen, 1u);
}

TEST(SwitchedFence, CountsAcknowledgements) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kLeader));
  SwitchedFence fence;
  fence.exchange(&accelerator);
  ASSERT_TRUE(fence.arm_leader(arm_leader(kBase)));
  ASSERT_TRUE(fence.propose(kBase + 3));
  memory.deliver(prepare_ok(kBackup, kBase + 2));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(fence.acked(kBackup), kBase + 2);
  EXPECT_EQ(fence.counters().acknowledged, 2u);
}

// What it accepted would be lost: no such thing happens silently.
TEST(SwitchedFenceDeathTest, NothingLeavesItArmed) {
  Memory memory;
  Accelerator accelerator(memory.world(), options_of(kBackup));
  SwitchedFence fence;
  fence.exchange(&accelerator);
  ASSERT_TRUE(fence.arm_backup(arm_backup()));
  EXPECT_DEATH(fence.exchange(nullptr), "accepted_is_kept");
}

}  // namespace
}  // namespace bmc::paxos::test

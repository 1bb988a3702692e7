// SPDX-License-Identifier: Apache-2.0
// The seam of the kernel offloads: at any time either the fence or the core accepts, and what the fence has
// acknowledged is in the log before this replica promises anything to another view.
#include <gtest/gtest.h>

#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/tests/test_cluster.h"

namespace bmc::paxos {
namespace {

class FakeFence : public Fence {
 public:
  Fenced freeze() override {
    EXPECT_TRUE(is_armed);
    is_armed = false;
    return std::exchange(done, {});
  }
  Fenced take() override {
    EXPECT_TRUE(is_armed);
    is_armed = !done.is_frozen;
    return std::exchange(done, {});
  }
  bool arm_backup(const ArmBackup& term) override {
    backup = term;
    return arm(term.base);
  }
  bool arm_leader(const ArmLeader& term) override {
    leader = term;
    cells = term.acked;
    return arm(term.base);
  }
  bool propose(Op op) override {
    EXPECT_TRUE(is_armed);
    proposed = op;
    return op < proposed_end;
  }
  void acknowledge_self(Op op) override { cells[0] = op; }
  Op acked(ReplicaIndex replica) const override { return cells[replica]; }
  Op commit() const override { return committed; }

  bool is_armed = false;
  bool can_arm = true;
  Op base = 0;
  ArmBackup backup;
  ArmLeader leader;
  Fenced done;
  std::array<Op, PAXOS_REPLICAS_MAX> cells{};
  Op committed = 0;
  Op proposed = 0;
  Op proposed_end = 1000;

 private:
  bool arm(Op base_of_arm) {
    EXPECT_FALSE(is_armed);
    is_armed = can_arm;
    base = base_of_arm;
    return can_arm;
  }
};

// Replica 1 of three, in memory; others say.
class FenceTest : public testing::Test {
 protected:
  explicit FenceTest(ReplicaIndex index = 1, Durability durability = Durability::kMemory) {
    CoreOptions options = test_options(3, durability);
    options.index = index;
    Restored restored;
    restored.state.incarnation = 1;
    restored.log_is_whole = true;
    core = std::make_unique<ReplicaCore>(options, restored, machine, 1, now, &fence);
    core->take_effects();
  }
  Message prepare(Op op) {
    static const auto kBatch =
        std::make_shared<const std::string>(body::Batch().SerializeAsString() + "\x08\x01");
    Message message;
    message.type = MessageType::kPrepare;
    message.sender = 0;
    message.incarnation = 1;
    message.op = op;
    for (Op i = 1; i < op; ++i) message.chain = chain_of(message.chain, i, 0, *kBatch);
    message.body = kBatch;
    return message;
  }
  Effects deliver(const Message& message) {
    core->on_message(now, 0, message);
    return core->take_effects();
  }

  Micros now = 1000;
  FakeFence fence;
  ListMachine machine;
  std::unique_ptr<ReplicaCore> core;
};

TEST_F(FenceTest, IsArmedWhenNormal) {
  EXPECT_TRUE(fence.is_armed);
  EXPECT_EQ(fence.base, 0u);
}

TEST_F(FenceTest, IsFrozenWhileTheCoreAccepts) {
  deliver(prepare(1));
  EXPECT_EQ(core->look().op, 1u);
  EXPECT_TRUE(fence.is_armed);
  EXPECT_EQ(fence.base, 1u);
}

TEST_F(FenceTest, WhatItAcceptedComesFirst) {
  fence.done.accepted = {prepare(1), prepare(2)};
  deliver(prepare(3));
  EXPECT_EQ(core->look().op, 3u);
  EXPECT_EQ(fence.base, 3u);
}

TEST_F(FenceTest, IsTakenFromAtEveryTick) {
  fence.done.accepted = {prepare(1)};
  core->on_tick(now, 0);
  EXPECT_EQ(core->look().op, 1u);
  EXPECT_TRUE(fence.is_armed);
}

TEST_F(FenceTest, StaysFrozenOverAGap) {
  deliver(prepare(2));
  EXPECT_FALSE(fence.is_armed);
  deliver(prepare(1));
  EXPECT_TRUE(fence.is_armed);
  EXPECT_EQ(fence.base, 2u);
}

// C1 and C3 at the seam.
TEST_F(FenceTest, AVoteTellsWhatItAcknowledged) {
  fence.done.accepted = {prepare(1), prepare(2)};
  Message newer;
  newer.sender = 2;
  newer.incarnation = 1;
  newer.view = 3;
  newer.body = prepare(1).body;
  deliver(newer);
  EXPECT_FALSE(fence.is_armed);
  core->on_stored(now, 0, 1);
  const Effects effects = core->take_effects();
  bool found = false;
  for (const SendToReplicas& each : effects.sends) {
    if (each.message.type != MessageType::kDoViewChange) continue;
    found = true;
    EXPECT_EQ(each.message.op, 2u);
  }
  EXPECT_TRUE(found);
}

TEST_F(FenceTest, IsArmedAnewForAnotherLifeOfTheLeader) {
  deliver(prepare(1));
  EXPECT_EQ(fence.backup.leader_incarnation, 1u);
  Message commit;
  commit.type = MessageType::kCommit;
  commit.sender = 0;
  commit.incarnation = 1;
  commit.body = std::make_shared<const std::string>();
  fence.done.accepted = {prepare(2)};
  deliver(commit);  // accepts nothing, so the accelerator goes on
  EXPECT_EQ(core->look().op, 2u);
  EXPECT_EQ(fence.base, 1u);
  commit.incarnation = 2;
  deliver(commit);
  EXPECT_EQ(fence.base, 2u);
  EXPECT_EQ(fence.backup.leader_incarnation, 2u);
}

TEST_F(FenceTest, TheLeaderIsHeardThroughIt) {
  for (int i = 0; i < 40; ++i) {
    now += 20'000;
    fence.done.leader_heard = true;
    core->on_accelerated(now, 0);
    core->on_tick(now, 0);
    core->take_effects();
  }
  EXPECT_EQ(core->look().status, Status::kNormal);
  now += 1'000'000;
  core->on_tick(now, 0);
  const Effects effects = core->take_effects();
  ASSERT_EQ(effects.sends.size(), 1u);
  EXPECT_EQ(effects.sends[0].message.type, MessageType::kStartViewChange);
}

TEST_F(FenceTest, WhenItStopsByItselfItIsArmedAnew) {
  fence.done.accepted = {prepare(1)};
  fence.done.is_frozen = true;
  core->on_accelerated(now, 0);
  core->take_effects();
  EXPECT_TRUE(fence.is_armed);
  EXPECT_EQ(fence.base, 1u);
}

// The accelerator is exchanged: nothing that it acknowledged is lost, and until the burst ends the core is
// alone.
TEST_F(FenceTest, BeforeItChangesItGivesBackEverything) {
  fence.done.accepted = {prepare(1), prepare(2)};
  core->on_fence_changes(now, 0);
  EXPECT_FALSE(fence.is_armed);
  EXPECT_EQ(core->look().op, 2u);
  fence.can_arm = false;  // another one
  core->take_effects();
  deliver(prepare(3));
  EXPECT_EQ(core->look().op, 3u);
  fence.can_arm = true;
  core->on_fence_changes(now, 0);
  core->take_effects();
  EXPECT_TRUE(fence.is_armed);
  EXPECT_EQ(fence.base, 3u);
}

TEST_F(FenceTest, WhenItCannotBeArmedTheCoreAccepts) {
  fence.can_arm = false;
  deliver(prepare(1));
  EXPECT_FALSE(fence.is_armed);
  const Effects effects = deliver(prepare(2));
  EXPECT_EQ(core->look().op, 2u);
  EXPECT_EQ(effects.sends.size(), 1u);
}

class WalFenceTest : public FenceTest {
 protected:
  WalFenceTest() : FenceTest(1, Durability::kWal) {}
};

// It only absorbs: the acknowledgement follows the disk.
TEST_F(WalFenceTest, WhatItAbsorbedIsAcknowledgedWhenStored) {
  fence.done.accepted = {prepare(1), prepare(2)};
  core->on_accelerated(now, 0);
  Effects effects = core->take_effects();
  EXPECT_TRUE(effects.sends.empty());
  ASSERT_EQ(effects.stores.size(), 2u);
  core->on_stored(now, 0, effects.stores.back().number);
  effects = core->take_effects();
  ASSERT_EQ(effects.sends.size(), 1u);
  EXPECT_EQ(effects.sends[0].message.type, MessageType::kPrepareOk);
  EXPECT_EQ(effects.sends[0].message.op, 2u);
}

TEST_F(WalFenceTest, WhoAsksAgainIsToldWhatIsDurable) {
  fence.done.accepted = {prepare(1)};
  core->on_accelerated(now, 0);
  core->on_stored(now, 0, core->take_effects().stores.back().number);
  core->take_effects();
  fence.done.accepted = {prepare(2)};
  fence.done.asked_again = true;
  core->on_accelerated(now, 0);
  const Effects effects = core->take_effects();
  ASSERT_EQ(effects.sends.size(), 1u);
  EXPECT_EQ(effects.sends[0].message.op, 1u);
}

class LeaderFenceTest : public FenceTest {
 protected:
  LeaderFenceTest() : FenceTest(0) {
    for (ReplicaIndex i = 1; i < 3; ++i) hear(i, 1);
  }
  void hear(ReplicaIndex from, std::uint32_t incarnation) {
    Message pong;
    pong.type = MessageType::kPong;
    pong.sender = from;
    pong.incarnation = incarnation;
    pong.body = std::make_shared<const std::string>();
    deliver(pong);
  }
  void propose(std::uint64_t client) {
    body::Request request;
    request.set_client(client);
    request.set_kind(body::Request::REGISTER);
    Message message;
    message.type = MessageType::kRequest;
    message.body = std::make_shared<const std::string>(request.SerializeAsString());
    now += 10'000;
    deliver(message);
    core->on_tick(now, 0);
    core->take_effects();
  }
};

TEST_F(LeaderFenceTest, ItKnowsWhoseAcknowledgementsCount) {
  EXPECT_TRUE(fence.is_armed);
  EXPECT_EQ(fence.leader.incarnation[1], 1u);
  EXPECT_EQ(fence.leader.incarnation[2], 1u);
}

TEST_F(LeaderFenceTest, IsToldOfAProposalAndOfTheOwnVote) {
  propose(7);
  EXPECT_EQ(core->look().op, 1u);
  EXPECT_EQ(fence.proposed, 1u);
  EXPECT_EQ(fence.cells[0], 1u);
}

// What it counted came at any time since it was last asked: a leader that stood still does not know that it
// is still one.
TEST_F(LeaderFenceTest, WhatWasCountedLongAgoIsNotHeardNow) {
  propose(7);
  now += 10'000'000;
  fence.cells[1] = 1;
  core->on_accelerated(now, 0);
  EXPECT_EQ(core->look().commit, 1u);
  EXPECT_FALSE(core->look().is_serving);
  fence.cells[2] = 1;
  core->on_accelerated(now, 0);
  EXPECT_TRUE(core->look().is_serving);
}

// Q2 at the seam: the q-th largest of the cells, not what the accelerator says.
TEST_F(LeaderFenceTest, TheCoreCountsTheCells) {
  propose(7);
  core->on_accelerated(now, 0);
  EXPECT_EQ(core->look().commit, 0u);
  fence.cells[2] = 1;
  core->on_accelerated(now, 0);
  EXPECT_EQ(core->look().commit, 1u);
}

TEST_F(LeaderFenceTest, BeforeItChangesWhatItCountedCounts) {
  propose(7);
  fence.cells[2] = 1;
  core->on_fence_changes(now, 0);
  EXPECT_FALSE(fence.is_armed);
  EXPECT_EQ(core->look().commit, 1u);
}

// An acknowledgement of an earlier life, counted before the new one was heard of, is forgotten.
TEST_F(LeaderFenceTest, AnotherLifeIsCountedAnew) {
  propose(7);
  fence.cells[2] = 1;
  hear(2, 2);
  EXPECT_EQ(core->look().commit, 0u);
  EXPECT_TRUE(fence.is_armed);
  EXPECT_EQ(fence.leader.acked[2], 0u);
  EXPECT_EQ(fence.leader.incarnation[2], 2u);
}

TEST_F(LeaderFenceTest, WithoutRoomForProposalsItIsArmedAnew) {
  fence.proposed_end = 1;
  propose(7);
  EXPECT_TRUE(fence.is_armed);
  EXPECT_EQ(fence.leader.proposed, 1u);
}

// A program's acknowledgement repeats the chain of the entry before, or says nothing of it.
TEST_F(LeaderFenceTest, AcknowledgementsOfPrograms) {
  propose(7);
  Message ok;
  ok.type = MessageType::kPrepareOk;
  ok.flags = PAXOS_FLAG_KERNEL_ACK_OK;
  ok.ack_level = PAXOS_ACK_MEMORY;
  ok.sender = 1;
  ok.incarnation = 1;
  ok.op = 1;
  ok.chain = 99;
  ok.body = std::make_shared<const std::string>();
  deliver(ok);
  EXPECT_EQ(core->look().commit, 0u);
  ok.chain = 0;
  deliver(ok);
  EXPECT_EQ(core->look().commit, 1u);
}

TEST_F(FenceTest, IsFrozenAtTheEnd) {
  core.reset();
  EXPECT_FALSE(fence.is_armed);
}

TEST(FenceDeathTest, WhatItAcceptedContinuesTheLog) {
  EXPECT_DEATH(
      {
        CoreOptions options = test_options(3, Durability::kMemory);
        options.index = 1;
        Restored restored;
        restored.state.incarnation = 1;
        restored.log_is_whole = true;
        ListMachine machine;
        FakeFence fence;
        ReplicaCore core(options, restored, machine, 1, 0, &fence);
        core.take_effects();
        Message wrong;
        wrong.type = MessageType::kPrepare;
        wrong.op = 2;
        wrong.body = std::make_shared<const std::string>("x");
        fence.done.accepted = {wrong};
        core.on_tick(1, 0);
      },
      "fenced_is_next");
}

using LeaderFenceDeathTest = LeaderFenceTest;

TEST_F(LeaderFenceDeathTest, AWrongCommitCellIsNotBelieved) {
  propose(7);
  fence.committed = 1;
  EXPECT_DEATH(core->on_accelerated(now, 0), "commit_is_counted");
}

}  // namespace
}  // namespace bmc::paxos

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
  std::vector<Message> freeze() override {
    EXPECT_TRUE(is_armed);
    is_armed = false;
    return std::exchange(accepted, {});
  }
  std::vector<Message> take() override {
    EXPECT_TRUE(is_armed);
    return std::exchange(accepted, {});
  }
  void arm_backup(View view_of_arm, Op base_of_arm) override { arm(view_of_arm, base_of_arm); }
  void arm_leader(View view_of_arm, Op base_of_arm) override { arm(view_of_arm, base_of_arm); }

  bool is_armed = false;
  View view = 0;
  Op base = 0;
  std::vector<Message> accepted;

 private:
  void arm(View view_of_arm, Op base_of_arm) {
    EXPECT_FALSE(is_armed);
    is_armed = true;
    view = view_of_arm;
    base = base_of_arm;
  }
};

// A backup of three, in memory.
class FenceTest : public testing::Test {
 protected:
  FenceTest() {
    CoreOptions options = test_options(3, Durability::kMemory);
    options.index = 1;
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
    message.ack_level = PAXOS_ACK_MEMORY;
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
  fence.accepted = {prepare(1), prepare(2)};
  deliver(prepare(3));
  EXPECT_EQ(core->look().op, 3u);
  EXPECT_EQ(fence.base, 3u);
}

TEST_F(FenceTest, IsTakenFromAtEveryTick) {
  fence.accepted = {prepare(1)};
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
  fence.accepted = {prepare(1), prepare(2)};
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
        fence.accepted = {wrong};
        core.on_tick(1, 0);
      },
      "fenced_is_next");
}

}  // namespace
}  // namespace bmc::paxos

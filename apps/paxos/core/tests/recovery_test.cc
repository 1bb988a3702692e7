// SPDX-License-Identifier: Apache-2.0
// Restarts: who may be normal at once, what recovery waits for, and what a crash in the midst of an
// installation leaves behind.
#include <gtest/gtest.h>

#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/tests/test_cluster.h"

namespace bmc::paxos {
namespace {

TEST(RecoveryTest, NeedsAQuorumOfOthers) {
  TestCluster cluster(test_options(3, Durability::kMemory));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.crash(1);
  cluster.restart(2);
  cluster.run_for(3'000'000);
  EXPECT_EQ(cluster.look(2).status, Status::kRecovering);
}

TEST(RecoveryTest, TakesTheLeadersLog) {
  TestCluster cluster(test_options(3, Durability::kMemory));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.crash(2);
  ASSERT_TRUE(cluster.apply_and_wait(1, "b"));
  cluster.restart(2);
  EXPECT_EQ(cluster.look(2).op, 0u);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.look(2).status == Status::kNormal; }));
  EXPECT_EQ(cluster.look(2).op, cluster.look(0).op);
  EXPECT_EQ(cluster.look(2).view, 0u);
}

// C9: a restarted replica that has lost its log must not take part, even if all of them have.
TEST(RecoveryTest, NobodyIsNormalWhenAllHaveForgotten) {
  TestCluster cluster(test_options(3, Durability::kMemory));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  for (ReplicaIndex i = 0; i < 3; ++i) cluster.crash(i);
  for (ReplicaIndex i = 0; i < 3; ++i) cluster.restart(i);
  cluster.run_for(5'000'000);
  for (ReplicaIndex i = 0; i < 3; ++i) EXPECT_EQ(cluster.look(i).status, Status::kRecovering);
}

TEST(RecoveryTest, AloneInMemoryNeverComesBack) {
  TestCluster cluster(test_options(1, Durability::kMemory));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.restart(0);
  cluster.run_for(5'000'000);
  EXPECT_EQ(cluster.look(0).status, Status::kRecovering);
}

TEST(RecoveryTest, ARecoveringReplicaAnswersNoRead) {
  TestCluster cluster(test_options(1, Durability::kMemory));
  cluster.restart(0);
  for (const auto kind : {body::Request::READ, body::Request::READ_STALE}) {
    cluster.replies.clear();
    cluster.read(0, "", kind);
    ASSERT_EQ(cluster.replies.size(), 1u);
    EXPECT_EQ(cluster.replies[0].status(), body::Reply::NOT_LEADER);
  }
}

// The promise of a view outlives the crash: the others have to come to that view.
TEST(RecoveryTest, DoesNotGoBackBehindTheDurableView) {
  TestCluster cluster(test_options(3, Durability::kMemory));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.crash(2);
  cluster.disk(2).state.view = 5;  // 5 % 3 == 2: the view it would lead itself
  cluster.restart(2);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.look(2).status == Status::kNormal; }));
  EXPECT_GE(cluster.look(2).view, 6u);
  EXPECT_EQ(cluster.look(2).op, cluster.look(0).op);
}

// D2 (found by the model): storage that cannot read the promised view tells one higher than any there ever
// was.
TEST(RecoveryTest, FollowsAViewFarAhead) {
  TestCluster cluster(test_options(3, Durability::kWal));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.crash(1);
  TestDisk lost;
  lost.log_is_whole = false;
  lost.state.view = 1'700'000'000'000;
  lost.state.incarnation = 1'700'000'000;
  cluster.disk(1) = lost;
  cluster.restart(1);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.look(1).status == Status::kNormal; }));
  EXPECT_GE(cluster.look(0).view, lost.state.view);
  EXPECT_TRUE(cluster.apply_and_wait(1, "b"));
}

TEST(RecoveryTest, AnswersToAnEarlierLifeDoNotCount) {
  TestCluster cluster(test_options(3, Durability::kMemory));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.loses = [](ReplicaIndex, ReplicaIndex to, const Message&) { return to == 2; };
  cluster.restart(2);
  for (ReplicaIndex from = 0; from < 2; ++from) {
    Message answer = cluster.message_from(from, MessageType::kRecoveryResponse);
    answer.echo = cluster.look(2).incarnation - 1;
    cluster.deliver(2, answer);
  }
  EXPECT_EQ(cluster.ignored(2, Ignored::stale_answer), 2u);
  EXPECT_EQ(cluster.look(2).status, Status::kRecovering);
}

TEST(RecoveryTest, AnAnswerThatWasOvertakenDoesNotCount) {
  TestCluster cluster(test_options(3, Durability::kMemory));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.loses = [](ReplicaIndex, ReplicaIndex to, const Message&) { return to == 2; };
  cluster.restart(2);
  Message answer = cluster.message_from(0, MessageType::kRecoveryResponse);
  answer.echo = cluster.look(2).incarnation;
  answer.view = 7;
  cluster.deliver(2, answer);
  EXPECT_EQ(cluster.ignored(2, Ignored::stale_answer), 0u);
  answer.view = 6;
  cluster.deliver(2, answer);
  EXPECT_EQ(cluster.ignored(2, Ignored::stale_answer), 1u);
}

TEST(RecoveryTest, BackupsAloneAreNotEnough) {
  TestCluster cluster(test_options(5, Durability::kMemory));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.loses = [](ReplicaIndex from, ReplicaIndex to, const Message&) { return from == 0 && to == 4; };
  cluster.restart(4);
  cluster.run_for(3'000'000);
  EXPECT_EQ(cluster.look(4).status, Status::kRecovering);
  cluster.loses = nullptr;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.look(4).status == Status::kNormal; }));
}

TEST(RecoveryTest, ADamagedWalRecoversFromTheOthers) {
  TestCluster cluster(test_options(3, Durability::kWal));
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.crash(1);
  TestDisk fresh;
  fresh.state = cluster.disk(1).state;
  fresh.log_is_whole = false;
  cluster.disk(1) = fresh;
  cluster.restart(1);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.look(1).status == Status::kNormal; }));
  EXPECT_EQ(cluster.disk(1).entries.size(), cluster.disk(0).entries.size());
  EXPECT_TRUE(cluster.disk(1).log_is_whole);
}

TEST(RecoveryTest, ALeaderDoesNotLeadItsOldViewAgain) {
  for (const ReplicaIndex count : {ReplicaIndex{1}, ReplicaIndex{3}}) {
    TestCluster cluster(test_options(count, Durability::kWal));
    ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
    cluster.restart(0);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.leader().has_value(); }));
    EXPECT_GT(cluster.look(*cluster.leader()).view, 0u);
  }
}

TEST(RecoveryTest, ARestartBeforeAnythingHappenedIsARestart) {
  TestCluster cluster(test_options(1, Durability::kWal));
  cluster.restart(0);
  EXPECT_TRUE(cluster.run_until([&] { return cluster.look(0).is_leader && cluster.look(0).view == 1; }));
}

// A crash between a foreign checkpoint and the truncation behind it.
TEST(RecoveryTest, LeftoversBehindAForeignCheckpointAreDropped) {
  CoreOptions options = test_options(3, Durability::kWal);
  options.checkpoint_interval_ops = 4;
  TestCluster cluster(options);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(cluster.apply_and_wait(1, std::to_string(i)));
  ASSERT_EQ(cluster.disk(0).checkpoint_op, 8u);
  cluster.crash(1);
  TestDisk& disk = cluster.disk(1);
  disk.checkpoint = cluster.disk(0).checkpoint;
  disk.log_begin = 8;
  disk.entries.clear();
  const auto batch = std::make_shared<const std::string>("of another log");
  disk.entries.push_back({9, 0, chain_of(12345, 9, 0, *batch), batch});
  cluster.restart(1);
  EXPECT_EQ(cluster.look(1).op, 8u);
  EXPECT_EQ(cluster.look(1).commit, 8u);
  cluster.settle();
  ASSERT_TRUE(cluster.apply_and_wait(1, "more"));
  EXPECT_TRUE(cluster.run_until([&] { return cluster.machine(1).operations.size() == 9; }));
}

TEST(RecoveryTest, CheckpointsAreTheSameBytesEverywhere) {
  CoreOptions options = test_options(5, Durability::kWal);
  options.checkpoint_interval_ops = 8;
  TestCluster cluster(options);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(cluster.apply_and_wait(static_cast<std::uint64_t>(i % 3 + 1), std::to_string(i)));
    if (i == 5) cluster.restart(3);
    if (i == 9) cluster.restart(0);
  }
  ASSERT_TRUE(cluster.run_until([&] {
    for (ReplicaIndex i = 0; i < 5; ++i) {
      if (cluster.disk(i).checkpoint_op < 16) return false;
    }
    return true;
  }));
  for (ReplicaIndex i = 1; i < 5; ++i) EXPECT_EQ(*cluster.disk(i).checkpoint, *cluster.disk(0).checkpoint);
}

TEST(RestoreDeathTest, RefusesWhatContradictsItself) {
  ListMachine machine;
  const CoreOptions options = test_options(3, Durability::kWal);
  const auto start = [&](const CoreOptions& some, Restored restored) {
    ReplicaCore core(some, std::move(restored), machine, 1, 0);
  };
  EXPECT_DEATH(start(options, {}), "valid_options") << "no incarnation";
  Restored good;
  good.state.incarnation = 1;
  CoreOptions even = options;
  even.replica_count = 4;
  EXPECT_DEATH(start(even, good), "valid_options");
  Restored ahead = good;
  ahead.state.log_view = 1;
  EXPECT_DEATH(start(options, ahead), "valid_options");
  Restored torn = good;
  torn.checkpoint = std::make_shared<const std::string>("\xff\xff");
  EXPECT_DEATH(start(options, torn), "snapshot_loads");
}

}  // namespace
}  // namespace bmc::paxos

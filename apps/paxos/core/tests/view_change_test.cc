// SPDX-License-Identifier: Apache-2.0
// View changes: what must survive them, who may start one, and who must not be able to.
#include <gtest/gtest.h>

#include <algorithm>

#include "apps/paxos/core/tests/test_cluster.h"

namespace bmc::paxos {
namespace {

using Loses = std::function<bool(ReplicaIndex, ReplicaIndex, const Message&)>;

Loses isolated(ReplicaIndex alone) {
  return [alone](ReplicaIndex from, ReplicaIndex to, const Message&) { return from == alone || to == alone; };
}

class ViewChangeTest : public testing::TestWithParam<Durability> {
 protected:
  CoreOptions options(std::uint8_t count = 3) const { return test_options(count, GetParam()); }

  static bool leads(TestCluster& cluster, ReplicaIndex index) { return cluster.look(index).is_leader; }
};

TEST_P(ViewChangeTest, AnIsolatedReplicaDoesNotDisturb) {
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.loses = isolated(2);
  cluster.run_for(5'000'000);
  EXPECT_EQ(cluster.look(2).view, 0u) << "a wish alone changes nothing";
  cluster.loses = nullptr;
  cluster.run_for(1'000'000);
  for (ReplicaIndex i = 0; i < 3; ++i) EXPECT_EQ(cluster.look(i).view, 0u);
  EXPECT_EQ(cluster.leader(), ReplicaIndex{0});
}

TEST_P(ViewChangeTest, AReplicaThatHearsNobodyButIsHeardDoesNotDisturb) {
  TestCluster cluster(options());
  cluster.loses = [](ReplicaIndex, ReplicaIndex to, const Message&) { return to == 2; };
  cluster.run_for(5'000'000);
  EXPECT_EQ(cluster.look(0).view, 0u);
  EXPECT_GT(cluster.ignored(0, Ignored::leader_is_heard), 0u);
}

TEST_P(ViewChangeTest, ALeaderThatHearsNobodyFallsSilentAndIsReplaced) {
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.loses = [](ReplicaIndex, ReplicaIndex to, const Message&) { return to == 0; };
  EXPECT_TRUE(cluster.run_until([&] { return leads(cluster, 1) || leads(cluster, 2); }));
  EXPECT_FALSE(cluster.look(0).is_serving);
}

TEST_P(ViewChangeTest, AnIsolatedLeaderStopsServing) {
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.loses = isolated(0);
  cluster.run_for(1'000'000);
  EXPECT_FALSE(cluster.look(0).is_serving);
  cluster.replies.clear();
  body::Request request;
  request.set_client(5);
  request.set_kind(body::Request::REGISTER);
  cluster.request(0, request);
  ASSERT_EQ(cluster.replies.size(), 1u);
  EXPECT_EQ(cluster.replies[0].status(), body::Reply::NOT_LEADER);
  EXPECT_EQ(cluster.replies[0].leader(), PAXOS_SENDER_CLIENT) << "no hint: it does not know";
  cluster.loses = nullptr;
  EXPECT_TRUE(cluster.apply_and_wait(1, "b"));
}

// C1: what a replica accepted in the old view, it tells; what it has told, it does not add to.
TEST_P(ViewChangeTest, PromiseEndsAcceptance) {
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  const Op before = cluster.look(2).op;
  Message prepare = cluster.message_from(0, MessageType::kPrepare);
  prepare.op = before + 1;
  prepare.chain = cluster.core(2).entry(before)->chain;
  prepare.body = cluster.core(2).entry(before)->batch;
  Message promise = cluster.message_from(1, MessageType::kPing);
  promise.view = 1;
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message&) { return true; };
  cluster.deliver(2, promise);
  ASSERT_EQ(cluster.look(2).view, 1u);
  cluster.deliver(2, prepare);
  EXPECT_EQ(cluster.look(2).op, before);
  EXPECT_EQ(cluster.ignored(2, Ignored::old_view), 1u);
}

// C3: replica 1 leads the next view without having the entry that 0 and 2 have committed.
TEST_P(ViewChangeTest, NewLeaderTakesTheNewestLog) {
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.loses = isolated(1);
  ASSERT_TRUE(cluster.apply_and_wait(1, "b"));
  cluster.crash(0);
  cluster.loses = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.leader() == ReplicaIndex{1}; }));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.machine(1).operations.size() == 2; }));
  EXPECT_EQ(cluster.machine(1).operations[1], "b");
}

// C5: x is proposed in view 0 by 0 alone, y in view 1 by 1 alone; x is committed in view 2, as an entry of
// view 0. When 1 comes back, x must win, although y is an entry of a later view.
TEST_P(ViewChangeTest, LogViewDecidesNotTheViewOfTheLastEntry) {
  if (GetParam() == Durability::kMemory) return;  // replicas restart with their logs
  TestCluster cluster(options());
  ASSERT_NE(cluster.open_session(1), 0u);
  ASSERT_NE(cluster.open_session(2), 0u);
  const Op base = cluster.look(0).op;
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message& m) {
    return m.type == MessageType::kPrepare || m.type == MessageType::kStartView;
  };
  cluster.apply(1, "x");
  ASSERT_EQ(cluster.look(0).op, base + 1);
  cluster.crash(0);
  ASSERT_TRUE(cluster.run_until([&] { return leads(cluster, 1) && cluster.look(1).view == 1; }));
  cluster.apply(2, "y");
  cluster.run_for(options().batch_delay_us + 100);
  ASSERT_EQ(cluster.look(1).op, base + 1);
  cluster.crash(1);
  ASSERT_EQ(cluster.look(2).log_view, 0u);
  cluster.restart(0);
  cluster.loses = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.look(2).commit == base + 1; }));
  EXPECT_EQ(cluster.machine(2).operations, std::vector<std::string>{"x"});
  EXPECT_EQ(cluster.core(2).entry(base + 1)->view, 0u);
  cluster.crash(2);
  cluster.restart(1);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.look(1).commit >= base + 1 && cluster.leader(); }));
  EXPECT_EQ(cluster.machine(1).operations, std::vector<std::string>{"x"});
}

// Entries of an older view are committed by acknowledgements of the new one, without anything new to propose.
TEST_P(ViewChangeTest, OldEntriesAreCommittedInTheNewView) {
  TestCluster cluster(options());
  ASSERT_NE(cluster.open_session(1), 0u);
  cluster.loses = [](ReplicaIndex, ReplicaIndex to, const Message& m) {
    return to == 0 && m.type == MessageType::kPrepareOk;
  };
  cluster.apply(1, "x");
  EXPECT_EQ(cluster.machine(0).operations.size(), 0u);
  cluster.crash(0);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.machine(1).operations.size() == 1; }));
  EXPECT_EQ(cluster.replies.back().status(), body::Reply::OK) << "the new leader answers for the old one";
}

// A replica that was behind a partition and holds an entry nobody else has must give it up.
TEST_P(ViewChangeTest, UncommittedSuffixIsReplaced) {
  TestCluster cluster(options());
  ASSERT_NE(cluster.open_session(1), 0u);
  ASSERT_NE(cluster.open_session(2), 0u);
  cluster.loses = isolated(0);
  cluster.apply(1, "lost");
  const Op op = cluster.look(0).op;
  ASSERT_TRUE(cluster.run_until([&] { return leads(cluster, 1) || leads(cluster, 2); }));
  ASSERT_TRUE(cluster.apply_and_wait(2, "kept"));
  cluster.loses = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.machine(0).operations.size() == 1; }));
  EXPECT_EQ(cluster.machine(0).operations[0], "kept");
  EXPECT_EQ(cluster.core(0).entry(op)->chain, cluster.core(1).entry(op)->chain);
}

TEST_P(ViewChangeTest, NothingOfANewViewLeavesBeforeItIsDurable) {
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.crash(0);
  cluster.disks_are_slow = true;
  cluster.records = true;
  cluster.run_for(2'000'000);
  for (const InFlight& each : cluster.sent) EXPECT_EQ(each.message.view, 0u);
  EXPECT_GT(cluster.look(1).view, 0u);
  cluster.disks_are_slow = false;
  EXPECT_TRUE(cluster.apply_and_wait(1, "b"));
}

TEST_P(ViewChangeTest, WaitingRequestsAreRefusedWhenTheLeaderGoes) {
  CoreOptions some = options();
  some.pipeline_ops_max = 1;
  TestCluster cluster(some);
  ASSERT_NE(cluster.open_session(1), 0u);
  ASSERT_NE(cluster.open_session(2), 0u);
  cluster.loses = isolated(0);
  cluster.apply(1, "proposed");
  cluster.apply(2, "waiting");
  EXPECT_EQ(cluster.look(0).requests_waiting, 1u);
  cluster.replies.clear();
  ASSERT_TRUE(cluster.run_until([&] { return leads(cluster, 1) || leads(cluster, 2); }));
  cluster.loses = nullptr;
  const auto is_refused = [](const body::Reply& reply) {
    return reply.client() == 2 && reply.number() == 1 && reply.status() == body::Reply::NOT_LEADER;
  };
  EXPECT_TRUE(cluster.run_until([&] { return std::ranges::count_if(cluster.replies, is_refused) == 1; }));
}

// D1 (found by the model): a leader that restarts and meets a late vote for its old view must not lead it
// again. It has proposed x, which left for replica 2 before it was on its own disk.
TEST_P(ViewChangeTest, ARestartedLeaderDoesNotLeadItsViewAgain) {
  if (GetParam() == Durability::kMemory) return;
  TestCluster cluster(options());
  ASSERT_NE(cluster.open_session(1), 0u);
  Message vote;
  cluster.loses = [&](ReplicaIndex, ReplicaIndex to, const Message& m) {
    if (m.type == MessageType::kDoViewChange && m.sender == 0) vote = m;
    return to == 0;
  };
  Message newer = cluster.message_from(2, MessageType::kPing);
  newer.view = 1;
  cluster.deliver(0, newer);
  cluster.settle();
  ASSERT_TRUE(cluster.run_until([&] { return leads(cluster, 1) && cluster.look(2).log_view == 1; }));
  ASSERT_EQ(vote.type, MessageType::kDoViewChange);
  const Op base = cluster.look(1).op;
  cluster.disks_are_slow = true;
  cluster.apply(1, "x");
  ASSERT_EQ(cluster.look(1).op, base + 1);
  ASSERT_EQ(cluster.look(2).op, base + 1);
  cluster.crash(1);
  cluster.disks_are_slow = false;
  cluster.settle();
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message&) { return true; };
  cluster.restart(1);
  ASSERT_EQ(cluster.look(1).op, base);
  cluster.deliver(1, vote);
  EXPECT_EQ(cluster.ignored(1, Ignored::led_before), 1u);
  EXPECT_FALSE(cluster.look(1).is_leader);
}

TEST_P(ViewChangeTest, BufferedPreparesEndWithTheirView) {
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  const Op end = cluster.look(2).op;
  Message ahead = cluster.message_from(0, MessageType::kPrepare);
  ahead.op = end + 2;
  ahead.body = cluster.core(2).entry(end)->batch;
  cluster.deliver(2, ahead);
  cluster.crash(0);
  ASSERT_TRUE(cluster.apply_and_wait(1, "b"));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.machine(2).operations.size() == 2; }));
  EXPECT_EQ(cluster.look(2).op, cluster.look(1).op) << "nothing of view 0 was appended behind";
}

INSTANTIATE_TEST_SUITE_P(Durabilities, ViewChangeTest,
                         testing::Values(Durability::kMemory, Durability::kWal));

}  // namespace
}  // namespace bmc::paxos

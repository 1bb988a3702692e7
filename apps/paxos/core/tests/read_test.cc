// SPDX-License-Identifier: Apache-2.0
// Linearizable reads at the leader and at backups, stale ones, and the leaders that must not answer.
#include <gtest/gtest.h>

#include "apps/paxos/core/tests/test_cluster.h"

namespace bmc::paxos {
namespace {

class ReadTest : public testing::TestWithParam<Durability> {
 protected:
  ReadTest() : cluster(test_options(3, GetParam())) {
    EXPECT_TRUE(cluster.apply_and_wait(1, "a"));
    cluster.replies.clear();
  }
  TestCluster cluster;
};

bool to_or_from(ReplicaIndex alone, ReplicaIndex from, ReplicaIndex to) {
  return from == alone || to == alone;
}

TEST_P(ReadTest, NoAnswerWithoutAQuorum) {
  cluster.loses = [](ReplicaIndex from, ReplicaIndex to, const Message&) { return to_or_from(0, from, to); };
  cluster.read(0, "");
  EXPECT_TRUE(cluster.replies.empty());
  EXPECT_EQ(cluster.look(0).reads_waiting, 1u);
  cluster.loses = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.replies.empty(); })) << "the question is repeated";
  EXPECT_EQ(cluster.replies[0].status(), body::Reply::OK);
}

TEST_P(ReadTest, ALeaderThatWasReplacedDoesNotAnswer) {
  cluster.loses = [](ReplicaIndex from, ReplicaIndex to, const Message&) { return to_or_from(0, from, to); };
  cluster.read(0, "");
  ASSERT_TRUE(cluster.apply_and_wait(1, "b"));
  cluster.replies.clear();
  cluster.loses = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.replies.empty(); }));
  EXPECT_EQ(cluster.replies[0].status(), body::Reply::NOT_LEADER);
}

// An answer to a question that was asked before the read came proves nothing.
TEST_P(ReadTest, AnEarlierAnswerDoesNotConfirm) {
  std::vector<Message> pongs;
  cluster.loses = [&](ReplicaIndex, ReplicaIndex to, const Message& m) {
    if (to == 0 && m.type == MessageType::kPong) pongs.push_back(m);
    return to == 0;
  };
  cluster.run_for(50'000);
  ASSERT_FALSE(pongs.empty());
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message&) { return true; };
  cluster.read(0, "");
  for (const Message& each : pongs) cluster.deliver(0, each);
  EXPECT_TRUE(cluster.replies.empty());
}

TEST_P(ReadTest, ReadsOfOneMomentShareAQuestion) {
  cluster.records = true;
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message&) { return true; };
  for (int i = 0; i < 10; ++i) cluster.read(0, "");
  cluster.loses = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.replies.size() == 10; }));
  std::uint32_t last = 0;
  for (const InFlight& each : cluster.sent) last = std::max(last, each.message.echo);
  EXPECT_LE(last, 2u) << "the first alone, then the nine that came meanwhile";
}

// What an old leader committed and answered, its successor must show, even if it does not yet know how far
// that went.
TEST_P(ReadTest, ANewLeaderFirstFindsOutWhatIsCommitted) {
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message& m) { return m.type == MessageType::kCommit; };
  cluster.apply(1, "b");
  ASSERT_EQ(cluster.replies.size(), 1u);
  cluster.replies.clear();
  cluster.crash(0);
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message& m) {
    return m.type == MessageType::kPrepareOk;
  };
  ASSERT_TRUE(cluster.run_until([&] { return cluster.look(1).is_leader; }));
  cluster.read(1, "");
  cluster.run_for(10'000);
  EXPECT_TRUE(cluster.replies.empty()) << "entry b may or may not be committed";
  cluster.loses = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.replies.empty(); }));
  EXPECT_EQ(cluster.replies.back().result(), "a,b,");
}

TEST_P(ReadTest, ABackupWaitsForTheIndex) {
  cluster.loses = [](ReplicaIndex, ReplicaIndex to, const Message& m) {
    return to == 2 && m.type != MessageType::kReadIndexReply;
  };
  cluster.apply(1, "b");
  cluster.replies.clear();
  cluster.read(2, "");
  EXPECT_TRUE(cluster.replies.empty());
  cluster.loses = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.replies.empty(); }));
  EXPECT_EQ(cluster.replies[0].result(), "a,b,");
}

TEST_P(ReadTest, AStaleReadIsAnsweredAtOnceAnywhere) {
  ASSERT_TRUE(cluster.run_until([&] { return cluster.machine(2).operations.size() == 1; }));
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message&) { return true; };
  cluster.read(2, "", body::Request::READ_STALE);
  ASSERT_EQ(cluster.replies.size(), 1u);
  EXPECT_EQ(cluster.replies[0].result(), "a,");
}

INSTANTIATE_TEST_SUITE_P(Durabilities, ReadTest, testing::Values(Durability::kMemory, Durability::kWal));

TEST(ReadLimitTest, TooManyAreTurnedAway) {
  CoreOptions options = test_options(3, Durability::kMemory);
  options.reads_waiting_max = 2;
  TestCluster cluster(options);
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message&) { return true; };
  for (int i = 0; i < 3; ++i) cluster.read(0, "");
  ASSERT_EQ(cluster.replies.size(), 1u);
  EXPECT_EQ(cluster.replies[0].status(), body::Reply::BUSY);
}

}  // namespace
}  // namespace bmc::paxos

// SPDX-License-Identifier: Apache-2.0
// The normal case at close range: order, loss, durability, sessions, batching and back-pressure.
#include <gtest/gtest.h>

#include <algorithm>

#include "apps/paxos/core/tests/test_cluster.h"

namespace bmc::paxos {
namespace {

std::size_t count_sent(const TestCluster& cluster, MessageType type) {
  return static_cast<std::size_t>(
      std::count_if(cluster.sent.begin(), cluster.sent.end(),
                    [type](const InFlight& each) { return each.message.type == type; }));
}

class NormalCaseTest : public testing::TestWithParam<Durability> {
 protected:
  CoreOptions options(std::uint8_t count = 3) const { return test_options(count, GetParam()); }
};

TEST_P(NormalCaseTest, ALoneRequestDoesNotWait) {
  TestCluster cluster(options());
  ASSERT_NE(cluster.open_session(1), 0u);
  cluster.replies.clear();
  const Micros before = cluster.now;
  cluster.apply(1, "a");
  ASSERT_EQ(cluster.replies.size(), 1u);
  EXPECT_EQ(cluster.replies[0].result(), "1");
  EXPECT_EQ(cluster.now, before);
}

TEST_P(NormalCaseTest, LostPrepareIsRepeated) {
  TestCluster cluster(options());
  ASSERT_NE(cluster.open_session(1), 0u);
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message& m) {
    return m.type == MessageType::kPrepare;
  };
  cluster.apply(1, "a");
  cluster.loses = nullptr;
  cluster.replies.clear();
  EXPECT_TRUE(cluster.run_until([&] { return !cluster.replies.empty(); }));
  EXPECT_EQ(cluster.look(0).view, 0u);
}

// L1: with a closed-loop client nothing else would ever come.
TEST_P(NormalCaseTest, LostAcknowledgementIsRepeated) {
  TestCluster cluster(options());
  ASSERT_NE(cluster.open_session(1), 0u);
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message& m) {
    return m.type == MessageType::kPrepareOk;
  };
  cluster.apply(1, "a");
  cluster.replies.clear();
  cluster.loses = nullptr;
  EXPECT_TRUE(cluster.run_until([&] { return !cluster.replies.empty(); }));
  EXPECT_EQ(cluster.look(0).view, 0u);
}

TEST_P(NormalCaseTest, PreparesOutOfOrderAreBuffered) {
  TestCluster cluster(options());
  ASSERT_NE(cluster.open_session(1), 0u);
  ASSERT_NE(cluster.open_session(2), 0u);
  std::vector<Message> held;
  cluster.loses = [&](ReplicaIndex, ReplicaIndex to, const Message& m) {
    if (m.type != MessageType::kPrepare) return false;
    if (to == 2) held.push_back(m);
    return true;
  };
  cluster.apply(1, "a");
  cluster.apply(2, "b");
  cluster.run_for(options().batch_delay_us + 100);
  cluster.loses = nullptr;
  ASSERT_EQ(held.size(), 2u);
  const Op before = cluster.look(2).op;
  cluster.deliver(2, held[1]);
  EXPECT_EQ(cluster.look(2).op, before) << "C10: not over the gap";
  cluster.deliver(2, held[0]);
  EXPECT_EQ(cluster.look(2).op, before + 2);
}

TEST_P(NormalCaseTest, AGapThatLastsIsAskedFor) {
  CoreOptions some = options();
  TestCluster cluster(some);
  ASSERT_NE(cluster.open_session(1), 0u);
  cluster.loses = [](ReplicaIndex, ReplicaIndex to, const Message& m) {
    return to == 2 && m.type == MessageType::kPrepare;
  };
  cluster.records = true;
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  EXPECT_TRUE(cluster.run_until([&] { return cluster.machine(2).operations.size() == 1; }));
  EXPECT_GT(count_sent(cluster, MessageType::kGetState), 0u);
}

TEST_P(NormalCaseTest, TheSameRequestIsAppliedOnce) {
  TestCluster cluster(options());
  body::Request request;
  request.set_client(1);
  request.set_session(cluster.open_session(1));
  request.set_number(1);
  request.set_payload("a");
  cluster.replies.clear();
  for (int i = 0; i < 3; ++i) cluster.request(0, request);
  ASSERT_EQ(cluster.replies.size(), 3u);
  for (const body::Reply& each : cluster.replies) EXPECT_EQ(each.result(), "1");
  EXPECT_EQ(cluster.machine(0).operations.size(), 1u);
  request.set_number(2);
  cluster.request(0, request);
  EXPECT_EQ(cluster.machine(0).operations.size(), 2u);
  request.set_number(1);
  cluster.replies.clear();
  cluster.request(0, request);
  EXPECT_TRUE(cluster.replies.empty()) << "older than the last: no reply is kept";
}

TEST_P(NormalCaseTest, EvictedSessionIsTold) {
  CoreOptions some = options();
  some.sessions_max = 2;
  TestCluster cluster(some);
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  ASSERT_TRUE(cluster.apply_and_wait(2, "b"));
  ASSERT_TRUE(cluster.apply_and_wait(3, "c"));
  EXPECT_FALSE(cluster.apply_and_wait(1, "d"));
  EXPECT_EQ(cluster.replies.back().status(), body::Reply::SESSION_EVICTED);
  EXPECT_EQ(cluster.machine(0).operations.size(), 3u);
  EXPECT_EQ(cluster.look(0).sessions, 2u);
}

TEST_P(NormalCaseTest, BadRequestsAreAnswered) {
  CoreOptions some = options();
  some.request_bytes_max = 1000;
  TestCluster cluster(some);
  const auto status_of = [&](const body::Request& request) {
    cluster.replies.clear();
    cluster.request(0, request);
    return cluster.replies.empty() ? body::Reply::OK : cluster.replies[0].status();
  };
  body::Request request;
  request.set_client(1);
  EXPECT_EQ(status_of(request), body::Reply::MALFORMED) << "no session";
  request.set_session(1);
  EXPECT_EQ(status_of(request), body::Reply::MALFORMED) << "no number";
  request.set_number(1);
  request.set_payload(std::string(2000, 'x'));
  EXPECT_EQ(status_of(request), body::Reply::TOO_LARGE);
  request.set_payload("x");
  EXPECT_EQ(status_of(request), body::Reply::SESSION_EVICTED);
  request.set_kind(static_cast<body::Request::Kind>(17));
  EXPECT_EQ(status_of(request), body::Reply::MALFORMED);
  request.set_kind(body::Request::REGISTER);
  EXPECT_EQ(status_of(request), body::Reply::MALFORMED) << "REGISTER has neither session nor number";
}

TEST_P(NormalCaseTest, BackupNamesTheLeader) {
  TestCluster cluster(options());
  body::Request request;
  request.set_client(1);
  request.set_kind(body::Request::REGISTER);
  cluster.request(2, request);
  ASSERT_EQ(cluster.replies.size(), 1u);
  EXPECT_EQ(cluster.replies[0].status(), body::Reply::NOT_LEADER);
  EXPECT_EQ(cluster.replies[0].leader(), 0u);
}

TEST_P(NormalCaseTest, ManyRequestsShareAnEntry) {
  CoreOptions some = options();
  some.batch_requests_max = 8;
  TestCluster cluster(some);
  for (std::uint64_t client = 1; client <= 17; ++client) ASSERT_NE(cluster.open_session(client), 0u);
  const Op before = cluster.look(0).op;
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message& m) {
    return m.type == MessageType::kPrepareOk;
  };
  for (std::uint64_t client = 1; client <= 17; ++client) cluster.apply(client, "x");
  EXPECT_EQ(cluster.look(0).op, before + 3) << "one that did not wait, two full ones";
  cluster.loses = nullptr;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.machine(2).operations.size() == 17; }));
}

TEST_P(NormalCaseTest, AFirstRequestWaitsNoLongerThanTheDelay) {
  TestCluster cluster(options());
  ASSERT_NE(cluster.open_session(1), 0u);
  ASSERT_NE(cluster.open_session(2), 0u);
  const Op before = cluster.look(0).op;
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message&) { return true; };
  cluster.apply(1, "a");
  cluster.apply(2, "b");
  EXPECT_EQ(cluster.look(0).op, before + 1);
  EXPECT_LE(cluster.core(0).next_deadline(), cluster.now + options().batch_delay_us);
  cluster.run_for(options().batch_delay_us);
  EXPECT_EQ(cluster.look(0).op, before + 2);
}

TEST_P(NormalCaseTest, PipelineAndQueueAreBounded) {
  CoreOptions some = options();
  some.batch_requests_max = 1;
  some.pipeline_ops_max = 2;
  some.waiting_requests_max = 3;
  TestCluster cluster(some);
  for (std::uint64_t client = 1; client <= 6; ++client) ASSERT_NE(cluster.open_session(client), 0u);
  const Op before = cluster.look(0).op;
  cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message&) { return true; };
  cluster.replies.clear();
  for (std::uint64_t client = 1; client <= 6; ++client) cluster.apply(client, "x");
  EXPECT_EQ(cluster.look(0).op, before + 2);
  EXPECT_EQ(cluster.look(0).requests_waiting, 3u);
  ASSERT_EQ(cluster.replies.size(), 1u);
  EXPECT_EQ(cluster.replies[0].status(), body::Reply::BUSY);
  EXPECT_GT(cluster.core(0).next_deadline(), cluster.now + 1)
      << "nothing to do until an acknowledgement comes";
  cluster.loses = nullptr;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.machine(1).operations.size() == 5; }));
}

TEST_P(NormalCaseTest, TimeNeverGoesBack) {
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.wall_us -= 1'000'000'000;
  ASSERT_TRUE(cluster.apply_and_wait(1, "b"));
  cluster.crash(0);
  cluster.wall_us -= 1'000'000'000;
  ASSERT_TRUE(cluster.apply_and_wait(1, "c"));
  const std::vector<std::uint64_t>& times = cluster.machine(*cluster.leader()).times;
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
}

INSTANTIATE_TEST_SUITE_P(Durabilities, NormalCaseTest,
                         testing::Values(Durability::kMemory, Durability::kWal));

TEST(NormalCaseWalTest, NothingIsAcknowledgedBeforeItIsDurable) {
  TestCluster cluster(test_options(3, Durability::kWal));
  ASSERT_NE(cluster.open_session(1), 0u);
  cluster.records = true;
  cluster.disks_are_slow = true;
  cluster.apply(1, "a");
  EXPECT_EQ(cluster.look(1).op, cluster.look(0).op);
  for (const InFlight& each : cluster.sent) {
    EXPECT_FALSE(each.message.type == MessageType::kPrepareOk && each.message.op >= cluster.look(0).op);
  }
  EXPECT_LT(cluster.look(0).commit, cluster.look(0).op);
  cluster.disks_are_slow = false;
  cluster.settle();
  EXPECT_EQ(cluster.look(0).commit, cluster.look(0).op);
}

TEST(NormalCaseWalTest, PreparesDoNotWaitForTheLeadersDisk) {
  TestCluster cluster(test_options(3, Durability::kWal));
  ASSERT_NE(cluster.open_session(1), 0u);
  cluster.records = true;
  cluster.disks_are_slow = true;
  cluster.apply(1, "a");
  EXPECT_EQ(count_sent(cluster, MessageType::kPrepare), 2u);
}

}  // namespace
}  // namespace bmc::paxos

// SPDX-License-Identifier: Apache-2.0
// Whole clusters of real processes: what is acknowledged stays, whoever dies; and what is said when too few
// are left.
#include "apps/paxos/kv/tests/cluster.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace bmc::kv {
namespace {

using test::ask;
using test::Cluster;
using test::connect_to;
using test::eventually;

constexpr std::size_t kReplicas = 3;

// Slow machines should not elect all the time, and failures should be told soon.
const std::vector<std::string> kOptions = {"--leader-timeout", "400ms", "--quorum-timeout", "800ms",
                                           "--deadline",       "3s"};

class ClusterTest : public testing::Test {
 protected:
  static std::string value_of(int number) {
    const std::string text = std::to_string(number);
    return "VALUE k" + text + " 0 " + std::to_string(text.size()) + "\r\n" + text + "\r\nEND\r\n";
  }

  // Stores k<number> = number until it is acknowledged, through whichever replica.
  void store(int number, std::size_t through) {
    const std::string text = std::to_string(number);
    EXPECT_TRUE(cluster.answers(
        through, "set k" + text + " 0 0 " + std::to_string(text.size()) + "\r\n" + text + "\r\n",
        "STORED\r\n"));
  }

  Cluster cluster{kReplicas, kOptions};
};

TEST_F(ClusterTest, WhatIsStoredThroughOneIsReadThroughAll) {
  cluster.start_all();
  for (int i = 0; i < 30; ++i) {
    store(i, static_cast<std::size_t>(i) % kReplicas);
    for (std::size_t reader = 0; reader < kReplicas; ++reader) {
      const Fd client = connect_to(cluster.port(reader));
      ASSERT_EQ(ask(client.get(), "get k" + std::to_string(i) + "\r\n", "END\r\n"), value_of(i));
    }
  }
}

TEST_F(ClusterTest, LargeValuesAndManyKeys) {
  cluster.start_all();
  cluster.leader();
  const Fd writer = connect_to(cluster.port(1)), reader = connect_to(cluster.port(2));
  std::string question = "get", wanted;
  for (int i = 0; i < 5; ++i) {
    const std::string key = "large" + std::to_string(i), value(1u << 20, static_cast<char>('a' + i));
    ASSERT_EQ(ask(writer.get(), "set " + key + " 0 0 1048576\r\n" + value + "\r\n"), "STORED\r\n");
    question += " " + key;
    wanted += "VALUE " + key + " 0 1048576\r\n" + value + "\r\n";
  }
  EXPECT_TRUE(ask(reader.get(), question + "\r\n", "END\r\n") == wanted + "END\r\n");
}

TEST_F(ClusterTest, NothingAcknowledgedIsLostWithTheLeader) {
  cluster.start_all();
  int number = 0;
  for (int round = 0; round < 3; ++round) {
    const std::size_t leader = cluster.leader();
    for (int i = 0; i < 20; ++i) store(number++, (leader + 1) % kReplicas);
    cluster.process(leader).kill();
    for (int i = 0; i < 20; ++i) store(number++, (leader + 1) % kReplicas);
    cluster.start(leader);
    for (int i = 0; i < number; ++i)
      ASSERT_TRUE(cluster.answers(leader, "get k" + std::to_string(i) + "\r\n", value_of(i))) << i;
  }
}

TEST_F(ClusterTest, AWalSurvivesTheEndOfAll) {
  cluster.start_all();
  for (int i = 0; i < 50; ++i) store(i, 0);
  for (std::size_t i = 0; i < kReplicas; ++i) cluster.process(i).kill();
  cluster.start_all();
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(cluster.answers(1, "get k" + std::to_string(i) + "\r\n", value_of(i))) << i;
}

TEST_F(ClusterTest, WithoutAMajorityItIsSaidAndTheConnectionStays) {
  cluster.start_all();
  store(1, 0);
  cluster.process(1).kill();
  cluster.process(2).kill();
  const Fd client = connect_to(cluster.port(0));
  const std::string read = ask(client.get(), "get k1\r\n");
  EXPECT_TRUE(read.starts_with("SERVER_ERROR no answer: ")) << read;
  // What is said of a write depends on whether a request was ever sent to a replica that led.
  const std::string written = ask(client.get(), "set k2 0 0 1\r\n2\r\n");
  EXPECT_TRUE(written.starts_with("SERVER_ERROR outcome unknown: ") ||
              written.starts_with("SERVER_ERROR nothing was done: "))
      << written;
  EXPECT_EQ(ask(client.get(), "version\r\n"), "VERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n");
  cluster.start(1);
  EXPECT_TRUE(eventually([&] { return ask(client.get(), "get k1\r\n") == value_of(1); }));
}

// A get of an item whose time is over makes time pass, though nobody writes; through any replica.
TEST_F(ClusterTest, TimeIsReplicated) {
  cluster.start_all();
  ASSERT_TRUE(cluster.answers(0, "set a 0 1 1\r\nx\r\nset b 0 100 1\r\nx\r\n", "STORED\r\nSTORED\r\n"));
  EXPECT_TRUE(cluster.answers(2, "get a\r\n", "END\r\n"));
  for (std::size_t reader = 0; reader < kReplicas; ++reader)
    EXPECT_TRUE(cluster.answers(reader, "get a b\r\n", "VALUE b 0 1\r\nx\r\nEND\r\n"));
}

TEST_F(ClusterTest, StopsInGoodOrder) {
  cluster.start_all();
  store(1, 0);
  const Fd idle = connect_to(cluster.port(0));
  EXPECT_EQ(ask(idle.get(), "get none\r\n"), "END\r\n");
  cluster.process(0).signal(SIGTERM);
  EXPECT_EQ(test::receive(idle.get(), ""), "");
  EXPECT_EQ(cluster.process(0).wait(), 0);
  EXPECT_NE(cluster.process(0).output().find("stopped"), std::string::npos);
  EXPECT_TRUE(cluster.answers(1, "get k1\r\n", value_of(1)));
}

TEST(ClusterOptionsTest, StaleReadsAreAnsweredWithoutAMajority) {
  std::vector<std::string> options = kOptions;
  options.insert(options.end(), {"--reads", "stale"});
  Cluster cluster(kReplicas, options);
  cluster.start_all();
  ASSERT_TRUE(cluster.answers(0, "set a 0 0 1\r\nx\r\n", "STORED\r\n"));
  ASSERT_TRUE(cluster.answers(2, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"));  // it has come there
  cluster.process(0).kill();
  cluster.process(1).kill();
  EXPECT_TRUE(cluster.answers(2, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"));
}

TEST(ClusterOptionsTest, ReadsAtAFollowerSeeWhatWasAcknowledged) {
  std::vector<std::string> options = kOptions;
  options.insert(options.end(), {"--reads-at", "here", "--durability", "memory"});
  Cluster cluster(kReplicas, options);
  cluster.start_all();
  const std::size_t leader = cluster.leader();
  const Fd writer = connect_to(cluster.port(leader)),
           reader = connect_to(cluster.port((leader + 1) % kReplicas));
  for (int i = 0; i < 200; ++i) {
    const std::string text = std::to_string(100 + i);
    ASSERT_EQ(ask(writer.get(), "set n 0 0 3\r\n" + text + "\r\n"), "STORED\r\n");
    ASSERT_EQ(ask(reader.get(), "get n\r\n", "END\r\n"), "VALUE n 0 3\r\n" + text + "\r\nEND\r\n");
  }
}

TEST(ClusterOptionsTest, ALaggingReplicaTakesASnapshot) {
  std::vector<std::string> options = kOptions;
  options.insert(options.end(), {"--checkpoint-interval", "20", "--log-kept", "10"});
  Cluster cluster(kReplicas, options);
  cluster.start(0);
  cluster.start(1);
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(cluster.answers(0, "set k" + std::to_string(i) + " 0 0 1\r\nx\r\n", "STORED\r\n"));
  cluster.start(2);
  cluster.process(0).kill();
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(cluster.answers(2, "get k" + std::to_string(i) + "\r\n",
                                "VALUE k" + std::to_string(i) + " 0 1\r\nx\r\nEND\r\n"));
}

TEST(ClusterOptionsTest, OneReplicaServesAlone) {
  Cluster cluster(1, kOptions);
  cluster.start_all();
  ASSERT_TRUE(cluster.answers(0, "set a 0 0 1\r\nx\r\n", "STORED\r\n"));
  cluster.process(0).kill();
  cluster.start(0);
  EXPECT_TRUE(cluster.answers(0, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"));
}

}  // namespace
}  // namespace bmc::kv

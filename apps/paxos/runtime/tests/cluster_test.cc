// SPDX-License-Identifier: Apache-2.0
// Whole clusters: every size and durability, leaders that go, replicas that come back, large requests,
// snapshots.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "apps/paxos/runtime/tests/loop.h"
#include "apps/paxos/runtime/tests/test_cluster.h"

namespace bmc::paxos::runtime {
namespace {

using Durability = Options::Durability;

// Returns once replica `index` has applied everything that was acknowledged before: the answer to a
// linearizable read. The client asks another replica when this one is slow, so that its own status must tell
// how far it is.
std::string read_at(TestCluster& cluster, std::size_t index, const std::string& query = "") {
  ClientOptions options = cluster.client_options();
  options.read_replica = static_cast<int>(index);
  const auto client = cluster.client(options);
  const auto answer = client->read(query);
  EXPECT_TRUE(answer) << answer.error().what;
  std::uint64_t committed = 0;
  for (std::size_t i = 0; i < cluster.size(); i++) {
    if (cluster.is_running(i)) committed = std::max(committed, cluster.replica(i).status().commit);
  }
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (cluster.replica(index).status().applied < committed && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_GE(cluster.replica(index).status().applied, committed);
  return answer ? *answer : "";
}

std::uint64_t counter(const Replica& replica, std::string_view name, std::string_view label) {
  for (const Counter& each : replica.counters()) {
    if (each.name == name && each.label == label) return each.value;
  }
  ADD_FAILURE() << "no counter " << name << " " << label;
  return 0;
}

struct Kind {
  std::size_t replicas;
  Durability durability;
  const char* address;
};
std::string name_of_kind(const testing::TestParamInfo<Kind>& info) {
  return std::to_string(info.param.replicas) + (info.param.durability == Durability::wal ? "wal" : "memory") +
         (info.param.address[0] == ':' ? "IPv6" : "IPv4");
}

class EveryClusterTest : public testing::TestWithParam<Kind> {};

TEST_P(EveryClusterTest, AppliesEveryCallOnceEverywhere) {
  const auto& [replicas, durability, address] = GetParam();
  TestCluster cluster({.replicas = replicas, .durability = durability, .address = address});
  cluster.start_all();
  Load load(cluster, "call", 16);
  load.wait_for(500);
  load.stop();
  EXPECT_TRUE(load.unknown().empty());
  for (std::size_t i = 0; i < replicas; i++) {
    EXPECT_EQ(read_at(cluster, i), std::to_string(load.acknowledged().size()));
  }
  for (std::size_t i = 0; i < replicas; i++) {
    cluster.stop(i);
    expect_exactly_once(load, cluster.machine(i));
    EXPECT_EQ(cluster.machine(i).snapshot_save(), cluster.machine(0).snapshot_save());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, EveryClusterTest,
    testing::Values(Kind{1, Durability::wal, "127.0.0.1"}, Kind{1, Durability::memory, "127.0.0.1"},
                    Kind{3, Durability::wal, "127.0.0.1"}, Kind{3, Durability::memory, "127.0.0.1"},
                    Kind{3, Durability::wal, "::1"}, Kind{5, Durability::wal, "127.0.0.1"},
                    Kind{5, Durability::memory, "127.0.0.1"}),
    name_of_kind);

class EveryDurabilityTest : public testing::TestWithParam<Durability> {};
INSTANTIATE_TEST_SUITE_P(Durabilities, EveryDurabilityTest,
                         testing::Values(Durability::wal, Durability::memory), durability_name);

TEST_P(EveryDurabilityTest, TheOthersGoOnWithoutTheLeader) {
  TestCluster cluster({.durability = GetParam()});
  cluster.start_all();
  Load load(cluster, "call", 8);
  load.wait_for(200);
  const std::size_t leader = cluster.leader();
  cluster.stop(leader);
  load.wait_for(200);
  EXPECT_NE(cluster.leader(), leader);
  cluster.start(leader);
  load.wait_for(200);
  load.stop();
  EXPECT_TRUE(load.unknown().empty());
  for (std::size_t i = 0; i < cluster.size(); i++) read_at(cluster, i);
  for (std::size_t i = 0; i < cluster.size(); i++) {
    cluster.stop(i);
    expect_exactly_once(load, cluster.machine(i));
  }
}

TEST_P(EveryDurabilityTest, EveryReplicaIsRestartedInTurn) {
  TestCluster cluster({.durability = GetParam()});
  cluster.start_all();
  Load load(cluster, "call", 8);
  for (std::size_t i = 0; i < 2 * cluster.size(); i++) {
    const std::size_t index = i % cluster.size();
    load.wait_for(100);
    cluster.stop(index);
    cluster.start(index);
    read_at(cluster, index);
  }
  load.stop();
  for (std::size_t i = 0; i < cluster.size(); i++) read_at(cluster, i);
  for (std::size_t i = 0; i < cluster.size(); i++) {
    cluster.stop(i);
    expect_exactly_once(load, cluster.machine(i));
  }
}

TEST(ClusterTest, AllMayEndAtOnceAndNothingIsLost) {
  TestCluster cluster({.durability = Durability::wal});
  cluster.start_all();
  Load load(cluster, "call", 8);
  for (int round = 0; round < 3; round++) {
    load.wait_for(100);
    for (std::size_t i = 0; i < cluster.size(); i++) cluster.stop(i);
    cluster.start_all();
  }
  load.wait_for(100);
  load.stop();
  for (std::size_t i = 0; i < cluster.size(); i++) read_at(cluster, i);
  for (std::size_t i = 0; i < cluster.size(); i++) {
    cluster.stop(i);
    expect_exactly_once(load, cluster.machine(i));
  }
}

TEST(ClusterTest, AMinorityDoesNothing) {
  TestCluster cluster;
  cluster.start(1);
  ClientOptions options = cluster.client_options();
  options.deadline_ms = 1000;
  const auto client = cluster.client(options);
  const auto answer = client->call("alone");
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().code == ErrorCode::not_leader || answer.error().code == ErrorCode::timed_out);
  cluster.start(2);
  EXPECT_EQ(*cluster.client()->call("together"), "1");
}

TEST(ClusterTest, LargeRequestsAndReplies) {
  TestCluster cluster;
  cluster.start_all();
  const auto client = cluster.client();
  const std::uint32_t largest = client ? cluster.client_options().request_bytes_max : 0;
  for (const std::uint32_t bytes : {1200u, 1500u, 10'000u, 100'000u, largest}) {
    const auto called = client->call(std::string(bytes, 'x'));
    ASSERT_TRUE(called) << bytes << ": " << called.error().what;
    EXPECT_EQ(*called, "1");
    const auto read = client->read("#" + std::to_string(bytes));
    ASSERT_TRUE(read) << bytes << ": " << read.error().what;
    EXPECT_EQ(read->size(), bytes);
  }
  const auto called = client->call(std::string(largest + 1, 'x'));
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().code, ErrorCode::too_large);
  for (std::size_t i = 0; i < cluster.size(); i++) EXPECT_EQ(read_at(cluster, i), "5");
}

TEST(ClusterTest, ALaggingReplicaTakesTheSnapshotOverTcp) {
  TestCluster cluster({.change = [](Options& options) {
    options.checkpoint_interval_batches = 32;
    options.log_kept_batches = 0;
    options.chunk_bytes_max = 16 * 1024;
  }});
  cluster.start(0);
  cluster.start(1);
  const auto client = cluster.client();
  for (int i = 0; i < 100; i++) ASSERT_TRUE(client->call(std::to_string(i) + std::string(1000, 'x')));
  cluster.start(2);
  EXPECT_EQ(read_at(cluster, 2), "100");
  EXPECT_GT(cluster.replica(2).status().checkpoint, 0u);
  EXPECT_GT(counter(cluster.replica(2), "bulk_messages", "received"), 1u);
  cluster.stop(0);
  EXPECT_EQ(*cluster.client()->call("after"), "1");
}

TEST_P(EveryDurabilityTest, ALostDiskIsMadeAnewFromTheOthers) {
  TestCluster cluster({.durability = GetParam()});
  cluster.start_all();
  Load load(cluster, "call", 4);
  load.wait_for(100);
  cluster.stop(2);
  std::filesystem::remove_all(cluster.directory(2));
  const auto recovered = recover(cluster.options(2));
  ASSERT_TRUE(recovered) << recovered.error().what;
  EXPECT_FALSE(recovered->empty());
  cluster.start(2);
  read_at(cluster, 2);
  load.stop();
  read_at(cluster, 2);
  cluster.stop(2);
  expect_exactly_once(load, cluster.machine(2));
}

}  // namespace
}  // namespace bmc::paxos::runtime

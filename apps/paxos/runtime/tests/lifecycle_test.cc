// SPDX-License-Identifier: Apache-2.0
// Formatting, starting and ending a replica: every error has its code, and shutdown() works from anywhere.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <filesystem>

#include "apps/paxos/runtime/tests/loop.h"
#include "apps/paxos/runtime/tests/test_cluster.h"

namespace bmc::paxos::runtime {
namespace {

class LifecycleTest : public testing::Test {
 protected:
  LifecycleTest() {
    options_.data_directory = directory_.path() + "/replica";
    options_.cluster_id = 7;
    options_.replicas = {format_endpoint(free_endpoint())};
  }
  Result<std::unique_ptr<Replica>> start() { return Replica::start(loop_.executor(), options_, machine_); }
  template <typename T>
  static void expect_error(const Result<T>& result, ErrorCode code) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().what;
    EXPECT_FALSE(result.error().what.empty());
  }

  TemporaryDirectory directory_;
  Options options_;
  Loop loop_;
  TallyMachine machine_;
};

TEST_F(LifecycleTest, OnlyWhatIsFormattedStarts) {
  for (const bool there : {false, true}) {
    if (there) std::filesystem::create_directory(options_.data_directory);
    const auto started = start();
    expect_error(started, ErrorCode::not_formatted);
    EXPECT_TRUE(started.error().what.starts_with(options_.data_directory + " holds no replica: run `format`"))
        << started.error().what;
  }
  ASSERT_TRUE(format(options_));
  EXPECT_TRUE(start());
  expect_error(format(options_), ErrorCode::already_formatted);
}

TEST_F(LifecycleTest, WrongOptionsNeverStart) {
  Options wrong = options_;
  wrong.replica_index = 1;
  expect_error(format(wrong), ErrorCode::configuration);
  expect_error(recover(wrong), ErrorCode::configuration);
  expect_error(Replica::start(loop_.executor(), wrong, machine_), ErrorCode::configuration);
  EXPECT_FALSE(std::filesystem::exists(options_.data_directory));
}

TEST_F(LifecycleTest, AClusterOfOneHasNobodyToRecoverFrom) {
  expect_error(recover(options_), ErrorCode::configuration);
}

TEST_F(LifecycleTest, TheDirectoryOfAnotherReplicaNeverStarts) {
  ASSERT_TRUE(format(options_));
  Options other = options_;
  other.cluster_id = 8;
  expect_error(Replica::start(loop_.executor(), other, machine_), ErrorCode::configuration);
  other = options_;
  other.durability = Options::Durability::memory;
  expect_error(Replica::start(loop_.executor(), other, machine_), ErrorCode::configuration);
}

TEST_F(LifecycleTest, ADirectoryHasOneReplica) {
  ASSERT_TRUE(format(options_));
  const auto first = start();
  ASSERT_TRUE(first);
  Options second = options_;
  second.replicas = {format_endpoint(free_endpoint())};
  TallyMachine machine;
  expect_error(Replica::start(loop_.executor(), second, machine), ErrorCode::io);
}

TEST_F(LifecycleTest, AnAddressHasOneReplica) {
  ASSERT_TRUE(format(options_));
  const auto first = start();
  ASSERT_TRUE(first);
  Options second = options_;
  second.data_directory = directory_.path() + "/second";
  ASSERT_TRUE(format(second));
  TallyMachine machine;
  expect_error(Replica::start(loop_.executor(), second, machine), ErrorCode::io);
}

TEST_F(LifecycleTest, ShutdownNeedsNoRunningExecutor) {
  ASSERT_TRUE(format(options_));
  auto replica = start();
  ASSERT_TRUE(replica);
  (*replica)->shutdown();
  (*replica)->shutdown();
  EXPECT_EQ((*replica)->status().incarnation, 1u);
  EXPECT_FALSE((*replica)->counters().empty());
  EXPECT_TRUE(start());  // nothing is held
}

TEST_F(LifecycleTest, ShutdownMayBeCalledByTheLoop) {
  ASSERT_TRUE(format(options_));
  auto replica = start();
  ASSERT_TRUE(replica);
  bool is_over = false;
  boost::asio::post(loop_.context(), [&] {
    (*replica)->shutdown();
    is_over = true;
  });
  EXPECT_TRUE(loop_.run_until([&] { return is_over; }));
}

TEST_F(LifecycleTest, TheLogTellsOfNewRoles) {
  std::vector<std::string> told;
  options_.log = [&](std::string_view line) { told.emplace_back(line); };
  ASSERT_TRUE(format(options_));
  const auto replica = start();
  ASSERT_TRUE(replica);
  ASSERT_TRUE(loop_.run_until([&] { return !told.empty(); }));
  EXPECT_NE(told[0].find("replica 0 is leader in view 0"), std::string::npos) << told[0];
}

TEST(ShutdownTest, UnderLoadNothingAcknowledgedIsLost) {
  TestCluster cluster({.replicas = 1});
  Load load(cluster, "call", 32);
  for (int round = 0; round < 5; round++) {
    cluster.start(0);
    load.wait_for(200);
    cluster.stop(0);
  }
  cluster.start(0);
  load.wait_for(1);
  load.stop();
  cluster.stop(0);
  EXPECT_TRUE(load.unknown().empty());
  expect_exactly_once(load, cluster.machine(0));
}

TEST(ShutdownTest, StatusAndCountersFromAnotherThread) {
  TestCluster cluster;
  cluster.start_all();
  Load load(cluster, "call", 16);
  std::atomic<bool> is_over = false;
  std::thread watcher([&] {
    std::uint64_t commit = 0;
    while (!is_over) {
      const ReplicaStatus status = cluster.replica(0).status();
      EXPECT_GE(status.commit, commit);
      commit = status.commit;
      EXPECT_FALSE(cluster.replica(0).counters().empty());
    }
  });
  load.wait_for(500);
  load.stop();
  cluster.replica(0).shutdown();
  is_over = true;
  watcher.join();
}

}  // namespace
}  // namespace bmc::paxos::runtime

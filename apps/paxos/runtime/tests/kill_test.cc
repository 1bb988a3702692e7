// SPDX-License-Identifier: Apache-2.0
// Replicas in processes of their own, ended with SIGKILL under load: what was acknowledged is there, once.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "apps/paxos/runtime/tests/test_cluster.h"

namespace bmc::paxos::runtime {
namespace {

// The replicas of `cluster`, whose own stay stopped, as processes.
class Processes {
 public:
  explicit Processes(TestCluster& cluster) : cluster_(cluster), pids_(cluster.size(), 0) {
    for (std::size_t i = 0; i < cluster_.size(); i++) start(i);
  }
  ~Processes() {
    for (std::size_t i = 0; i < pids_.size(); i++) kill(i);
  }

  // Returns when it is ready.
  void start(std::size_t index) {
    const Options& options = cluster_.options(index);
    std::vector<std::string> words = {PAXOS_TEST_REPLICA, options.data_directory, std::to_string(index),
                                      options.durability == Options::Durability::wal ? "wal" : "memory"};
    words.insert(words.end(), options.replicas.begin(), options.replicas.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    pids_[index] = ::fork();
    if (pids_[index] == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1) << "replica " << index << " ended before it was ready";
    ::close(ends[0]);
  }

  void kill(std::size_t index) {
    if (pids_[index] <= 0) return;
    ::kill(pids_[index], SIGKILL);
    ::waitpid(pids_[index], nullptr, 0);
    pids_[index] = 0;
  }

 private:
  TestCluster& cluster_;
  std::vector<pid_t> pids_;
};

// Every acknowledged operation was applied exactly once, as the cluster now tells.
void expect_nothing_lost(TestCluster& cluster, Load& load) {
  load.stop();
  const auto client = cluster.client();
  for (const std::string& operation : load.acknowledged()) {
    const auto count = client->read(operation);
    ASSERT_TRUE(count) << count.error().what;
    ASSERT_EQ(*count, "1") << operation;
  }
}

class KillTest : public testing::TestWithParam<Options::Durability> {};
INSTANTIATE_TEST_SUITE_P(Durabilities, KillTest,
                         testing::Values(Options::Durability::wal, Options::Durability::memory),
                         durability_name);

TEST_P(KillTest, EachReplicaInTurn) {
  TestCluster cluster({.durability = GetParam()});
  Processes processes(cluster);
  Load load(cluster, "call", 8);
  for (std::size_t i = 0; i < 6; i++) {
    load.wait_for(100);
    processes.kill(i % 3);
    load.wait_for(100);
    processes.start(i % 3);
    ClientOptions options = cluster.client_options();
    options.read_replica = static_cast<int>(i % 3);
    ASSERT_TRUE(cluster.client(options)->read(""));
  }
  expect_nothing_lost(cluster, load);
}

TEST(KillAllTest, AllAtOnce) {
  TestCluster cluster({.durability = Options::Durability::wal});
  Processes processes(cluster);
  Load load(cluster, "call", 8);
  for (int round = 0; round < 3; round++) {
    load.wait_for(200);
    for (std::size_t i = 0; i < 3; i++) processes.kill(i);
    for (std::size_t i = 0; i < 3; i++) processes.start(i);
  }
  load.wait_for(100);
  expect_nothing_lost(cluster, load);
}

}  // namespace
}  // namespace bmc::paxos::runtime

// SPDX-License-Identifier: Apache-2.0
// Replicas without any privilege, each beside a real bmcd whose programs work for it. Run by ctest, label
// netns.
#include <gtest/gtest.h>

#include <fstream>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/tcp_client.h"
#include "netns-tests/paxos/cluster/kv_cluster.h"

namespace bmc::cluster {
namespace {

constexpr std::int64_t kPatienceMs = 20'000;

class OffloadTest : public testing::TestWithParam<std::string> {
 protected:
  void start(const std::string& offloads, const std::string& further = {}) {
    ClusterOptions options;
    options.further = further;
    options.replicas = 3;
    options.durability = GetParam();
    options.offloads = offloads;
    cluster_ = std::make_unique<KvCluster>(options);
  }
  // Writes `count` items, all of which have to be acknowledged; by the leader.
  void write(int count) {
    const auto leader = cluster_->leader();
    ASSERT_TRUE(leader);
    lab::TcpClient client(cluster_->mesh().clients(), cluster_->client_endpoint(*leader));
    for (int i = 0; i < count; ++i) {
      const std::string key = "key" + std::to_string(written_++ % 50);
      ASSERT_EQ(client.command("set " + key + " 0 0 3\r\nabc\r\n"), "STORED\r\n");
    }
  }
  std::size_t leader() const { return cluster_->leader().value(); }
  std::size_t backup() const { return (leader() + 1) % 3; }
  std::uint64_t statistic(std::size_t replica, const std::string& name) const {
    const auto value = cluster_->statistic(replica, name);
    if (!value) throw lab::LabError("no statistic " + name);
    return *value;
  }
  std::uint64_t entries(std::size_t replica) const { return statistic(replica, "paxos_kernel_entries"); }
  void expect_equal_states() {
    ASSERT_TRUE(cluster_->wait_settled(lab::Deadline::in_ms(kPatienceMs))) << cluster_->describe();
    std::vector<std::string> keys;
    for (int i = 0; i < 50; ++i) keys.push_back("key" + std::to_string(i));
    EXPECT_EQ(cluster_->difference_of_states(keys), "");
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(cluster_->replica(i).collapses(), 0u);
  }

  std::unique_ptr<KvCluster> cluster_;
  int written_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Durabilities, OffloadTest, testing::Values("wal", "memory"),
                         [](const auto& test) { return test.param; });

// Of a process, from /proc/PID/status.
std::string status_line(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return line.substr(line.find_last_of('\t') + 1);
  return {};
}

TEST_P(OffloadTest, TheKernelDoesTheWorkOfUnprivilegedReplicas) {
  start("on");
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(status_line(cluster_->replica(i).pid(), "CapEff"), "0000000000000000");
    EXPECT_NE(status_line(cluster_->replica(i).pid(), "Uid"), "0");
  }
  const std::uint64_t accepted = entries(backup()),
                      counted = statistic(leader(), "paxos_kernel_acknowledged");
  write(500);
  EXPECT_GT(entries(backup()), accepted + 400) << "entries accepted by the kernel";
  EXPECT_GT(statistic(leader(), "paxos_kernel_acknowledged"), counted + 800) << "of two backups";
  const std::uint64_t woken = statistic(backup(), "paxos_kernel_news_doorbell");
  if (GetParam() == "wal")
    EXPECT_GT(woken, 100u) << "what is absorbed waits for the disk";
  else
    EXPECT_LT(woken, 100u) << "what is acknowledged waits for the tick";
  expect_equal_states();
}

// Who looks for datagrams without sleeping looks at the memory as well, and is not woken.
TEST_P(OffloadTest, WhoPollsSeesItWithoutBeingWoken) {
  start("on", "busy-poll = \"200ms\"\n");
  const std::uint64_t accepted = entries(backup());
  write(20);  // now it polls
  const std::uint64_t rung = statistic(backup(), "paxos_kernel_news_doorbell");
  write(300);
  EXPECT_GT(entries(backup()), accepted + 200);
  EXPECT_GT(statistic(backup(), "paxos_kernel_news_looked"), 200u);
  EXPECT_LT(statistic(backup(), "paxos_kernel_news_doorbell"), rung + 50);
  expect_equal_states();
}

TEST_P(OffloadTest, MixedClustersWork) {
  start("mixed");
  write(300);
  EXPECT_FALSE(cluster_->statistic(1, "paxos_kernel_entries")) << "replica 1 asks nobody";
  expect_equal_states();
}

// The programs stay, and so does the memory: nothing changes for the replicas until the next bmcd is there.
TEST_P(OffloadTest, BmcdIsKilledAndComesBack) {
  start("on");
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < 3; ++i) cluster_->bmcd(i)->kill_hard();
    const std::uint64_t accepted = entries(backup());
    write(100);
    EXPECT_GT(entries(backup()), accepted + 50) << "while no bmcd is there";
    for (std::size_t i = 0; i < 3; ++i) cluster_->bmcd(i)->start_again();
    write(50);
    ASSERT_TRUE(lab::eventually(lab::Deadline::in_ms(kPatienceMs), [&] {
      for (std::size_t i = 0; i < 3; ++i)
        if (statistic(i, "paxos_kernel_joins_granted") != static_cast<std::uint64_t>(round) + 2) return false;
      return true;
    }));
    const std::uint64_t before = entries(backup());
    write(100);
    EXPECT_GT(entries(backup()), before + 50) << "after they joined";
  }
  expect_equal_states();
}

TEST_P(OffloadTest, BmcctlSwitchesEachByItself) {
  start("on");
  const auto switch_all = [&](const char* offload, const char* to, const std::string& then) {
    for (std::size_t i = 0; i < 3; ++i) {
      const auto done = cluster_->bmcd(i)->ctl({"paxos", offload, to});
      ASSERT_EQ(done.exit_code, 0) << done.output;
    }
    ASSERT_TRUE(lab::eventually(lab::Deadline::in_ms(kPatienceMs),
                                [&] {
                                  for (std::size_t i = 0; i < 3; ++i)
                                    if (cluster_->report(i)->kernel != then) return false;
                                  return true;
                                }))
        << offload << " " << to;
  };
  const auto counted = [&] { return statistic(leader(), "paxos_kernel_acknowledged"); };
  switch_all("ack", "off", "quorum,broadcast");
  std::uint64_t accepted = entries(backup()), acknowledged = counted();
  write(100);
  EXPECT_EQ(entries(backup()), accepted);
  EXPECT_GT(counted(), acknowledged + 100);
  switch_all("quorum", "off", "broadcast");
  acknowledged = counted();
  write(100);
  EXPECT_EQ(counted(), acknowledged);
  switch_all("ack", "on", "ack,broadcast");
  write(100);
  EXPECT_GT(entries(backup()), accepted + 50);
  EXPECT_EQ(counted(), acknowledged);
  switch_all("broadcast", "off", "ack");
  write(100);
  switch_all("ack", "off", "none");
  accepted = entries(backup());
  write(100);
  EXPECT_EQ(entries(backup()), accepted);
  for (const char* each : {"ack", "quorum", "broadcast"})
    for (std::size_t i = 0; i < 3; ++i) cluster_->bmcd(i)->ctl({"paxos", each, "on"});
  ASSERT_TRUE(cluster_->wait_helped(lab::Deadline::in_ms(kPatienceMs)));
  write(100);
  EXPECT_GT(entries(backup()), accepted + 50);
  expect_equal_states();
}

// An orderly end takes everything off: the replicas do it themselves.
TEST_P(OffloadTest, BmcdEndsAndTheReplicasGoOn) {
  start("on");
  write(50);
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(cluster_->bmcd(i)->stop());
  const std::uint64_t accepted = entries(backup());
  write(100);
  EXPECT_LE(entries(backup()), accepted + 1);
  for (std::size_t i = 0; i < 3; ++i) cluster_->bmcd(i)->start_again();
  ASSERT_TRUE(lab::eventually(lab::Deadline::in_ms(kPatienceMs),
                              [&] { return statistic(backup(), "paxos_kernel_joins_granted") == 2; }));
  write(100);
  EXPECT_GT(entries(backup()), accepted);
  expect_equal_states();
}

// A backup stands still while its program accepts for it, and is killed before it has taken anything.
TEST_P(OffloadTest, KilledBetweenAcceptingAndTaking) {
  start("on");
  for (int round = 0; round < 5; ++round) {
    write(20);
    const std::size_t victim = backup();
    cluster_->replica(victim).pause();
    write(20);
    cluster_->replica(victim).kill();
    write(20);
    cluster_->replica(victim).start_again();
    ASSERT_TRUE(cluster_->wait_following(lab::Deadline::in_ms(kPatienceMs))) << cluster_->describe();
    ASSERT_TRUE(cluster_->wait_helped(lab::Deadline::in_ms(kPatienceMs)));
  }
  expect_equal_states();
}

}  // namespace
}  // namespace bmc::cluster

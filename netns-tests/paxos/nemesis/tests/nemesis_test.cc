// SPDX-License-Identifier: Apache-2.0
// Short runs of the nemesis: every fault in both durabilities; and that it finds a store that is not
// linearizable. Run by ctest, label netns. BMC_NEMESIS_SECONDS and BMC_SEED lengthen and repeat runs.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "netns-tests/paxos/linearizability/checker.h"
#include "netns-tests/paxos/linearizability/history_file.h"
#include "netns-tests/paxos/nemesis/kv_connection.h"
#include "netns-tests/paxos/nemesis/run.h"

namespace bmc::nemesis {
namespace {

constexpr const char* kByKernels = "entries accepted by kernels";

RunOptions options(const std::string& durability, const std::string& nemeses,
                   const std::string& offloads = "off") {
  // The 19 faults of the first three tests: over two minutes. With offloads each is the shorter.
  const std::uint64_t seconds_each = offloads == "off" ? 7 : 5;
  RunOptions made;
  made.cluster.offloads = offloads;
  made.cluster.durability = durability;
  made.nemeses = nemeses;
  made.seed = lab::environment_number("BMC_SEED", 20'261'120);
  made.round_seconds = seconds_each;
  made.seconds = static_cast<std::int64_t>(lab::environment_number(
      "BMC_NEMESIS_SECONDS", parse_nemeses(nemeses, durability, offloads != "off").size() * seconds_each));
  made.evidence_directory = testing::TempDir();
  return made;
}

void expect_good(const RunReport& report, const std::vector<std::string>& deeds) {
  std::printf("%s", report.text().c_str());
  EXPECT_EQ(report.failure, "");
  for (const std::string& deed : deeds) {
    const auto found = report.deeds.find(deed);
    EXPECT_TRUE(found != report.deeds.end() && found->second > 0) << "nothing was tried: " << deed;
  }
  for (const RoundReport& round : report.rounds)
    EXPECT_GT(round.operations, 100u) << round.nemeses << ": too few to prove anything";
}

TEST(NemesisTest, WalKeepsEverythingThroughFaultsOfProcessesAndDisks) {
  expect_good(run(options("wal", "kill,kill-leader,kill-all,stop,full-disk,failing-sync,slow-sync,clock")),
              {"kills", "kills of all", "stops", "ends by a full disk", "ends by a failed sync", "slow disks",
               "clock changes"});
}

TEST(NemesisTest, WalKeepsEverythingThroughFaultsOfTheNetwork) {
  expect_good(run(options("wal", "partition,one-way,bridge,isolate-leader,loss")),
              {"partitions", "one-way cuts", "bridges", "leaders isolated", "bad weathers"});
}

TEST(NemesisTest, MemoryKeepsEverythingWhileAMajorityLives) {
  RunOptions memory = options("memory", "kill,kill-leader,stop,partition,isolate-leader,clock");
  memory.cluster.reads_at = "leader";
  expect_good(run(memory), {"kills", "stops", "partitions", "leaders isolated", "clock changes"});
}

// With the kernel's help at all replicas; and at some, of which each has other help.
TEST(NemesisOffloadTest, MemoryKeepsWhatKernelsAcknowledged) {
  RunOptions memory = options("memory", "kill-unread,kill-bmcd,switch,stop,partition", "on");
  memory.cluster.reads_at = "leader";
  memory.cluster.replicas = 3;
  expect_good(run(memory), {"kills before taking", "bmcds killed", "offloads switched", "stops", "partitions",
                            kByKernels});
}

TEST(NemesisOffloadTest, WalKeepsWhatKernelsAbsorbed) {
  expect_good(run(options("wal", "kill-all,kill-unread,detach,interface", "on")),
              {"kills of all", "kills before taking", "programs detached", "MTUs changed", kByKernels});
}

TEST(NemesisOffloadTest, MixedClustersKeepEverything) {
  expect_good(run(options("memory", "kill-leader,switch,neighbours,isolate-leader", "mixed")),
              {"kills", "neighbours forgotten", "offloads switched", "leaders isolated", kByKernels});
}

// The proof that a run can fail: replicas that know nothing of each other.
TEST(NemesisTest, AStoreThatIsNotReplicatedIsFound) {
  RunOptions broken = options("wal", "loss");
  broken.cluster.store = cluster::Store::kUnreplicated;
  broken.cluster.replicas = 3;
  const RunReport report = run(broken);
  ASSERT_NE(report.failure.find("is not linearizable"), std::string::npos) << report.text();
  EXPECT_FALSE(nlohmann::json::parse(report.json())["linearizable"]);
  // The evidence is enough to come to the same judgement again.
  const std::string words = "--check ";
  const std::size_t at = report.failure.find(words) + words.size();
  const std::string path = report.failure.substr(at, report.failure.find('\n', at) - at);
  const auto history = linearizability::read_history(path);
  ASSERT_TRUE(history.ok()) << history.error().what;
  EXPECT_FALSE(linearizability::check(*history).linearizable());
}

TEST(NemesisTest, StaleReadsAreFound) {
  RunOptions stale = options("memory", "isolate-leader");
  stale.cluster.reads_at = "stale";
  stale.cluster.replicas = 3;
  const RunReport report = run(stale);
  EXPECT_NE(report.failure.find("is not linearizable"), std::string::npos) << report.text();
}

// What memory durability promises nothing about, it must refuse: an empty store would be a wrong answer.
TEST(MemoryDurability, WithoutAMajorityThatRemembersNobodyServes) {
  cluster::ClusterOptions memory;
  memory.replicas = 3;
  memory.durability = "memory";
  cluster::KvCluster cluster(memory);
  const auto ask = [&](std::size_t replica, Action action) {
    auto connection = KvConnection::open(cluster.mesh().clients(), cluster.client_endpoint(replica), 1000);
    Operation operation;
    operation.action = action;
    operation.key = "k";
    operation.value = "v";
    return connection && connection->carry_out(operation) && operation.outcome == Outcome::kDone;
  };
  ASSERT_TRUE(ask(0, Action::kSet));
  for (std::size_t i = 0; i < cluster.size(); ++i) cluster.replica(i).kill();
  for (std::size_t i = 0; i < cluster.size(); ++i) cluster.replica(i).start_again();
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    std::optional<cluster::ReplicaReport> said;
    ASSERT_TRUE(lab::eventually(lab::Deadline::in_ms(10'000),
                                [&] { return (said = cluster.report(i)).has_value(); }));
    EXPECT_EQ(said->role, "recovering");
    EXPECT_FALSE(ask(i, Action::kGet));
    EXPECT_FALSE(ask(i, Action::kSet));
  }
}

TEST(NemesisOptions, UnknownNamesAreRefused) {
  EXPECT_EQ(parse_nemeses("all", "wal", true).size(), all_nemeses().size());
  EXPECT_LT(parse_nemeses("all", "wal").size(), all_nemeses().size());
  EXPECT_THROW(parse_nemeses("kill-bmcd", "wal"), std::invalid_argument);
  EXPECT_LT(parse_nemeses("all", "memory").size(), all_nemeses().size());
  EXPECT_EQ(parse_nemeses("kill,stop", "memory").size(), 2u);
  EXPECT_THROW(parse_nemeses("kill,earthquake", "wal"), std::invalid_argument);
  EXPECT_THROW(parse_nemeses("", "wal"), std::invalid_argument);
  EXPECT_THROW(parse_nemeses("kill-all", "memory"), std::invalid_argument);
}

}  // namespace
}  // namespace bmc::nemesis

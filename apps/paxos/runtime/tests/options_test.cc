// SPDX-License-Identifier: Apache-2.0
// Options::validate(): nothing to say about what is right, one sentence about each thing that is wrong.
#include "apps/paxos/include/bmc/paxos/options.h"

#include <gtest/gtest.h>

#include "apps/paxos/runtime/core_options_of.h"

namespace bmc::paxos {
namespace {

Options valid() {
  Options options;
  options.data_directory = "/var/lib/replica";
  options.cluster_id = 7;
  options.replicas = {"10.0.0.1:7400", "10.0.0.2:7400", "10.0.0.3:7400"};
  return options;
}

ClientOptions valid_client() {
  ClientOptions options;
  options.cluster_id = 7;
  options.replicas = valid().replicas;
  return options;
}

// The only problem, which must name `word`.
template <typename T>
void expect_one_problem(const T& options, const std::string& word) {
  const auto problems = options.validate();
  ASSERT_EQ(problems.size(), 1u) << (problems.empty() ? "nothing was said" : problems.back());
  EXPECT_NE(problems[0].find(word), std::string::npos) << problems[0];
}

TEST(OptionsTest, DefaultsAreValid) {
  EXPECT_TRUE(valid().validate().empty());
  EXPECT_TRUE(valid_client().validate().empty());
}

TEST(OptionsTest, WhoAndWhereHaveNoDefault) {
  const auto problems = Options{}.validate();
  EXPECT_EQ(problems.size(), 4u);  // directory, cluster, replicas, index
  EXPECT_EQ(ClientOptions{}.validate().size(), 2u);
}

TEST(OptionsTest, EveryClusterSizeThatIsOddUpToNine) {
  for (std::size_t count = 1; count <= 11; count++) {
    Options options = valid();
    options.replicas.clear();
    for (std::size_t i = 0; i < count; i++)
      options.replicas.push_back("10.0.0.1:" + std::to_string(7400 + i));
    EXPECT_EQ(options.validate().empty(), count % 2 == 1 && count <= 9) << count;
  }
}

TEST(OptionsTest, AddressesAreNumericAndDifferentAndOfOneFamily) {
  for (const char* wrong : {"replica-two:7400", "10.0.0.2", "10.0.0.2:0", "10.0.0.2:65536", "10.0.0.2:7400x",
                            "fd00::2:7400", "[fd00::2]", "", ":7400", "10.0.0.2:"}) {
    Options options = valid();
    options.replicas[1] = wrong;
    expect_one_problem(options, "give it as");
  }
  Options twice = valid();
  twice.replicas[1] = twice.replicas[0];
  expect_one_problem(twice, "twice");
  Options mixed = valid();
  mixed.replicas[1] = "[fd00::2]:7400";
  mixed.replicas[2] = "[fd00::3]:7400";
  EXPECT_FALSE(mixed.validate().empty());
  mixed.replicas[0] = "[fd00::1]:7400";
  EXPECT_TRUE(mixed.validate().empty());
  Options wildcard = valid();
  wildcard.replicas[1] = "0.0.0.0:7400";
  expect_one_problem(wildcard, "at which the others reach it");
}

TEST(OptionsTest, TheIndexIsOneOfTheReplicas) {
  Options options = valid();
  options.replica_index = 2;
  EXPECT_TRUE(options.validate().empty());
  options.replica_index = 3;
  expect_one_problem(options, "replica_index");
}

TEST(OptionsTest, ListenHasTheFamilyAndThePortOfTheReplica) {
  Options options = valid();
  options.listen = "0.0.0.0:7400";
  EXPECT_TRUE(options.validate().empty());
  options.listen = "0.0.0.0:7401";
  expect_one_problem(options, "port");
  options.listen = "[::]:7400";
  expect_one_problem(options, "listen");
}

TEST(OptionsTest, RequestsFitIntoTheFragmentsOfADatagram) {
  Options options = valid();
  options.request_bytes_max = (1u << 20) + 4096;
  EXPECT_TRUE(options.validate().empty());
  options.datagram_bytes_max = 548;
  expect_one_problem(options, "request_bytes_max");
  options.request_bytes_max = 400 * 1024;
  EXPECT_TRUE(options.validate().empty());
  options.datagram_bytes_max = 547;
  expect_one_problem(options, "datagram_bytes_max");
}

TEST(OptionsTest, LimitsHaveLimits) {
  Options options = valid();
  options.batch_requests_max = 0;
  options.pipeline_batches_max = 0;
  options.sessions_max = 0;
  EXPECT_EQ(options.validate().size(), 3u);
}

TEST(OptionsTest, TimeoutsOutlastALostHeartbeat) {
  Options options = valid();
  options.heartbeat_ms = 75;
  EXPECT_TRUE(options.validate().empty());
  options.heartbeat_ms = 76;
  expect_one_problem(options, "heartbeat_ms");
}

TEST(OptionsTest, AReadReplicaIsOneOfTheReplicas) {
  ClientOptions options = valid_client();
  options.read_replica = 2;
  EXPECT_TRUE(options.validate().empty());
  options.read_replica = 3;
  expect_one_problem(options, "read_replica");
  options.read_replica = -2;
  expect_one_problem(options, "read_replica");
}

TEST(OptionsTest, ABroadcastOffloadIsWholeOrNotAtAll) {
  Options options = valid();
  options.broadcast_offload = {.reports = 6, .groups = 5, .group = 15, .interface = "eth0"};
  EXPECT_TRUE(options.validate().empty());
  options.broadcast_offload.group = 16;
  expect_one_problem(options, "broadcast_offload.group");
  options.broadcast_offload.group = 0;
  options.broadcast_offload.reports = -1;
  expect_one_problem(options, "reports");
  options.broadcast_offload.reports = 6;
  options.broadcast_offload.interface.clear();
  EXPECT_TRUE(options.validate().empty());
  options.broadcast_offload.interface = "eth0";
  options.listen = "10.0.0.1:7400";
  EXPECT_TRUE(options.validate().empty());
  options.listen = "0.0.0.0:7400";
  expect_one_problem(options, "listen");
  options.broadcast_offload = {};
  EXPECT_TRUE(options.validate().empty());
  options.listen.clear();
  options.broadcast_offload = {.reports = 6, .interface = "eth0"};
  EXPECT_TRUE(options.validate().empty());
}

TEST(OptionsTest, TheKernelIsAskedForSomethingOrNotAtAll) {
  Options options = valid();
  options.kernel = {
      .socket = "/run/bmcd/paxos.sock", .acknowledge = true, .quorum = false, .broadcast = false};
  EXPECT_TRUE(options.validate().empty());
  options.kernel.socket.clear();
  expect_one_problem(options, "kernel.socket is empty");
  options.kernel = {
      .socket = "/run/bmcd/paxos.sock", .acknowledge = false, .quorum = false, .broadcast = false};
  expect_one_problem(options, "nothing is asked for");
  options.kernel.broadcast = true;
  options.kernel.socket = "/" + std::string(106, 'x');
  EXPECT_TRUE(options.validate().empty());
  options.kernel.socket += "x";
  expect_one_problem(options, "longer than a socket's path");
  options.kernel.socket = "/run/bmcd/paxos.sock";
  options.broadcast_offload = {.reports = 6, .interface = "eth0"};
  expect_one_problem(options, "leave one of them out");
  options.kernel.quorum = true;
  options.kernel.broadcast = false;
  EXPECT_TRUE(options.validate().empty());
}

TEST(OptionsTest, TheCoreIsToldTheSame) {
  Options options = valid();
  options.replica_index = 1;
  options.durability = Options::Durability::memory;
  options.heartbeat_ms = 30;
  options.request_bytes_max = 4711;
  const CoreOptions core = runtime::core_options_of(options);
  EXPECT_EQ(core.index, 1);
  EXPECT_EQ(core.replica_count, 3);
  EXPECT_EQ(core.durability, Durability::kMemory);
  EXPECT_EQ(core.heartbeat_us, 30'000u);
  EXPECT_GT(core.request_bytes_max, 4711u);  // of the whole request
  EXPECT_LE(core.request_bytes_max, 4711u + 200u);
}

}  // namespace
}  // namespace bmc::paxos

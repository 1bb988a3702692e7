// SPDX-License-Identifier: Apache-2.0
// Whole clusters through normal operation, view changes, restarts and catching up, in both durabilities and
// all sizes.
#include <gtest/gtest.h>

#include "apps/paxos/core/tests/test_cluster.h"

namespace bmc::paxos {
namespace {

class ClusterTest : public testing::TestWithParam<std::tuple<int, Durability>> {
 protected:
  CoreOptions options() const {
    return test_options(static_cast<std::uint8_t>(std::get<0>(GetParam())), std::get<1>(GetParam()));
  }
  ReplicaIndex count() const { return static_cast<ReplicaIndex>(std::get<0>(GetParam())); }

  // All running replicas end up with exactly these operations.
  void expect_everywhere(TestCluster& cluster, const std::vector<std::string>& operations) {
    const auto equal = [&] {
      for (ReplicaIndex i = 0; i < count(); ++i) {
        if (cluster.is_up(i) && cluster.machine(i).operations != operations) return false;
      }
      return true;
    };
    EXPECT_TRUE(cluster.run_until(equal));
  }
};

TEST_P(ClusterTest, AppliesOnAllReplicas) {
  TestCluster cluster(options());
  EXPECT_TRUE(cluster.apply_and_wait(1, "a"));
  EXPECT_TRUE(cluster.apply_and_wait(2, "b"));
  EXPECT_TRUE(cluster.apply_and_wait(1, "c"));
  expect_everywhere(cluster, {"a", "b", "c"});
  EXPECT_EQ(cluster.leader(), ReplicaIndex{0});
}

TEST_P(ClusterTest, GoesOnWithoutItsLeader) {
  if (count() == 1) return;
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  cluster.crash(0);
  ASSERT_TRUE(cluster.apply_and_wait(1, "b"));
  EXPECT_NE(cluster.leader(), ReplicaIndex{0});
  cluster.restart(0);
  ASSERT_TRUE(cluster.apply_and_wait(1, "c"));
  expect_everywhere(cluster, {"a", "b", "c"});
}

TEST_P(ClusterTest, LosesNothingWhenReplicasRestartOneAfterTheOther) {
  if (count() == 1) return;
  TestCluster cluster(options());
  std::vector<std::string> operations;
  for (int round = 0; round < 3; ++round) {
    for (ReplicaIndex i = 0; i < count(); ++i) {
      operations.push_back(std::to_string(round * 10 + i));
      ASSERT_TRUE(cluster.apply_and_wait(1, operations.back()));
      cluster.restart(i);
      ASSERT_TRUE(cluster.run_until([&] { return cluster.look(i).status == Status::kNormal; }));
    }
  }
  expect_everywhere(cluster, operations);
}

TEST_P(ClusterTest, LaggingReplicaCatchesUpByEntries) {
  if (count() == 1) return;
  TestCluster cluster(options());
  const ReplicaIndex lagging = static_cast<ReplicaIndex>(count() - 1);
  cluster.loses = [&](ReplicaIndex, ReplicaIndex to, const Message&) { return to == lagging; };
  std::vector<std::string> operations;
  for (int i = 0; i < 300; ++i) {
    operations.push_back(std::to_string(i));
    ASSERT_TRUE(cluster.apply_and_wait(1, operations.back()));
  }
  cluster.loses = nullptr;
  expect_everywhere(cluster, operations);
}

TEST_P(ClusterTest, LaggingReplicaCatchesUpByCheckpoint) {
  if (count() == 1) return;
  CoreOptions small = options();
  small.checkpoint_interval_ops = 16;
  small.log_kept_ops = 8;
  small.chunk_bytes_max = 64;
  TestCluster cluster(small);
  const ReplicaIndex lagging = static_cast<ReplicaIndex>(count() - 1);
  ASSERT_TRUE(cluster.apply_and_wait(1, "first"));
  cluster.crash(lagging);
  std::vector<std::string> operations{"first"};
  for (int i = 0; i < 100; ++i) {
    operations.push_back(std::to_string(i));
    ASSERT_TRUE(cluster.apply_and_wait(1, operations.back()));
  }
  cluster.restart(lagging);
  expect_everywhere(cluster, operations);
  EXPECT_GT(cluster.look(lagging).log_begin, 0u);
}

TEST_P(ClusterTest, RestartOfAllKeepsEverythingInWal) {
  if (options().durability == Durability::kMemory) return;
  CoreOptions small = options();
  small.checkpoint_interval_ops = 16;
  small.log_kept_ops = 4;
  TestCluster cluster(small);
  std::vector<std::string> operations;
  for (int i = 0; i < 50; ++i) {
    operations.push_back(std::to_string(i));
    ASSERT_TRUE(cluster.apply_and_wait(1, operations.back()));
  }
  for (ReplicaIndex i = 0; i < count(); ++i) cluster.crash(i);
  for (ReplicaIndex i = 0; i < count(); ++i) cluster.restart(i);
  operations.push_back("after");
  ASSERT_TRUE(cluster.apply_and_wait(1, "after"));
  expect_everywhere(cluster, operations);
}

TEST_P(ClusterTest, ReadsSeeWhatWasApplied) {
  TestCluster cluster(options());
  ASSERT_TRUE(cluster.apply_and_wait(1, "a"));
  for (ReplicaIndex i = 0; i < count(); ++i) {
    cluster.replies.clear();
    cluster.read(i, "");
    ASSERT_TRUE(cluster.run_until([&] { return !cluster.replies.empty(); }));
    EXPECT_EQ(cluster.replies.back().status(), body::Reply::OK);
    EXPECT_EQ(cluster.replies.back().result(), "a,");
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ClusterTest,
                         testing::Combine(testing::Values(1, 3, 5, 7, 9),
                                          testing::Values(Durability::kMemory, Durability::kWal)));

}  // namespace
}  // namespace bmc::paxos

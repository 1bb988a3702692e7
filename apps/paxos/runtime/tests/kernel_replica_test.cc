// SPDX-License-Identifier: Apache-2.0
// Whole replicas that bmcd helps, as far as it goes without programs: who arms and freezes which memory when.
#include <gtest/gtest.h>
#include <netinet/in.h>  // before quorum.h, which takes the kernel's header of the same things

#include <atomic>
#include <thread>

#include "apps/paxos/fastpath/quorum.h"
#include "apps/paxos/runtime/tests/fake_bmcd.h"
#include "apps/paxos/runtime/tests/loop.h"
#include "apps/paxos/runtime/tests/test_cluster.h"

namespace bmc::paxos::runtime {
namespace {

constexpr std::uint32_t kBoth = PAXOS_OFFLOAD_ACK | PAXOS_OFFLOAD_QUORUM;

bool eventually(const std::function<bool()>& happened) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!happened()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

class KernelReplicaTest : public testing::TestWithParam<Options::Durability> {
 protected:
  explicit KernelReplicaTest()
      : cluster_({.durability = GetParam(), .change = [this](Options& options) {
                    options.kernel = {
                        .socket = path_, .acknowledge = true, .quorum = true, .broadcast = false};
                  }}) {}

  FakeMemory& memory(std::size_t index) {
    return bmcd_->memory(parse_endpoint(cluster_.options(index).replicas[index])->port());
  }
  void forget_memory(std::size_t index) {
    bmcd_->forget_memory(parse_endpoint(cluster_.options(index).replicas[index])->port());
  }
  // Every replica's gate is armed for what it is.
  bool all_armed() {
    for (std::size_t i = 0; i < cluster_.size(); i++)
      if (memory(i).is_armed() == memory(i).leads()) return false;
    return true;
  }
  bool all_frozen() {
    for (std::size_t i = 0; i < cluster_.size(); i++)
      if (memory(i).is_armed() || memory(i).leads()) return false;
    return true;
  }
  std::uint64_t counter(std::size_t index, std::string_view name, std::string_view label = "") {
    for (const Counter& each : cluster_.replica(index).counters())
      if (each.name == name && each.label == label) return each.value;
    return ~std::uint64_t{0};
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/paxos.sock";
  std::optional<FakeBmcd> bmcd_{path_};
  TestCluster cluster_;
};

INSTANTIATE_TEST_SUITE_P(Durabilities, KernelReplicaTest,
                         testing::Values(Options::Durability::wal, Options::Durability::memory),
                         durability_name);

TEST_P(KernelReplicaTest, ArmsItsMemoryAndFreezesItAtTheEnd) {
  cluster_.start_all();
  Load load(cluster_, "load", 4);
  load.wait_for(100);
  load.stop();
  ASSERT_TRUE(eventually([&] { return all_armed(); }));
  const KernelHelp help = cluster_.replica(0).status().kernel;
  EXPECT_TRUE(help.is_joined && help.acknowledge && help.quorum);
  EXPECT_FALSE(help.broadcast);
  EXPECT_EQ(counter(0, "kernel_joins", "granted"), 1u);
  EXPECT_GT(counter(0, "kernel_terms", "armed"), 0u);
  // Without programs nothing is accepted there; the leader's own vote is in its cells.
  EXPECT_EQ(counter(0, "kernel_entries"), 0u);
  EXPECT_GT(PAXOS_REL(memory(0).cells().acked[0].position), 0u);
  const std::uint64_t alive = shared_load(&memory(1).cells().alive_ns);
  EXPECT_TRUE(eventually([&] { return shared_load(&memory(1).cells().alive_ns) > alive; }));
  for (std::size_t i = 0; i < cluster_.size(); i++) cluster_.stop(i);
  EXPECT_TRUE(all_frozen());
  expect_exactly_once(load, cluster_.machine(0));
}

TEST_P(KernelReplicaTest, FollowsTheSwitches) {
  cluster_.start_all();
  Load load(cluster_, "load", 4);
  for (int round = 0; round < 5; round++) {
    bmcd_->tell(0);
    ASSERT_TRUE(eventually([&] { return all_frozen(); }));
    load.wait_for(20);
    EXPECT_TRUE(all_frozen());
    EXPECT_FALSE(cluster_.replica(1).status().kernel.acknowledge);
    bmcd_->tell(PAXOS_OFFLOAD_QUORUM);
    ASSERT_TRUE(eventually([&] { return memory(cluster_.leader()).leads(); }));
    bmcd_->tell(kBoth);
    load.wait_for(20);
    ASSERT_TRUE(eventually([&] { return all_armed(); }));
  }
  load.stop();
  const auto applied = [&](std::size_t i) { return cluster_.replica(i).status().applied; };
  ASSERT_TRUE(eventually([&] { return applied(0) == applied(1) && applied(1) == applied(2); }));
  for (std::size_t i = 0; i < cluster_.size(); i++) cluster_.stop(i);
  for (std::size_t i = 0; i < cluster_.size(); i++) expect_exactly_once(load, cluster_.machine(i));
}

// In place of the program: counts for a leader that its peers have acknowledged whatever it proposes, at once
// and without ever ringing.
class SilentCounter {
 public:
  explicit SilentCounter(paxos_cells& cells) : cells_(cells), thread_([this] { run(); }) {}
  ~SilentCounter() {
    is_over_ = true;
    thread_.join();
  }

 private:
  void run() {
    fast_world world{};
    world.cells = &cells_;
    while (!is_over_) {
      std::this_thread::yield();
      const __u64 gate = world_load_ordered(&world, &cells_.leader_gate);
      const __u64 proposed = world_load(&world, &cells_.proposed);
      if (!(gate & PAXOS_ARMED) || PAXOS_GENERATION(proposed) != PAXOS_GENERATION(gate)) continue;
      count_config config{};
      world_count_config(&world, PAXOS_GENERATION(gate), 0, &config);
      for (__u8 i = 0; i < config.replica_count; i++)
        if (i != config.self && raise_acked(&world, i, proposed) == PAXOS_GO_ON)
          count_acknowledgements(&world, &config, proposed);
    }
  }

  paxos_cells& cells_;
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

// What is counted while the leader sends it finds before it sleeps.
TEST_P(KernelReplicaTest, LooksForNewsBeforeItSleeps) {
  cluster_.start_all();
  ASSERT_TRUE(eventually([&] { return all_armed(); }));
  const std::size_t leader = cluster_.leader();
  const SilentCounter counting(memory(leader).cells());
  Load load(cluster_, "load", 4);
  load.wait_for(200);
  ASSERT_TRUE(eventually([&] { return counter(leader, "kernel_news", "looked") > 0; }));
  load.stop();
  EXPECT_EQ(counter(leader, "kernel_news", "doorbell"), 0u);
  EXPECT_GT(counter(leader, "kernel_acknowledged"), 0u);
  const auto applied = [&](std::size_t i) { return cluster_.replica(i).status().applied; };
  ASSERT_TRUE(eventually([&] { return applied(0) == applied(1) && applied(1) == applied(2); }));
}

// What a predecessor left armed, with entries in its slots, is frozen and forgotten; only then is it armed
// anew.
TEST_P(KernelReplicaTest, FreezesWhatItsPredecessorLeft) {
  for (std::size_t i = 0; i < cluster_.size(); i++) {
    paxos_cells& cells = memory(i).cells();
    cells.gate = PAXOS_ARMED | PAXOS_POSITION(41ull, 7);
    cells.leader_gate = PAXOS_ARMED | PAXOS_POSITION(17ull, 0);
    cells.tail = PAXOS_POSITION(41ull, 2);
  }
  cluster_.start_all();
  ASSERT_TRUE(eventually([&] { return all_armed(); }));
  for (std::size_t i = 0; i < cluster_.size(); i++) {
    EXPECT_GE(memory(i).generation(), memory(i).is_armed() ? 42u : 41u);
    if (!memory(i).is_armed()) continue;
    EXPECT_EQ(PAXOS_REL(memory(i).cells().tail), 0u);
  }
}

TEST_P(KernelReplicaTest, WithoutBmcdItStartsAndIsHelpedLater) {
  bmcd_.reset();
  cluster_.start_all();
  Load load(cluster_, "load", 4);
  load.wait_for(20);
  EXPECT_FALSE(cluster_.replica(0).status().kernel.is_joined);
  bmcd_.emplace(path_);
  ASSERT_TRUE(eventually([&] { return all_armed(); }));
  load.wait_for(20);
}

// While bmcd is away the programs go on, and so does the process that they work for.
TEST_P(KernelReplicaTest, KeepsItsMemoryWhileBmcdIsAway) {
  cluster_.start_all();
  ASSERT_TRUE(eventually([&] { return all_armed(); }));
  bmcd_->hang_up();
  ASSERT_TRUE(eventually([&] { return !cluster_.replica(1).status().kernel.is_joined; }));
  EXPECT_TRUE(cluster_.replica(1).status().kernel.acknowledge);
  Load load(cluster_, "load", 4);
  load.wait_for(20);
  ASSERT_TRUE(eventually([&] { return all_armed(); }));
  ASSERT_TRUE(eventually([&] { return cluster_.replica(1).status().kernel.is_joined; }));
  load.wait_for(20);
  ASSERT_TRUE(eventually([&] { return all_armed(); }));
  EXPECT_EQ(counter(1, "kernel_joins", "lost"), 1u);
}

TEST_P(KernelReplicaTest, GivenOtherMemoryItFreezesTheOld) {
  cluster_.start_all();
  ASSERT_TRUE(eventually([&] { return all_armed(); }));
  FakeMemory& old = memory(1);
  forget_memory(1);
  bmcd_->hang_up();
  ASSERT_TRUE(eventually([&] { return memory(1).is_armed() || memory(1).leads(); }));
  EXPECT_FALSE(old.is_armed() || old.leads());
}

// bmcd freezes whom it holds for dead, and may be wrong.
TEST_P(KernelReplicaTest, FrozenByMistakeItArmsAnew) {
  cluster_.start_all();
  Load load(cluster_, "load", 4);
  load.wait_for(10);
  ASSERT_TRUE(eventually([&] { return all_armed(); }));
  for (std::size_t i = 0; i < cluster_.size(); i++) {
    __atomic_fetch_and(&memory(i).cells().gate, ~PAXOS_ARMED, __ATOMIC_SEQ_CST);
    __atomic_fetch_and(&memory(i).cells().leader_gate, ~PAXOS_ARMED, __ATOMIC_SEQ_CST);
  }
  load.wait_for(10);
  EXPECT_TRUE(eventually([&] { return all_armed(); }));
}

}  // namespace
}  // namespace bmc::paxos::runtime

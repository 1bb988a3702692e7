// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/cluster.h"

#include <gtest/gtest.h>

#include "apps/paxos/sim/runner.h"

namespace bmc::paxos::sim {
namespace {

TEST(ClusterTest, TheSameSeedTakesTheSameSteps) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SimOptions options;
    options.seed = seed;
    const RunResult first = Cluster(options).run();
    const RunResult second = Cluster(options).run();
    EXPECT_EQ(first.trace_hash, second.trace_hash) << "seed " << seed;
    options.seed = seed + 1000;
    EXPECT_NE(Cluster(options).run().trace_hash, first.trace_hash);
  }
}

// The kernels do what they are for: nearly all entries are accepted and counted there.
TEST(ClusterTest, KernelsAcceptAndCount) {
  for (const Durability durability : {Durability::kMemory, Durability::kWal}) {
    SimOptions options;
    options.seed = 7;
    options.ticks = 1000;
    options.faults = FaultSet();
    options.durability = durability;
    options.replica_count = 3;
    options.accelerators = Accelerators::kOn;
    const RunResult result = Cluster(options).run();
    EXPECT_FALSE(result.failed()) << result.invariant << ": " << result.what;
    EXPECT_EQ(result.faults.view_changes, 0u);
    const bool in_memory = durability == Durability::kMemory;
    EXPECT_GT(in_memory ? result.faults.kernel_acked : result.faults.kernel_absorbed, result.committed / 2);
    EXPECT_EQ(in_memory ? result.faults.kernel_absorbed : result.faults.kernel_acked, 0u);
    EXPECT_GT(result.faults.kernel_counted, result.committed / 2);

    options.accelerators = Accelerators::kOff;
    const RunResult without = Cluster(options).run();
    EXPECT_EQ(without.faults.kernel_acked + without.faults.kernel_absorbed + without.faults.kernel_counted,
              0u);
  }
}

TEST(ClusterTest, WithoutFaultsThereIsOneViewAndProgress) {
  for (const Durability durability : {Durability::kMemory, Durability::kWal}) {
    SimOptions options;
    options.seed = 7;
    options.ticks = 1000;
    options.faults = FaultSet();
    options.durability = durability;
    options.replica_count = 3;
    const RunResult result = Cluster(options).run();
    EXPECT_FALSE(result.failed()) << result.invariant << ": " << result.what;
    EXPECT_EQ(result.faults.view_changes, 0u);
    EXPECT_GT(result.answered, 10u);
  }
}

TEST(FaultSetTest, NamesAreReadAndWritten) {
  EXPECT_EQ(*FaultSet::parse("all"), FaultSet::all());
  EXPECT_TRUE(FaultSet::parse("none")->empty());
  EXPECT_EQ(FaultSet::parse("loss,rot")->names(), "loss,rot");
  EXPECT_EQ(*FaultSet::parse(FaultSet::all().names()), FaultSet::all());
  EXPECT_EQ(FaultSet::parse("loss,ghosts").error().code, EINVAL);
}

TEST(RunnerTest, AReplaySaysWhatTheRunWas) {
  SimOptions options;
  options.ticks = 100;
  options.replica_count = 5;
  options.durability = Durability::kWal;
  options.faults = *FaultSet::parse("loss");
  options.accelerators = Accelerators::kMixed;
  options.cpus = 4;
  options.mutants = MutantSet(Mutant::stale_read);
  EXPECT_EQ(replay_arguments(options, 9),
            "--seed 9 --ticks 100 --replicas 5 --durability wal --accelerators mixed --cpus 4 --faults loss "
            "--mutant stale_read");
}

}  // namespace
}  // namespace bmc::paxos::sim

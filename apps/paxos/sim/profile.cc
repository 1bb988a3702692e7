// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/profile.h"

#include <initializer_list>

namespace bmc::paxos::sim {
namespace {

template <typename T>
T one_of(Random& random, std::initializer_list<T> choices) {
  return *(choices.begin() + random.below(choices.size()));
}

std::uint8_t draw_replica_count(Random& random) {
  const std::uint64_t dice = random.below(100);
  if (dice < 62) return 3;
  if (dice < 92) return 5;
  if (dice < 96) return 7;
  return dice < 98 ? 1 : 9;
}

CoreOptions draw_core(const SimOptions& options, Random& random) {
  CoreOptions core;
  core.replica_count = draw_replica_count(random);
  core.durability = one_of(random, {Durability::kMemory, Durability::kWal});
  if (options.replica_count) core.replica_count = *options.replica_count;
  if (options.durability) core.durability = *options.durability;
  // Small limits, so that a short run meets them.
  core.batch_requests_max = one_of<std::uint32_t>(random, {1, 1, 3, 64});
  core.batch_bytes_max = one_of<std::uint32_t>(random, {300, 1280});
  core.batch_delay_us = one_of<Micros>(random, {0, 200, 5000});
  core.request_bytes_max = 1024;
  core.pipeline_ops_max = one_of<std::uint32_t>(random, {1, 2, 8, 128});
  core.waiting_requests_max = one_of<std::uint32_t>(random, {2, 16, 4096});
  core.sessions_max = one_of<std::uint32_t>(random, {4, 64, 64, 4096});
  core.reads_waiting_max = one_of<std::uint32_t>(random, {2, 4096, 4096});
  core.checkpoint_interval_ops = one_of<std::uint32_t>(random, {3, 8, 8, 32, 4096});
  core.log_kept_ops = one_of<std::uint32_t>(random, {0, 2, 8, 64, 4096});
  core.chunk_bytes_max = one_of<std::uint32_t>(random, {512, 4096, 256 * 1024});
  core.heartbeat_us = 20'000;
  core.leader_timeout_us = 100'000;
  core.quorum_timeout_us = one_of<Micros>(random, {150'000, 300'000});
  core.retransmit_us = 30'000;
  return core;
}

FaultSet draw_faults(FaultSet allowed, Random& random) {
  FaultSet faults;
  const double share = one_of(random, {0.25, 0.5, 0.8});
  for (std::size_t index = 0; index < kFaults; ++index) {
    const Fault fault = static_cast<Fault>(index);
    const bool drawn = random.chance(share);
    if (drawn && allowed.has(fault)) faults.add(fault);
  }
  return faults;
}

void draw_network(Profile& profile, Random& random) {
  const FaultSet faults = profile.faults;
  const double loss = one_of(random, {0.01, 0.05, 0.2});
  const double duplicate = one_of(random, {0.01, 0.1, 0.3});
  const double damage = one_of(random, {0.005, 0.03});
  const Micros delay = one_of<Micros>(random, {300, 1000, 3000});
  const Micros reordered_delay = one_of<Micros>(random, {2000, 5000, 15'000});
  profile.loss = faults.has(Fault::loss) ? loss : 0;
  profile.duplicate = faults.has(Fault::duplicate) ? duplicate : 0;
  profile.damage = faults.has(Fault::damage) ? damage : 0;
  profile.delay_min_us = 50;
  profile.delay_mean_us = faults.has(Fault::reorder) ? reordered_delay : delay;
  profile.replay_mean_us = one_of<Micros>(random, {3000, 50'000, 300'000});
}

void draw_clients(Profile& profile, Random& random) {
  profile.clients = one_of<std::uint32_t>(random, {1, 2, 4, 6, 8});
  profile.keys = one_of<std::uint32_t>(random, {3, 6});
  profile.think_us = one_of<Micros>(random, {2000, 10'000, 40'000});
  profile.client_timeout_us = one_of<Micros>(random, {40'000, 120'000});
  profile.reads = one_of(random, {0.0, 0.3, 0.6});
  profile.stale_reads = one_of(random, {0.0, 0.2});
  profile.gives_up = one_of(random, {0.0, 0.02, 0.2});
  profile.padding_max = one_of<std::uint32_t>(random, {0, 60, 400});
}

// From a generator of its own: all the rest is as if there were no kernels.
void draw_kernels(Profile& profile, const SimOptions& options) {
  Random random(mix(options.seed, 0xacce1e7a));
  const Accelerators drawn = one_of(random, {Accelerators::kOff, Accelerators::kOn, Accelerators::kMixed});
  const std::uint32_t cpus = one_of<std::uint32_t>(random, {1, 2, 4});
  const auto all = static_cast<ReplicaSet>((1u << profile.core.replica_count) - 1);
  const auto some = static_cast<ReplicaSet>(random.next());
  const auto others = static_cast<ReplicaSet>(random.next());
  switch (options.accelerators.value_or(drawn)) {
    case Accelerators::kOff:
      break;
    case Accelerators::kOn:
      profile.accepting = profile.counting = all;
      break;
    case Accelerators::kMixed:
      profile.accepting = static_cast<ReplicaSet>(some & all);
      profile.counting = static_cast<ReplicaSet>(others & all);
  }
  profile.cpus = options.cpus.value_or(cpus);
  profile.slots = one_of<std::uint32_t>(random, {1, 2, 4, 64});
  profile.lease_us = one_of<Micros>(random, {10'000, 50'000, 1'000'000});
  profile.cpu_delay_us = one_of<Micros>(random, {2, 20, 300});
  profile.cpu_overlap = one_of(random, {0.05, 0.3, 0.6});
  profile.memory_stays = random.chance(0.5);
  const Micros switching = one_of<Micros>(random, {0, 15'000, 100'000});
  profile.switch_mean_us = options.faults.empty() ? 0 : switching;
}

}  // namespace

const char* name_of(Accelerators accelerators) {
  static constexpr const char* kNames[] = {"off", "on", "mixed"};
  return kNames[static_cast<std::size_t>(accelerators)];
}

const char* name_of(enum fast_mutant mutant) {
  static constexpr const char* kNames[] = {"none",
#define X(name, text) #name,
                                           FAST_MUTANTS(X)
#undef X
  };
  return kNames[mutant];
}

const char* text_of(enum fast_mutant mutant) {
  static constexpr const char* kTexts[] = {"",
#define X(name, text) text,
                                           FAST_MUTANTS(X)
#undef X
  };
  return kTexts[mutant];
}

Profile draw_profile(const SimOptions& options, Random& random) {
  Profile profile;
  profile.core = draw_core(options, random);
  profile.faults = draw_faults(options.faults, random);
  profile.safety_us = (options.ticks ? *options.ticks : random.between(700, 2000)) * kTickUs;
  profile.liveness_us = 20'000'000;
  draw_network(profile, random);
  profile.fault_interval_us = one_of<Micros>(random, {30'000, 80'000, 200'000});
  profile.fault_length_us = one_of<Micros>(random, {20'000, 100'000, 300'000});
  profile.aims_at_leader = one_of(random, {0.0, 0.5, 0.9});
  profile.segment_bytes = one_of<std::uint64_t>(random, {1024, 8192, 1 << 20});
  profile.sync_mean_us = one_of<Micros>(random, {100, 500, 3000});
  draw_clients(profile, random);
  profile.cluster_id = random.next() | 1;
  draw_kernels(profile, options);
  return profile;
}

}  // namespace bmc::paxos::sim

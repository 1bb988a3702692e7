// SPDX-License-Identifier: Apache-2.0
// What one seed stands for: the cluster, its limits, which faults come how often, what the clients do. Every
// run draws another mixture, so that rare meetings of two faults are not drowned by all the others.
#ifndef BMC_PAXOS_SIM_PROFILE_H
#define BMC_PAXOS_SIM_PROFILE_H

#include <array>
#include <optional>

#include "apps/paxos/core/core_options.h"
#include "apps/paxos/core/mutant.h"
#include "apps/paxos/fastpath/mutant.h"
#include "apps/paxos/sim/faults.h"
#include "apps/paxos/sim/random.h"

namespace bmc::paxos::sim {

inline constexpr Micros kTickUs = 1000;  // the unit of --ticks

enum class Accelerators : std::uint8_t { kOff, kOn, kMixed };

// What the caller fixes; everything else the seed decides.
struct SimOptions {
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> ticks;         // of kTickUs, before the healing
  std::optional<std::uint8_t> replica_count;  // 1, 3, 5, 7 or 9
  std::optional<Durability> durability;
  FaultSet faults = FaultSet::all();  // may be drawn from
  std::optional<Accelerators> accelerators;
  std::optional<std::uint32_t> cpus;
  MutantSet mutants;
  enum fast_mutant fast_mutant = FAST_MUTANT_NONE;
  bool verbose = false;
};

struct Profile {
  CoreOptions core;  // without the index
  FaultSet faults;
  Micros safety_us = 0;    // with faults
  Micros liveness_us = 0;  // after the healing everything must be done within it

  // Network. Probabilities are of one packet.
  double loss = 0;
  double duplicate = 0;
  double damage = 0;
  Micros delay_min_us = 0;
  Micros delay_mean_us = 0;
  Micros replay_mean_us = 0;  // how much later a duplicate comes

  // Faults that come and go.
  Micros fault_interval_us = 0;  // mean time between two of them
  Micros fault_length_us = 0;    // mean
  double aims_at_leader = 0;     // probability that the leader is the one

  // Disk.
  std::uint64_t segment_bytes = 0;
  Micros sync_mean_us = 0;

  // Clients.
  std::uint32_t clients = 0;
  std::uint32_t keys = 0;
  Micros think_us = 0;  // mean, between a reply and the next request
  Micros client_timeout_us = 0;
  double reads = 0;               // share of the requests
  double stale_reads = 0;         // share of the reads
  double gives_up = 0;            // probability that a timeout is the last
  std::uint32_t padding_max = 0;  // bytes

  // Kernels.
  ReplicaSet accepting = 0;  // whose kernel may accept
  ReplicaSet counting = 0;   // and count
  std::uint32_t cpus = 1;
  std::uint32_t slots = 0;    // a power of two
  Micros lease_us = 0;        // how long a program accepts for a process that stands still
  Micros cpu_delay_us = 0;    // mean, between some accesses and the next
  double cpu_overlap = 0;     // probability that a CPU goes on before an access of the process
  bool memory_stays = false;  // when a process ends: its programs go on until the lease is over
  Micros switch_mean_us = 0;  // between two times that bmcd gives, takes or loses something; 0: never

  std::uint32_t epoch = 1;
  std::uint64_t cluster_id = 0;
};

const char* name_of(Accelerators accelerators);
// Of those of the fast path; "none" for none.
const char* name_of(enum fast_mutant mutant);
const char* text_of(enum fast_mutant mutant);

// The same options and generator give the same profile.
Profile draw_profile(const SimOptions& options, Random& random);

}  // namespace bmc::paxos::sim

#endif

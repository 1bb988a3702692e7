// SPDX-License-Identifier: Apache-2.0
// What all parts of one simulated cluster share. Owned by Cluster, in which everything else lives.
#ifndef BMC_PAXOS_SIM_WORLD_H
#define BMC_PAXOS_SIM_WORLD_H

#include "apps/paxos/sim/agenda.h"
#include "apps/paxos/sim/checkers.h"
#include "apps/paxos/sim/network.h"
#include "apps/paxos/sim/profile.h"
#include "apps/paxos/sim/trace.h"
#include "apps/paxos/sim/verdict.h"

namespace bmc::paxos::sim {

// What really happened, so that a fault that never does is seen.
struct FaultCounts {
  std::uint64_t processes_ended = 0;
  std::uint64_t machines_ended = 0;
  std::uint64_t starts_failed = 0;
  std::uint64_t syncs_failed = 0;
  std::uint64_t disks_remade = 0;
  std::uint64_t recoveries = 0;  // of replicas without log, to the end
  std::uint64_t packets_refused = 0;
  std::uint64_t view_changes = 0;  // that gave a leader
  // Of the kernels.
  std::uint64_t kernel_acked = 0;     // PREPAREs accepted and acknowledged
  std::uint64_t kernel_absorbed = 0;  // PREPAREs accepted
  std::uint64_t kernel_counted = 0;   // acknowledgements
  std::uint64_t switches = 0;         // of offloads
};

struct World {
  World(const SimOptions& options, Random& random, Network::Deliver deliver)
      : mutants(options.mutants),
        fast_mutant(options.fast_mutant),
        profile(draw_profile(options, random)),
        trace(agenda, options.verbose),
        checkers(verdict, profile.core),
        network(agenda, random.fork(), profile, std::move(deliver)) {}

  MutantSet mutants;
  enum fast_mutant fast_mutant;
  Profile profile;
  Agenda agenda;
  Trace trace;
  Verdict verdict;
  FaultCounts counts;
  Checkers checkers;
  Network network;
};

}  // namespace bmc::paxos::sim

#endif

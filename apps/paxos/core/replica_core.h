// SPDX-License-Identifier: Apache-2.0
// One replica of Viewstamped Replication as a pure state machine: no socket, clock, thread or file inside. It
// moves only by the on_…() functions; the same calls give the same effects. PROTOCOL.md tells the protocol
// and the invariants. Called by the runtime (one thread) and by the simulator.
#ifndef BMC_PAXOS_CORE_REPLICA_CORE_H
#define BMC_PAXOS_CORE_REPLICA_CORE_H

#include <memory>
#include <optional>
#include <vector>

#include "apps/paxos/core/core_options.h"
#include "apps/paxos/core/effects.h"
#include "apps/paxos/core/fence.h"
#include "apps/paxos/core/ignored.h"
#include "apps/paxos/core/mutant.h"
#include "apps/paxos/include/bmc/paxos/state_machine.h"

namespace bmc::paxos {

// What storage found at the start; `state.incarnation` was already raised and is durable.
struct Restored {
  DurableState state;
  // The log is whole (Durability::kWal) or the cluster was just formatted: the replica may take part at once.
  // Otherwise it has lost what it acknowledged and must recover from the others.
  bool log_is_whole = false;
  std::shared_ptr<const std::string> checkpoint;  // serialized body::Checkpoint; null: none
  std::vector<LogEntry> entries;  // consecutive; the first follows the checkpoint or is at most it
};

// For metrics, `status` and the simulator's checkers.
struct CoreView {
  Status status = Status::kRecovering;
  View view = 0;
  View log_view = 0;
  bool is_leader = false;   // normal, leads `view`
  bool is_serving = false;  // and hears a quorum
  ReplicaIndex leader = 0;  // of `view`
  Op log_begin = 0;         // entries (log_begin, op] are here
  Op op = 0;
  Op commit = 0;
  Op applied = 0;
  Op checkpoint = 0;
  Op stored = 0;  // entries up to it are durable (kWal)
  std::uint32_t incarnation = 0;
  std::size_t sessions = 0;
  std::size_t requests_waiting = 0;
  std::size_t reads_waiting = 0;
};

class ReplicaCore {
 public:
  // Aborts if the options are not valid (Options::validate() of the library says why, in words) or `restored`
  // contradicts itself. `seed` is for the timeouts' dice. `machine` must be empty and outlive the core.
  // `fence` may be null: no kernel accepts anything for us.
  ReplicaCore(const CoreOptions& options, Restored restored, StateMachine& machine, std::uint64_t seed,
              Micros now, Fence* fence = nullptr, MutantSet mutants = {});
  ~ReplicaCore();
  ReplicaCore(const ReplicaCore&) = delete;
  ReplicaCore& operator=(const ReplicaCore&) = delete;

  // A message that was addressed to this replica and decoded. `wall_us` is the host's clock since 1970: used
  // for nothing but the time of a batch that is proposed now.
  void on_message(Micros now, Micros wall_us, const Message& message);
  // At least every heartbeat_us / 4; earlier at next_deadline().
  void on_tick(Micros now, Micros wall_us);
  // All stores up to `number` are durable.
  void on_stored(Micros now, Micros wall_us, std::uint64_t number);
  // The accelerator behind `fence` has news. Every other call looks for them too.
  void on_accelerated(Micros now, Micros wall_us);
  // The accelerator behind `fence` is about to go, or to be another one: what it accepted becomes the core's,
  // and until take_effects() the core does everything itself.
  void on_fence_changes(Micros now, Micros wall_us);

  // When on_tick() should be called next.
  Micros next_deadline() const;

  // What the calls since the last take_effects() want done; the caller carries it out in order. Called after
  // each call or burst of calls, before next_deadline() is asked.
  Effects take_effects();

  CoreView look() const;
  // The entry at `op`, or null if trimmed or not there. For checkers.
  const LogEntry* entry(Op op) const;
  const IgnoredCounters& ignored() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bmc::paxos

#endif

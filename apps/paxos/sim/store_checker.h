// SPDX-License-Identifier: Apache-2.0
// Invariant "what was said to be durable is there after every restart": a model of what storage was asked to
// keep, held against what it gives back, and against what the replica says on the wire before it is kept.
#ifndef BMC_PAXOS_SIM_STORE_CHECKER_H
#define BMC_PAXOS_SIM_STORE_CHECKER_H

#include <array>
#include <deque>
#include <map>
#include <vector>

#include "apps/paxos/sim/observation.h"
#include "apps/paxos/sim/verdict.h"

namespace bmc::paxos::sim {

class StoreChecker {
 public:
  StoreChecker(Verdict& verdict, Durability durability) : verdict_(verdict), durability_(durability) {}

  // The core of `replica` asked for `store`.
  void on_asked(ReplicaIndex replica, const Store& store);
  // ... and storage said that all up to `number` are durable.
  void on_durable(ReplicaIndex replica, std::uint64_t number);
  // The process started again with this. `remade`: on a disk that was made anew, so that log_view is lost and
  // only the promise is not.
  void on_restored(ReplicaIndex replica, const Restored& restored, bool remade);
  // `message` leaves for other replicas.
  void on_sent(ReplicaIndex replica, const Message& message);

  // The last entry of the log that is durable.
  Op durable_end(ReplicaIndex replica) const { return kept_[replica].log.end(); }

 private:
  // The log as a list of chains: entries (begin, end()].
  struct Log {
    Op begin = 0;
    Chain before = 0;  // of entry `begin`
    std::deque<Chain> chains;

    Op end() const { return begin + chains.size(); }
    Chain last() const { return chains.empty() ? before : chains.back(); }
  };
  struct Kept {
    DurableState state;
    Log log;
    std::deque<Store> asked;  // not yet durable
  };

  void check_state(ReplicaIndex replica, const DurableState& state);
  void check_log(ReplicaIndex replica, const Restored& restored);
  void carry_out(ReplicaIndex replica, Kept& kept, const Store& store);
  void take_checkpoint(ReplicaIndex replica, Log& log, const StoreCheckpoint& checkpoint);

  Verdict& verdict_;
  Durability durability_;
  std::array<Kept, PAXOS_REPLICAS_MAX> kept_{};
  std::map<Op, std::uint64_t> checkpoints_;  // hash of the bytes, the same everywhere
};

}  // namespace bmc::paxos::sim

#endif

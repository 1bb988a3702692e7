// SPDX-License-Identifier: Apache-2.0
// What a replica says on the wire binds it, across all its restarts: what it acknowledged is in its later
// DO_VIEW_CHANGEs, what it promised it keeps; one leader proposes one entry per (view, op), and in a view
// everybody speaks of the same log; checkpoints that are handed on are the same everywhere.
#ifndef BMC_PAXOS_SIM_WIRE_CHECKER_H
#define BMC_PAXOS_SIM_WIRE_CHECKER_H

#include <array>
#include <map>
#include <unordered_map>

#include "apps/paxos/sim/observation.h"
#include "apps/paxos/sim/verdict.h"

namespace bmc::paxos::sim {

class WireChecker {
 public:
  WireChecker(Verdict& verdict, std::uint8_t replica_count)
      : verdict_(verdict), replica_count_(replica_count) {}

  // After every call into the core, before what it sends.
  void observe(const Observation& seen);
  // `seen.replica` sends `message` to other replicas now.
  void on_sent(const Observation& seen, const Message& message);
  // The same of a PREPARE_OK of its kernel. False: of an earlier life, which binds nobody any more.
  bool on_acknowledged_by_kernel(ReplicaIndex replica, const Message& message);

 private:
  struct Proposal {
    Chain chain_before;
    std::uint64_t body_hash;
    Chain chain;  // of the entry
  };
  struct Words {
    View view = 0;      // highest of any message
    View promised = 0;  // of DO_VIEW_CHANGE
    View acked_view = 0;
    Op acked_op = 0;        // highest in acked_view
    Chain acked_chain = 0;  // 0: not known
    // Of its core.
    std::uint32_t incarnation = 0;
    View own_view = 0;
    std::map<View, Op> left;  // where the log ended when the view was left for a view change
  };

  void note_views(const Observation& seen);
  void note_acknowledgement(Words& said, const Message& message, Chain chain);
  void check_proposal(const Message& message);
  void check_acknowledgement(const Observation& seen, const Message& message);
  void check_promise(const Observation& seen, const Message& message);
  void check_leader(const Message& message);
  void check_checkpoint(const Message& message);
  void check_one_log(const Message& message, Op op);

  Verdict& verdict_;
  std::uint8_t replica_count_;
  std::unordered_map<std::uint64_t, Proposal> proposals_;  // by mix of view and op
  std::unordered_map<std::uint64_t, Chain> logs_;          // by mix of view and op: chain of the entry
  std::map<Op, std::uint64_t> checkpoints_;                // hash of the whole
  std::array<Words, PAXOS_REPLICAS_MAX> said_{};
};

}  // namespace bmc::paxos::sim

#endif

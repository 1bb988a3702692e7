// SPDX-License-Identifier: Apache-2.0
// Collects the effects of a core and holds every message back until the state it speaks of is durable. Used
// by ReplicaCore only.
#ifndef BMC_PAXOS_CORE_OUTBOX_H
#define BMC_PAXOS_CORE_OUTBOX_H

#include <deque>

#include "apps/paxos/core/effects.h"

namespace bmc::paxos {

// Invariant (promise before word): a message leaves only when the newest view, log_view and incarnation asked
// to be stored before it are durable. What it says of entries is only what stored_op() tells.
class Outbox {
 public:
  explicit Outbox(Durability durability) : durability_(durability) {}

  // Storage restored the log up to `end`. Before anything is stored.
  void restored(Op end) { stored_op_ = end; }

  void send(ReplicaSet to, Message message, bool bulk = false);
  // Replies speak of what a quorum has, so they wait for nothing.
  void reply(std::uint64_t client, Message message);
  // Forgets messages of views before `view` that still wait.
  void drop_older_than(View view);
  // Forgets a DO_VIEW_CHANGE that still waits: its view has begun, and the log is another now.
  void drop_votes();

  void store_state(const DurableState& state);
  // The following do nothing in Durability::kMemory.
  void store_entries(std::vector<LogEntry> entries);
  void store_truncation(Op end);
  // `log_end`: of the log once this is carried out. If `log_is_replaced`, nothing that was stored before is
  // part of the log any more.
  void store_checkpoint(StoreCheckpoint checkpoint, Op log_end, bool log_is_replaced);

  // All stores up to `number` are durable.
  void stored(std::uint64_t number);
  bool state_is_stored() const { return stored_ >= last_state_; }
  // kWal: the end of the part of today's log that is durable.
  Op stored_op() const { return stored_op_; }

  Effects take();

 private:
  struct Held {
    std::uint64_t after;  // number of the store
    SendToReplicas send;
  };
  struct Pending {
    std::uint64_t number;
    Op log_end;  // of the log when it is durable, as far as it is still today's log
  };
  template <typename What>
  void store_log(What what, Op log_end);
  void forget_stored_after(Op end);

  const Durability durability_;
  Effects effects_;
  std::deque<Held> held_;
  std::deque<Pending> pending_;   // of the log
  std::uint64_t last_ = 0;        // number given to the newest store
  std::uint64_t last_state_ = 0;  // to the newest StoreState
  std::uint64_t stored_ = 0;
  Op stored_op_ = 0;
};

}  // namespace bmc::paxos

#endif

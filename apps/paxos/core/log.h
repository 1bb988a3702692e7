// SPDX-License-Identifier: Apache-2.0
// The entries a replica holds in memory: (begin, end]. Used by ReplicaCore only.
#ifndef BMC_PAXOS_CORE_LOG_H
#define BMC_PAXOS_CORE_LOG_H

#include <deque>

#include "apps/paxos/core/effects.h"
#include "apps/paxos/core/invariant.h"

namespace bmc::paxos {

class Log {
 public:
  // An empty log that goes on behind op `begin`, whose chain is `chain`.
  void reset(Op begin, Chain chain);

  Op begin() const { return begin_; }
  Op end() const { return begin_ + entries_.size(); }
  bool has(Op op) const { return op > begin_ && op <= end(); }

  // Only where has(op).
  const LogEntry& at(Op op) const {
    check(has(op), Invariant::entry_present);
    return entries_[static_cast<std::size_t>(op - begin_ - 1)];
  }
  // Only where begin() <= op <= end().
  Chain chain_at(Op op) const { return op == begin_ ? begin_chain_ : at(op).chain; }
  // Whether the log up to `op` is the one with `chain` there; false where it is not known.
  bool agrees(Op op, Chain chain) const { return op >= begin_ && op <= end() && chain_at(op) == chain; }

  // Invariant (log_is_consecutive): entry.op is end() + 1.
  void append(LogEntry entry);
  // Forgets what is behind `end`.
  void truncate(Op end);
  // Forgets what is up to `begin`; no effect if that is gone already.
  void trim(Op begin);

 private:
  Op begin_ = 0;
  Chain begin_chain_ = 0;
  std::deque<LogEntry> entries_;
};

}  // namespace bmc::paxos

#endif

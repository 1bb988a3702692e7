// SPDX-License-Identifier: Apache-2.0
// What a ReplicaCore wants done. The runtime does it with sockets and files, the simulator with its own.
#ifndef BMC_PAXOS_CORE_EFFECTS_H
#define BMC_PAXOS_CORE_EFFECTS_H

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "apps/paxos/core/message.h"

namespace bmc::paxos {

// One message to every replica of the set (the seam of the broadcast offload: one message, a set of
// recipients).
struct SendToReplicas {
  ReplicaSet to = 0;
  Message message;
  bool bulk = false;  // may be larger than a datagram: goes by the stream transport
};

// A REPLY to a client. The route there is the transport's: it knows from where it last heard `client`.
struct SendToClient {
  std::uint64_t client = 0;
  Message message;
};

// What must survive in both durabilities, written as one. Invariant: none of the three ever goes back.
struct DurableState {
  View view = 0;
  View log_view = 0;  // the last view in which the status was normal
  std::uint32_t incarnation = 0;

  bool operator==(const DurableState&) const = default;
};

// One entry: a batch at its place.
struct LogEntry {
  Op op = 0;
  View view = 0;                             // in which it was first proposed
  Chain chain = 0;                           // chain_of(entry before's chain, op, view, *batch)
  std::shared_ptr<const std::string> batch;  // serialized body::Batch
};

struct StoreState {
  DurableState state;
};
struct StoreEntries {  // appended; consecutive, the first is the end of the log + 1
  std::vector<LogEntry> entries;
};
struct StoreTruncation {  // entries after `end` are no more
  Op end = 0;
};
// The checkpoint of `op`, serialized body::Checkpoint. Entries up to `log_begin` are no longer needed. If the
// log ends before `op` (the checkpoint came from another replica), the whole log is gone and begins at op
// + 1.
struct StoreCheckpoint {
  Op op = 0;
  Op log_begin = 0;
  std::shared_ptr<const std::string> bytes;
};

// To be carried out in the order of `number`, which counts from 1 in every incarnation. When one is durable,
// the core is told by on_stored(number), which stands for all before it, too. Failure: the process ends,
// nothing is told.
struct Store {
  std::uint64_t number = 0;
  std::variant<StoreState, StoreEntries, StoreTruncation, StoreCheckpoint> what;
};

// Of one call into the core. Sends that must wait for a store are kept in the core until on_stored().
struct Effects {
  std::vector<Store> stores;
  std::vector<SendToReplicas> sends;
  std::vector<SendToClient> replies;

  bool empty() const { return stores.empty() && sends.empty() && replies.empty(); }
};

}  // namespace bmc::paxos

#endif

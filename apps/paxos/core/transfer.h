// SPDX-License-Identifier: Apache-2.0
// What a replica is fetching from another one: entries by GET_STATE, and first a checkpoint by GET_CHECKPOINT
// where they are trimmed. One question is open at a time. Used by ReplicaCore only.
#ifndef BMC_PAXOS_CORE_TRANSFER_H
#define BMC_PAXOS_CORE_TRANSFER_H

#include <string>
#include <vector>

#include "apps/paxos/core/effects.h"

namespace bmc::paxos {

// The end of a log that is to become this replica's.
struct LogEnd {
  Op op = 0;
  Chain chain = 0;  // of entry `op`
  Op commit = 0;    // known to be committed in it
};

enum class TransferPurpose : std::uint8_t {
  kNone,
  kCatchUp,  // normal backup: the leader's entries behind its own, appended as they come
  kInstall,  // view change, recovery: the whole suffix first, then it replaces the own one at once
};

struct CheckpointDownload {
  Op op = 0;  // 0: not known yet, the newest
  std::uint64_t total = 0;
  std::uint64_t hash = 0;
  std::string bytes;  // received so far
};

struct Transfer {
  TransferPurpose purpose = TransferPurpose::kNone;
  ReplicaIndex source = 0;
  LogEnd target;
  Op base = 0;                   // the own log is the source's up to here, or so it is hoped
  Chain base_chain = 0;          // of entry `base`
  std::vector<LogEntry> suffix;  // behind `base`; only kInstall
  bool wants_checkpoint = false;
  CheckpointDownload download;
  std::uint32_t echo = 0;  // of the open question

  bool is_active() const { return purpose != TransferPurpose::kNone; }
  Op end() const { return suffix.empty() ? base : suffix.back().op; }
  Chain end_chain() const { return suffix.empty() ? base_chain : suffix.back().chain; }
};

}  // namespace bmc::paxos

#endif

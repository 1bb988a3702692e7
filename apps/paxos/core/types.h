// SPDX-License-Identifier: Apache-2.0
// The words of Viewstamped Replication Revisited (Liskov & Cowling, MIT-CSAIL-TR-2012-021) as types. Included
// by everything in apps/paxos.
#ifndef BMC_PAXOS_CORE_TYPES_H
#define BMC_PAXOS_CORE_TYPES_H

#include <cstdint>

#include "apps/paxos/abi/paxos_wire.h"

namespace bmc::paxos {

using View = std::uint64_t;         // the leader of view v is replica v % replica_count
using Op = std::uint64_t;           // position in the log; the first entry is 1, 0 means "none"
using ReplicaIndex = std::uint8_t;  // 0 … replica_count - 1
using ReplicaSet = std::uint16_t;   // bit i: replica i
using Chain = std::uint64_t;        // hash of the log up to an entry; of the empty log 0
using Micros = std::uint64_t;       // of any clock that does not go back

enum class MessageType : std::uint8_t {
  kPrepare = PAXOS_PREPARE,
  kPrepareOk = PAXOS_PREPARE_OK,
  kCommit = PAXOS_COMMIT,
  kStartViewChange = PAXOS_START_VIEW_CHANGE,
  kDoViewChange = PAXOS_DO_VIEW_CHANGE,
  kStartView = PAXOS_START_VIEW,
  kGetState = PAXOS_GET_STATE,
  kNewState = PAXOS_NEW_STATE,
  kRecovery = PAXOS_RECOVERY,
  kRecoveryResponse = PAXOS_RECOVERY_RESPONSE,
  kRequest = PAXOS_REQUEST,
  kReply = PAXOS_REPLY,
  kPing = PAXOS_PING,
  kPong = PAXOS_PONG,
  kReadIndex = PAXOS_READ_INDEX,
  kReadIndexReply = PAXOS_READ_INDEX_REPLY,
  kGetCheckpoint = PAXOS_GET_CHECKPOINT,
  kCheckpoint = PAXOS_CHECKPOINT,
};

// VR Revisited section 4.
enum class Status : std::uint8_t { kNormal, kViewChange, kRecovering };

enum class Durability : std::uint8_t {
  kMemory,  // an acknowledgement means: in memory; a restarted replica has to recover from the others (VR)
  kWal,     // an acknowledgement means: fdatasync() returned
};

}  // namespace bmc::paxos

#endif

// SPDX-License-Identifier: Apache-2.0
// What a ReplicaCore must know of its cluster, and its limits and times. Every limit is here once.
#ifndef BMC_PAXOS_CORE_CORE_OPTIONS_H
#define BMC_PAXOS_CORE_CORE_OPTIONS_H

#include "apps/paxos/core/types.h"

namespace bmc::paxos {

struct CoreOptions {
  ReplicaIndex index = 0;
  std::uint8_t replica_count = 3;  // 1, 3, 5, 7 or 9
  Durability durability = Durability::kWal;

  // Batching: an entry is proposed when it holds batch_bytes_max or batch_requests_max, when its first
  // request has waited for batch_delay_us, or when nothing is in flight and as many have asked as were
  // answered last (see Batcher::Round; a lone client never waits).
  std::uint32_t batch_bytes_max =
      1280;  // of the serialized Batch: one datagram of 1500 with room for the headers
  std::uint32_t batch_requests_max = 64;  // 1: no batching
  Micros batch_delay_us = 1000;

  std::uint32_t request_bytes_max = 1u << 20;
  std::uint32_t pipeline_ops_max = 128;  // proposed, not committed; beyond it requests wait, then get BUSY
  std::uint32_t waiting_requests_max = 4096;
  std::uint32_t sessions_max = 4096;  // the same on every replica: eviction is part of the replicated state
  std::uint32_t reads_waiting_max = 4096;

  std::uint32_t checkpoint_interval_ops = 4096;
  std::uint32_t log_kept_ops = 4096;           // before the checkpoint, for replicas that lag
  std::uint32_t chunk_bytes_max = 256 * 1024;  // of NEW_STATE and CHECKPOINT

  Micros heartbeat_us = 20'000;        // COMMIT of an idle leader; PING
  Micros leader_timeout_us = 150'000;  // times 1 … 2, drawn anew each time
  Micros quorum_timeout_us = 300'000;  // a leader that heard no quorum for so long stops serving
  Micros retransmit_us = 30'000;       // of whatever is not answered

  std::uint8_t quorum() const { return static_cast<std::uint8_t>(replica_count / 2 + 1); }
};

}  // namespace bmc::paxos

#endif

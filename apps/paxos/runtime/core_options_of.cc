// SPDX-License-Identifier: Apache-2.0
// Field by field.
#include "apps/paxos/runtime/core_options_of.h"

#include "apps/paxos/runtime/fragment.h"

namespace bmc::paxos::runtime {

CoreOptions core_options_of(const Options& options) {
  CoreOptions core;
  core.index = options.replica_index;
  core.replica_count = static_cast<std::uint8_t>(options.replicas.size());
  core.durability = durability_of(options);
  core.batch_bytes_max = options.batch_bytes_max;
  core.batch_requests_max = options.batch_requests_max;
  core.batch_delay_us = options.batch_delay_us;
  core.request_bytes_max = options.request_bytes_max + kRequestOverheadBytes;
  core.pipeline_ops_max = options.pipeline_batches_max;
  core.waiting_requests_max = options.requests_waiting_max;
  core.sessions_max = options.sessions_max;
  core.reads_waiting_max = options.requests_waiting_max;
  core.checkpoint_interval_ops = options.checkpoint_interval_batches;
  core.log_kept_ops = options.log_kept_batches;
  core.chunk_bytes_max = options.chunk_bytes_max;
  core.heartbeat_us = options.heartbeat_ms * Micros{1000};
  core.leader_timeout_us = options.leader_timeout_ms * Micros{1000};
  core.quorum_timeout_us = options.quorum_timeout_ms * Micros{1000};
  core.retransmit_us = options.retransmit_ms * Micros{1000};
  return core;
}

Durability durability_of(const Options& options) {
  return options.durability == Options::Durability::wal ? Durability::kWal : Durability::kMemory;
}

}  // namespace bmc::paxos::runtime

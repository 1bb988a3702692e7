// SPDX-License-Identifier: Apache-2.0
// The file `checkpoint`: the newest checkpoint, and where the log begins since it was written. Used by
// ReplicaStore.
#ifndef BMC_PAXOS_STORAGE_CHECKPOINT_FILE_H
#define BMC_PAXOS_STORAGE_CHECKPOINT_FILE_H

#include <memory>
#include <optional>
#include <string>

#include "apps/paxos/core/types.h"
#include "apps/paxos/storage/disk.h"

namespace bmc::paxos {

inline constexpr char kCheckpointName[] = "checkpoint";
inline constexpr char kCheckpointTemporaryName[] = "checkpoint.new";

struct StoredCheckpoint {
  Op op = 0;
  Op log_begin = 0;  // entries up to it are no longer part of the log
  std::shared_ptr<const std::string> bytes;
};

// Nothing if there is none. EBADMSG: it is damaged, or of another cluster.
bmc::Result<std::optional<StoredCheckpoint>> read_checkpoint(Disk& disk, std::uint64_t cluster_id);

// Takes the place of the older one, all at once. Durable on return.
bmc::Result<void> write_checkpoint(Disk& disk, std::uint64_t cluster_id, const StoredCheckpoint& checkpoint);

}  // namespace bmc::paxos

#endif

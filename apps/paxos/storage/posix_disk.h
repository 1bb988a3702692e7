// SPDX-License-Identifier: Apache-2.0
// The real disk: a directory of a file system, for one process at a time. Used by the runtime and by the
// commands format and recover.
#ifndef BMC_PAXOS_STORAGE_POSIX_DISK_H
#define BMC_PAXOS_STORAGE_POSIX_DISK_H

#include <memory>
#include <string>

#include "apps/paxos/storage/disk.h"

namespace bmc::paxos {

// Makes the directory, for its owner only, and syncs the one it is in. Nothing to do if it is there already.
bmc::Result<void> make_posix_disk(const std::string& directory);

// Locks the directory until the Disk goes. EBUSY: another process has it.
bmc::Result<std::unique_ptr<Disk>> open_posix_disk(const std::string& directory);

}  // namespace bmc::paxos

#endif

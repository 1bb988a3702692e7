// SPDX-License-Identifier: Apache-2.0
// The file `superblock`: who this replica is and what it has promised. Two slots are written in turn, each
// with two copies, so that neither a torn write nor one damaged sector takes the state away. Used by
// ReplicaStore.
#ifndef BMC_PAXOS_STORAGE_SUPERBLOCK_H
#define BMC_PAXOS_STORAGE_SUPERBLOCK_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "apps/paxos/core/effects.h"
#include "apps/paxos/storage/disk.h"
#include "apps/paxos/storage/replica_store.h"

namespace bmc::paxos {

inline constexpr char kSuperblockName[] = "superblock";
inline constexpr char kSuperblockTemporaryName[] = "superblock.new";
inline constexpr std::uint64_t kSuperblockCopyBytes = 4096;  // apart, so that a page holds one
inline constexpr std::size_t kSuperblockCopies = 4;          // of slot 0, 0, 1, 1

struct Superblock {
  Identity identity;
  DurableState state;
  bool log_is_whole = false;      // what the next open() will tell
  std::uint64_t log_durable = 0;  // records of the log up to it were durable when this was written

  bool operator==(const Superblock&) const = default;
};

class SuperblockFile {
 public:
  // A new file that holds `content`, in the place of any old one, all at once. Durable on return.
  static bmc::Result<void> replace(Disk& disk, const Superblock& content);

  // ENOENT: there is none. EBADMSG: no copy can be read.
  static bmc::Result<SuperblockFile> open(Disk& disk);

  // The newest copy that can be read, or the last written.
  const Superblock& content() const { return content_; }

  // Whether each slot had a readable copy. If not, the other one was torn by a crash, or damaged and newer.
  bool is_newest_certain() const { return is_newest_certain_; }

  // Makes durable what an earlier process has written: it may have ended before its sync. To be called before
  // the first write(), which is about to overwrite the other slot.
  bmc::Result<void> settle();

  // Durable on return. After an error the old content is on the disk, or the new one.
  bmc::Result<void> write(const Superblock& content);

 private:
  SuperblockFile(std::unique_ptr<DiskFile> file, const Superblock& content, std::uint64_t sequence,
                 bool is_newest_certain)
      : file_(std::move(file)),
        content_(content),
        sequence_(sequence),
        is_newest_certain_(is_newest_certain) {}

  std::unique_ptr<DiskFile> file_;
  Superblock content_;
  std::uint64_t sequence_;  // of the newest copy; the next one is sequence_ + 1, in slot (sequence_ + 1) % 2
  bool is_newest_certain_;
};

}  // namespace bmc::paxos

#endif

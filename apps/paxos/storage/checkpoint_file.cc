// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/storage/checkpoint_file.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "apps/paxos/core/crc32c.h"

namespace bmc::paxos {

namespace {

static_assert(std::endian::native == std::endian::little, "the fields are written as they lie");

constexpr std::uint32_t kMagic = 0x31435850;  // the bytes "PXC1"

// In front of the checkpoint's bytes.
struct Head {
  std::uint32_t magic;
  std::uint32_t body_crc32c;
  std::uint64_t cluster_id;
  std::uint64_t op;
  std::uint64_t log_begin;
  std::uint64_t body_bytes;
  std::uint32_t reserved;  // 0
  std::uint32_t crc32c;    // of all before
};
static_assert(sizeof(Head) == 48 && offsetof(Head, crc32c) == 44);

std::uint32_t crc_of(const Head& head) {
  return crc32c({reinterpret_cast<const char*>(&head), offsetof(Head, crc32c)});
}

bmc::Error damaged(const char* where) {
  return bmc::Error{EBADMSG,
                    std::string(kCheckpointName) + ": damaged (" + where +
                        "): run `recover` for this replica, it will take everything from the others"};
}

}  // namespace

bmc::Result<std::optional<StoredCheckpoint>> read_checkpoint(Disk& disk, std::uint64_t cluster_id) {
  const auto file = disk.open(kCheckpointName);
  if (!file && file.error().code == ENOENT) return std::optional<StoredCheckpoint>();
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  const auto front = (*file)->read(0, sizeof(Head));
  if (!front) return front.error();
  Head head;
  if (front->size() < sizeof(head)) return damaged("byte 0, too short");
  std::memcpy(&head, front->data(), sizeof(head));
  if (head.magic != kMagic || head.crc32c != crc_of(head)) return damaged("byte 0, the header");
  if (head.cluster_id != cluster_id) return damaged("byte 8, of another cluster");
  if (head.body_bytes != *size - sizeof(head)) return damaged("byte 32, the length");
  auto body = (*file)->read(sizeof(head), head.body_bytes);
  if (!body) return body.error();
  if (head.body_crc32c != crc32c(*body)) return damaged("from byte 48 on, the checksum");
  return std::optional(StoredCheckpoint{.op = head.op,
                                        .log_begin = head.log_begin,
                                        .bytes = std::make_shared<const std::string>(std::move(*body))});
}

bmc::Result<void> write_checkpoint(Disk& disk, std::uint64_t cluster_id, const StoredCheckpoint& checkpoint) {
  if (auto removed = disk.remove(kCheckpointTemporaryName); !removed && removed.error().code != ENOENT) {
    return removed;
  }
  auto file = disk.create(kCheckpointTemporaryName);
  if (!file) return file.error();
  Head head{.magic = kMagic,
            .body_crc32c = crc32c(*checkpoint.bytes),
            .cluster_id = cluster_id,
            .op = checkpoint.op,
            .log_begin = checkpoint.log_begin,
            .body_bytes = checkpoint.bytes->size(),
            .reserved = 0,
            .crc32c = 0};
  head.crc32c = crc_of(head);
  const std::string_view front(reinterpret_cast<const char*>(&head), sizeof(head));
  if (auto written = (*file)->write(0, front); !written) return written;
  if (auto written = (*file)->write(sizeof(head), *checkpoint.bytes); !written) return written;
  if (auto synced = (*file)->sync(); !synced) return synced;
  if (auto renamed = disk.rename(kCheckpointTemporaryName, kCheckpointName); !renamed) return renamed;
  return disk.sync();
}

}  // namespace bmc::paxos

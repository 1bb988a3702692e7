// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/storage/superblock.h"

#include <bit>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>

#include "apps/paxos/core/crc32c.h"

namespace bmc::paxos {

namespace {

static_assert(std::endian::native == std::endian::little, "the fields are written as they lie");

constexpr std::uint32_t kMagic = 0x31535850;  // the bytes "PXS1"

// One copy as it lies in the file, zeros behind it.
struct Copy {
  std::uint32_t magic;
  std::uint32_t incarnation;
  std::uint64_t sequence;
  std::uint64_t cluster_id;
  std::uint64_t view;
  std::uint64_t log_view;
  std::uint64_t log_durable;
  std::uint8_t index;
  std::uint8_t replica_count;
  std::uint8_t durability;
  std::uint8_t log_is_whole;
  std::uint32_t crc32c;  // of all before
};
static_assert(sizeof(Copy) == 56 && offsetof(Copy, crc32c) == 52);

std::uint32_t crc_of(const Copy& copy) {
  return crc32c({reinterpret_cast<const char*>(&copy), offsetof(Copy, crc32c)});
}

// One slot: the same copy twice.
std::string slot_of(const Superblock& content, std::uint64_t sequence) {
  Copy copy{.magic = kMagic,
            .incarnation = content.state.incarnation,
            .sequence = sequence,
            .cluster_id = content.identity.cluster_id,
            .view = content.state.view,
            .log_view = content.state.log_view,
            .log_durable = content.log_durable,
            .index = content.identity.index,
            .replica_count = content.identity.replica_count,
            .durability = static_cast<std::uint8_t>(content.identity.durability),
            .log_is_whole = content.log_is_whole,
            .crc32c = 0};
  copy.crc32c = crc_of(copy);
  std::string block(kSuperblockCopyBytes, '\0');
  std::memcpy(block.data(), &copy, sizeof(copy));
  return block + block;
}

std::optional<Copy> readable(const std::string& block) {
  Copy copy;
  if (block.size() < sizeof(copy)) return std::nullopt;
  std::memcpy(&copy, block.data(), sizeof(copy));
  if (copy.magic != kMagic || copy.crc32c != crc_of(copy)) return std::nullopt;
  return copy;
}

Superblock content_of(const Copy& copy) {
  return Superblock{.identity = {.cluster_id = copy.cluster_id,
                                 .index = copy.index,
                                 .replica_count = copy.replica_count,
                                 .durability = static_cast<Durability>(copy.durability)},
                    .state = {.view = copy.view, .log_view = copy.log_view, .incarnation = copy.incarnation},
                    .log_is_whole = copy.log_is_whole != 0,
                    .log_durable = copy.log_durable};
}

}  // namespace

bmc::Result<void> SuperblockFile::replace(Disk& disk, const Superblock& content) {
  if (auto removed = disk.remove(kSuperblockTemporaryName); !removed && removed.error().code != ENOENT) {
    return removed;
  }
  auto file = disk.create(kSuperblockTemporaryName);
  if (!file) return file.error();
  const std::string slot = slot_of(content, 1);
  if (auto written = (*file)->write(0, slot + slot); !written) return written;
  if (auto synced = (*file)->sync(); !synced) return synced;
  if (auto renamed = disk.rename(kSuperblockTemporaryName, kSuperblockName); !renamed) return renamed;
  return disk.sync();
}

bmc::Result<SuperblockFile> SuperblockFile::open(Disk& disk) {
  auto file = disk.open(kSuperblockName);
  if (!file) return file.error();
  std::optional<Copy> newest;
  bool is_readable[2] = {false, false};  // by slot
  for (std::size_t i = 0; i < kSuperblockCopies; i++) {
    const auto block = (*file)->read(i * kSuperblockCopyBytes, kSuperblockCopyBytes);
    const auto copy = block ? readable(*block) : std::nullopt;
    if (!copy) continue;
    is_readable[i / 2] = true;
    if (!newest || copy->sequence > newest->sequence) newest = copy;
  }
  if (!newest) {
    return bmc::Error{EBADMSG,
                      std::string(kSuperblockName) +
                          ": damaged from byte 0 on, no copy can be read: what this replica promised "
                          "to the others is unknown; run `recover` for it"};
  }
  return SuperblockFile(std::move(*file), content_of(*newest), newest->sequence,
                        is_readable[0] && is_readable[1]);
}

bmc::Result<void> SuperblockFile::settle() { return file_->sync(); }

bmc::Result<void> SuperblockFile::write(const Superblock& content) {
  const std::uint64_t sequence = sequence_ + 1;
  const std::string slot = slot_of(content, sequence);
  if (auto written = file_->write(sequence % 2 * slot.size(), slot); !written) return written;
  if (auto synced = file_->sync(); !synced) return synced;
  content_ = content;
  sequence_ = sequence;
  return {};
}

}  // namespace bmc::paxos

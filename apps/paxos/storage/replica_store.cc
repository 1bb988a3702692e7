// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/storage/replica_store.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>
#include <variant>

#include "apps/paxos/storage/checkpoint_file.h"
#include "apps/paxos/storage/segmented_log.h"
#include "apps/paxos/storage/superblock.h"

namespace bmc::paxos {

namespace {

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "bmc: store of the replica: %s\n", what);
  std::abort();
}

std::string text_of(const Identity& identity) {
  char cluster[17];
  std::snprintf(cluster, sizeof(cluster), "%016llx", static_cast<unsigned long long>(identity.cluster_id));
  return "replica " + std::to_string(identity.index) + " of " + std::to_string(identity.replica_count) +
         " in cluster " + cluster + ", durability " +
         (identity.durability == Durability::kWal ? "wal" : "memory");
}

bmc::Error other_identity(const Identity& found, const Identity& expected) {
  return bmc::Error{EINVAL, "this directory belongs to " + text_of(found) + ", but the configuration is of " +
                                text_of(expected) + ": correct the configuration or the data directory"};
}

bmc::Result<void> remove_if_there(Disk& disk, const char* name) {
  auto removed = disk.remove(name);
  if (!removed && removed.error().code != ENOENT) return removed;
  return {};
}

// Temporary files of a process that ended in the midst.
bmc::Result<void> remove_temporaries(Disk& disk) {
  if (auto removed = remove_if_there(disk, kSuperblockTemporaryName); !removed) return removed;
  return remove_if_there(disk, kCheckpointTemporaryName);
}

// All but the superblock. Durable on return.
bmc::Result<void> remove_contents(Disk& disk) {
  if (auto removed = SegmentedLog::remove(disk); !removed) return removed;
  if (auto removed = remove_if_there(disk, kCheckpointName); !removed) return removed;
  return disk.sync();
}

// Whether the directory holds a log or a checkpoint.
bmc::Result<bool> has_contents(Disk& disk) {
  auto log = SegmentedLog::exists(disk);
  if (!log || *log) return log;
  const auto names = disk.list();
  if (!names) return names.error();
  return std::ranges::count(*names, kCheckpointName) > 0;
}

}  // namespace

class ReplicaStore::Impl {
 public:
  Impl(Disk& disk, SuperblockFile superblock, std::uint64_t segment_bytes)
      : disk_(disk),
        superblock_(std::move(superblock)),
        next_(superblock_.content()),
        log_(disk, {.cluster_id = next_.identity.cluster_id, .index = next_.identity.index}, segment_bytes) {}

  bmc::Result<void> open(Restored& restored);
  bmc::Result<void> write(std::span<const Store> stores);

 private:
  bool keeps_log() const { return next_.identity.durability == Durability::kWal; }
  bmc::Result<void> read_contents(Restored& restored);
  bmc::Result<void> write_all(std::span<const Store> stores);
  bmc::Result<void> carry_out(const StoreState& store);
  bmc::Result<void> carry_out(const StoreEntries& store);
  bmc::Result<void> carry_out(const StoreTruncation& store);
  bmc::Result<void> carry_out(const StoreCheckpoint& store);
  bmc::Result<void> write_superblock();
  bmc::Result<void> flush_state();
  bmc::Result<void> flush_log();

  Disk& disk_;
  SuperblockFile superblock_;
  Superblock next_;  // what the superblock shall be; differs only while a state waits to be written
  SegmentedLog log_;
  Op checkpoint_ = 0;  // of the newest one
  Op log_begin_ = 0;   // entries up to it are trimmed
  std::optional<bmc::Error> failure_;
};

bmc::Result<void> ReplicaStore::Impl::open(Restored& restored) {
  // What an earlier process changed and did not sync becomes durable before anything is built upon it.
  if (auto removed = remove_temporaries(disk_); !removed) return removed;
  if (auto synced = disk_.sync(); !synced) return synced;
  if (auto settled = superblock_.settle(); !settled) return settled;

  next_.state.incarnation++;
  restored = Restored{};
  restored.state = next_.state;
  restored.log_is_whole = next_.log_is_whole;
  if (keeps_log()) {
    if (auto read = read_contents(restored); !read) return read;
  } else {
    next_.log_is_whole = false;  // whatever it acknowledges from now on is lost at its end
  }
  if (auto written = write_superblock(); !written) return written;
  if (auto flushed = flush_log(); !flushed) return flushed;
  return log_.trim(log_begin_);
}

bmc::Result<void> ReplicaStore::Impl::read_contents(Restored& restored) {
  if (!next_.log_is_whole) return remove_contents(disk_);
  auto checkpoint = read_checkpoint(disk_, next_.identity.cluster_id);
  if (!checkpoint) return checkpoint.error();
  auto content = log_.open(next_.log_durable, next_.state.incarnation);
  if (!content) return content.error();
  if (*checkpoint) {
    restored.checkpoint = (*checkpoint)->bytes;
    checkpoint_ = (*checkpoint)->op;
    log_begin_ = (*checkpoint)->log_begin;
  }
  if (content->end() < checkpoint_) {  // it came from another replica; only the log does not know yet
    log_.restart_at(checkpoint_);
    return {};
  }
  if (content->begin > checkpoint_) {
    return bmc::Error{EBADMSG, "log: entries " + std::to_string(checkpoint_ + 1) + " to " +
                                   std::to_string(content->begin) +
                                   " are missing, their files were removed: run `recover` for this replica"};
  }
  const auto trimmed = static_cast<std::ptrdiff_t>(std::max(log_begin_, content->begin) - content->begin);
  restored.entries.assign(content->entries.begin() + trimmed, content->entries.end());
  return {};
}

bmc::Result<void> ReplicaStore::Impl::write(std::span<const Store> stores) {
  if (failure_) return within("the store of this replica has failed before", *failure_);
  auto done = write_all(stores);
  if (!done) failure_ = done.error();
  return done;
}

bmc::Result<void> ReplicaStore::Impl::write_all(std::span<const Store> stores) {
  for (const Store& store : stores) {
    auto done = std::visit([this](const auto& what) { return carry_out(what); }, store.what);
    if (!done) return done;
  }
  if (auto flushed = flush_log(); !flushed) return flushed;
  return flush_state();
}

// A state and entries that wait to be written are never there at the same time: the one is written before the
// other comes, so that the order holds over a crash.
bmc::Result<void> ReplicaStore::Impl::carry_out(const StoreState& store) {
  const DurableState& state = store.state;
  check(state.view >= next_.state.view && state.log_view >= next_.state.log_view &&
            state.incarnation == next_.state.incarnation && state.log_view <= state.view,
        "a state that goes back");
  if (auto flushed = flush_log(); !flushed) return flushed;
  next_.state = state;
  if (keeps_log() && state.log_view == state.view) next_.log_is_whole = true;
  return {};
}

bmc::Result<void> ReplicaStore::Impl::carry_out(const StoreEntries& store) {
  if (!keeps_log()) return {};
  if (auto flushed = flush_state(); !flushed) return flushed;
  for (const LogEntry& entry : store.entries) log_.append(entry);
  return {};
}

bmc::Result<void> ReplicaStore::Impl::carry_out(const StoreTruncation& store) {
  if (!keeps_log()) return {};
  if (auto flushed = flush_state(); !flushed) return flushed;
  check(store.end >= checkpoint_, "a truncation of what is in the checkpoint");
  log_.truncate(store.end);
  return {};
}

bmc::Result<void> ReplicaStore::Impl::carry_out(const StoreCheckpoint& store) {
  if (!keeps_log()) return {};
  if (auto flushed = flush_state(); !flushed) return flushed;
  if (auto flushed = flush_log(); !flushed) return flushed;
  check(store.op >= checkpoint_ && store.log_begin <= store.op, "a checkpoint that goes back");
  const bool restarts = log_.end() < store.op;
  checkpoint_ = store.op;
  log_begin_ = restarts ? store.op : std::max(store.log_begin, log_begin_);
  const StoredCheckpoint checkpoint{.op = checkpoint_, .log_begin = log_begin_, .bytes = store.bytes};
  if (auto written = write_checkpoint(disk_, next_.identity.cluster_id, checkpoint); !written) return written;
  if (restarts) log_.restart_at(checkpoint_);
  if (auto flushed = flush_log(); !flushed) return flushed;
  return log_.trim(log_begin_);
}

bmc::Result<void> ReplicaStore::Impl::write_superblock() {
  next_.log_durable = log_.durable();
  return superblock_.write(next_);
}

bmc::Result<void> ReplicaStore::Impl::flush_state() {
  return next_ == superblock_.content() ? bmc::Result<void>() : write_superblock();
}

// The superblock learns of each new segment, so that its loss is noticed even if it is the last one.
bmc::Result<void> ReplicaStore::Impl::flush_log() {
  const std::uint64_t before = log_.segments_begun();
  if (auto flushed = log_.flush(); !flushed) return flushed;
  return log_.segments_begun() == before ? bmc::Result<void>() : write_superblock();
}

bmc::Result<void> ReplicaStore::format(Disk& disk, const Identity& identity) {
  const auto old = SuperblockFile::open(disk);
  if (old || old.error().code == EBADMSG) {
    return bmc::Error{EEXIST,
                      "the directory holds a replica already: give another directory, or run `recover` "
                      "if this replica has lost its state"};
  }
  if (old.error().code != ENOENT) return old.error();
  const auto contents = has_contents(disk);
  if (!contents) return contents.error();
  if (*contents) {
    return bmc::Error{EEXIST,
                      "the directory holds a replica's log or checkpoint, but no superblock: run "
                      "`recover`, or give another directory"};
  }
  return SuperblockFile::replace(
      disk, Superblock{.identity = identity, .state = {}, .log_is_whole = true, .log_durable = 0});
}

bmc::Result<std::string> ReplicaStore::recover(Disk& disk, const Identity& identity,
                                               std::uint32_t incarnation_floor, View view_floor) {
  const auto old = SuperblockFile::open(disk);
  if (!old && old.error().code != ENOENT && old.error().code != EBADMSG) return old.error();
  if (old && old->content().identity != identity) return other_identity(old->content().identity, identity);
  const bool is_certain = old && old->is_newest_certain();
  DurableState kept = old ? old->content().state : DurableState{};
  kept.incarnation = std::max(kept.incarnation, incarnation_floor);
  if (!is_certain) kept.view = std::max(kept.view, view_floor);
  // Not whole, and durably so, before the first file is removed.
  const Superblock content{.identity = identity, .state = kept, .log_is_whole = false, .log_durable = 0};
  if (auto replaced = SuperblockFile::replace(disk, content); !replaced) return replaced.error();
  if (auto removed = remove_temporaries(disk); !removed) return removed.error();
  if (auto removed = remove_contents(disk); !removed) return removed.error();
  return std::string(is_certain
                         ? "kept what this replica has promised: "
                         : "what this replica has promised cannot be read for certain, so it will wait "
                           "for a view that is newer than all it may have known: ") +
         "view " + std::to_string(kept.view) + ", incarnation " + std::to_string(kept.incarnation) +
         "; it will take its log from the others and acknowledge nothing before";
}

bmc::Result<std::unique_ptr<ReplicaStore>> ReplicaStore::open(Disk& disk, const Identity& expected,
                                                              Restored& restored,
                                                              std::uint64_t segment_bytes) {
  auto superblock = SuperblockFile::open(disk);
  if (!superblock && superblock.error().code == ENOENT) {
    const auto contents = has_contents(disk);
    if (!contents) return contents.error();
    if (*contents) {
      return bmc::Error{EBADMSG, "superblock: missing, but there is a log or a checkpoint: run `recover`"};
    }
    return bmc::Error{ENOENT, "the disk holds no replica"};
  }
  if (!superblock) return superblock.error();
  const Identity& found = superblock->content().identity;
  if (found != expected) return other_identity(found, expected);
  auto impl = std::make_unique<Impl>(disk, std::move(*superblock), segment_bytes);
  if (auto opened = impl->open(restored); !opened) return opened.error();
  return std::unique_ptr<ReplicaStore>(new ReplicaStore(std::move(impl)));
}

ReplicaStore::ReplicaStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ReplicaStore::~ReplicaStore() = default;

bmc::Result<void> ReplicaStore::write(std::span<const Store> stores) { return impl_->write(stores); }

}  // namespace bmc::paxos

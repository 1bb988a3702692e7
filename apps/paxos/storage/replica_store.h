// SPDX-License-Identifier: Apache-2.0
// Everything durable of one replica: its identity and view (two copies), its log (segments) and its newest
// checkpoint. docs/paxos-storage.md tells the formats. Called by the runtime's storage thread, the simulator,
// and the commands format and recover. Not thread-safe.
#ifndef BMC_PAXOS_STORAGE_REPLICA_STORE_H
#define BMC_PAXOS_STORAGE_REPLICA_STORE_H

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "apps/paxos/core/effects.h"
#include "apps/paxos/core/replica_core.h"
#include "apps/paxos/storage/disk.h"

namespace bmc::paxos {

// Written once, by format() or recover(); checked at every start against the configuration.
struct Identity {
  std::uint64_t cluster_id = 0;
  ReplicaIndex index = 0;
  std::uint8_t replica_count = 0;
  Durability durability = Durability::kWal;

  bool operator==(const Identity&) const = default;
};

// Small in tests only.
inline constexpr std::uint64_t kSegmentBytes = 64 << 20;

class ReplicaStore {
 public:
  // A new replica of a new cluster: view 0, an empty log that is whole. EEXIST if the directory holds a
  // replica. Durable on return.
  static bmc::Result<void> format(Disk& disk, const Identity& identity);

  // A replica that has lost its disk, or whose log is damaged, made anew: it will start as recovering,
  // without log and checkpoint, with whatever durable state can still be read. Never as normal. The floors
  // must be above every incarnation and every view that this replica ever had. Its next incarnation will be
  // above the one; its view is the other where what it promised cannot be read for certain, so that it takes
  // part again only in a view that is newer than all it has forgotten. Seconds and milliseconds since 1970
  // will do. Returns what was kept, in a sentence for the operator. EINVAL if the directory holds another
  // replica. Durable on return.
  static bmc::Result<std::string> recover(Disk& disk, const Identity& identity,
                                          std::uint32_t incarnation_floor, View view_floor);

  // Reads everything, raises the incarnation (durable on return) and sets `restored`. A torn tail of the log
  // (bytes that were never synced) is cut off. Errors: ENOENT not formatted; EINVAL another identity; EBADMSG
  // damage in what was synced, with the file, the offset and the command that repairs it.
  //
  // Restored::log_is_whole. kMemory: at the first open() after format() only. kWal: after format() always;
  // after recover() again from the first StoreState with log_view == view on, which the core stores when the
  // log of that view is stored. Opened before that, the store begins once more without log and checkpoint.
  static bmc::Result<std::unique_ptr<ReplicaStore>> open(Disk& disk, const Identity& expected,
                                                         Restored& restored,
                                                         std::uint64_t segment_bytes = kSegmentBytes);

  ~ReplicaStore();

  // Carries out all of `stores` in their order, also over a crash: what is found afterwards is what the first
  // few of them left. Syncs once for consecutive entries and truncations (group commit), once for consecutive
  // states. In kMemory only states are kept. Durable on return. An error leaves the store unusable: the
  // process must end; what was durable before is intact. Aborts on what a core never does: entries that do
  // not follow the log's end, a truncation behind it, a state or a checkpoint older than the last.
  bmc::Result<void> write(std::span<const Store> stores);

 private:
  class Impl;
  explicit ReplicaStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bmc::paxos

#endif

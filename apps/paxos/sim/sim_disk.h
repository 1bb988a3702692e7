// SPDX-License-Identifier: Apache-2.0
// A disk in memory that remembers what was synced and what was not, and fails as disks do. One for each
// simulated machine; it outlives the processes that use it.
#ifndef BMC_PAXOS_SIM_SIM_DISK_H
#define BMC_PAXOS_SIM_SIM_DISK_H

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/sim/random.h"
#include "apps/paxos/storage/disk.h"

namespace bmc::paxos::sim {

class SimDisk : public Disk {
 public:
  static constexpr std::size_t kSectorBytes = 512;

  explicit SimDisk(Random random) : random_(random) {}

  bmc::Result<std::vector<std::string>> list() const override;
  bmc::Result<std::unique_ptr<DiskFile>> open(const std::string& name) override;
  bmc::Result<std::unique_ptr<DiskFile>> create(const std::string& name) override;
  bmc::Result<void> rename(const std::string& from, const std::string& to) override;
  bmc::Result<void> remove(const std::string& name) override;
  bmc::Result<void> sync() override;

  // The process that used the disk is no more: its open files are dead, what it wrote stays in the page
  // cache. Ends fail_after() and fail_next_sync().
  void end_of_process();

  // The machine ends: of every sector written and every change of a directory since the last sync nobody
  // knows whether it is on the disk.
  void power_loss();

  // Another disk, empty, in the place of this one.
  void replace();

  // After `changes` more operations that change something every operation fails without doing anything: the
  // process is being killed in the midst of its work. A write that is the last one may be cut short.
  void fail_after(std::uint64_t changes) { changes_left_ = changes; }
  // The next sync of a file or of the directory fails, and all after it.
  void fail_next_sync() { sync_fails_ = true; }
  // Takes both back.
  void fail_never();

  // Flips one bit of what was synced in the file `name`, at `offset`. False if nothing there was. What a
  // file's last sync added does not rot: nobody could tell it from a write that was torn before its sync.
  bool rot(const std::string& name, std::uint64_t offset);

  // Bytes of the file, nothing if it is not there. For choosing what rots.
  std::optional<std::uint64_t> size_of(const std::string& name) const;

 private:
  friend class SimFile;

  // What a write or a truncation since the last sync has replaced, newest last.
  struct Undo {
    std::uint64_t offset;
    std::string old_bytes;
    std::uint64_t old_size;
  };
  struct Range {
    std::uint64_t begin, end;
  };
  struct Inode {
    std::string bytes;
    std::vector<Undo> unsynced;
    // What was written where there was nothing, or zeros: since the last sync, and in the time before that.
    std::vector<Range> fresh, last_fresh;
  };
  using Directory = std::map<std::string, std::shared_ptr<Inode>>;
  struct DirectoryChange {
    enum class Kind { kCreate, kRename, kRemove } kind;
    std::string name;
    std::string to;
    std::shared_ptr<Inode> inode;
  };

  // Error if the process is dead or dies now. `cut` (may be null) is set where a last write may be torn.
  bmc::Result<void> spend_change(bool* cut);
  bmc::Result<void> spend_sync();
  void lose_unsynced_data(Inode& inode);
  void lose_unsynced_names();
  static void carry_out(Directory& directory, const DirectoryChange& change);

  Random random_;
  Directory names_;   // as processes see them
  Directory synced_;  // as they are on the disk
  std::vector<DirectoryChange> unsynced_;
  std::uint64_t process_ = 1;  // whose files are alive
  std::optional<std::uint64_t> changes_left_;
  bool sync_fails_ = false;
};

}  // namespace bmc::paxos::sim

#endif

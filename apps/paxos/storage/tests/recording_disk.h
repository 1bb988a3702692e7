// SPDX-License-Identifier: Apache-2.0
// A disk in memory that remembers every change and every sync, so that a test can look at all the disks that
// a power failure at any moment may leave behind. Changes fail on request.
#ifndef BMC_PAXOS_STORAGE_TESTS_RECORDING_DISK_H
#define BMC_PAXOS_STORAGE_TESTS_RECORDING_DISK_H

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/storage/disk.h"

namespace bmc::paxos::test {

// Names and contents of the files.
using Image = std::map<std::string, std::string>;

inline constexpr std::size_t kSectorBytes = 512;  // what a disk writes wholly or not at all

class RecordingDisk : public Disk {
 public:
  RecordingDisk() = default;
  // The files are there and durable.
  explicit RecordingDisk(const Image& image);

  bmc::Result<std::vector<std::string>> list() const override;
  bmc::Result<std::unique_ptr<DiskFile>> open(const std::string& name) override;
  bmc::Result<std::unique_ptr<DiskFile>> create(const std::string& name) override;
  bmc::Result<void> rename(const std::string& from, const std::string& to) override;
  bmc::Result<void> remove(const std::string& name) override;
  bmc::Result<void> sync() override;

  // Changes and syncs so far.
  std::size_t steps() const { return steps_.size(); }
  std::size_t syncs() const { return syncs_; }

  // As processes see the files now.
  Image image() const;

  // What may be missing if the power fails after the first `steps` steps: the sectors, sizes and names that
  // were changed and not synced.
  std::size_t unsynced(std::size_t steps) const;
  // The disk then, with those of them that `kept` names (one bool for each).
  Image crash_image(std::size_t steps, const std::vector<bool>& kept) const;

  // The same on a worse disk: every sector that was written and not synced is rubbish, nothing else is kept.
  Image rubbish_image(std::size_t steps) const;

  // The step after `steps` more fails with `code`, and so do all that follow until fix(). A write that fails
  // writes half. A sync that fails loses what it should have synced: no later sync brings it to the disk.
  void fail_after(std::size_t steps, int code);
  void fix() { failure_.reset(); }

 private:
  friend class RecordingFile;

  struct Step {
    enum class Kind { kWrite, kTruncate, kSync, kFailedSync, kCreate, kRename, kRemove, kSyncNames } kind;
    std::size_t inode = 0;
    std::uint64_t offset = 0;  // kTruncate: the size
    std::string data;
    std::string name;
    std::string to;
  };
  struct Failure {
    std::size_t at;
    int code;
  };
  struct Replay;

  // The errno with which the next step fails, or 0.
  int failure() const;
  Replay replay(std::size_t steps) const;

  Image initial_;
  std::vector<std::string> inodes_;           // contents as processes see them; the first are of initial_
  std::map<std::string, std::size_t> names_;  // as processes see them
  std::vector<Step> steps_;
  std::size_t syncs_ = 0;
  std::optional<Failure> failure_;
};

// Choices of what is kept of `unsynced` changes: all of them if they are few, else none, all, each one alone,
// all but one, the first few, and some drawn from `seed`.
std::vector<std::vector<bool>> choices(std::size_t unsynced, std::uint64_t seed);

}  // namespace bmc::paxos::test

#endif

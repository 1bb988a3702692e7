// SPDX-License-Identifier: Apache-2.0
// The files of one replica, as little of the operating system as storage needs. PosixDisk is the real one;
// the simulator's tears writes, loses what was not synced, rots bits and fails.
#ifndef BMC_PAXOS_STORAGE_DISK_H
#define BMC_PAXOS_STORAGE_DISK_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control-plane/result.h"

namespace bmc::paxos {

// One open file. Closed by the destructor.
class DiskFile {
 public:
  virtual ~DiskFile() = default;

  // Bytes of the file now.
  virtual bmc::Result<std::uint64_t> size() const = 0;
  // Up to `bytes` from `offset`; shorter only at the end of the file.
  virtual bmc::Result<std::string> read(std::uint64_t offset, std::size_t bytes) const = 0;
  // All of `data`, or an error. Survives a crash only after sync().
  virtual bmc::Result<void> write(std::uint64_t offset, std::string_view data) = 0;
  virtual bmc::Result<void> truncate(std::uint64_t bytes) = 0;
  // fdatasync(). After an error nobody knows what is on the disk: the caller must not go on.
  virtual bmc::Result<void> sync() = 0;
};

// One directory.
class Disk {
 public:
  virtual ~Disk() = default;

  // Names of the files, sorted.
  virtual bmc::Result<std::vector<std::string>> list() const = 0;
  // ENOENT if it is not there.
  virtual bmc::Result<std::unique_ptr<DiskFile>> open(const std::string& name) = 0;
  // EEXIST if it is.
  virtual bmc::Result<std::unique_ptr<DiskFile>> create(const std::string& name) = 0;
  // Replaces `to`. As create() and remove(): survives a crash only after sync().
  virtual bmc::Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual bmc::Result<void> remove(const std::string& name) = 0;
  // fsync() of the directory.
  virtual bmc::Result<void> sync() = 0;
};

}  // namespace bmc::paxos

#endif

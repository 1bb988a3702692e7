// SPDX-License-Identifier: Apache-2.0
// A small file system in memory, as the data directory of one replica, that can be filled up. Used by the
// cluster.
#ifndef BMC_NETNS_TESTS_PAXOS_CLUSTER_DATA_DIRECTORY_H
#define BMC_NETNS_TESTS_PAXOS_CLUSTER_DATA_DIRECTORY_H

#include <cstdint>
#include <string>

namespace bmc::cluster {

// A tmpfs on /tmp/bmc-t-<pid>-<n>-<role>, gone with the object. The first one of a process removes what
// killed ones left.
class DataDirectory {
 public:
  // A tmpfs of this size; 0: an ordinary directory.
  DataDirectory(const std::string& role, std::uint64_t megabytes);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  // Of the replica; beside the ballast.
  std::string path() const { return mount_ + "/data"; }
  // For files that are not the replica's.
  const std::string& mount() const { return mount_; }

  // Takes all free space but `bytes_left`.
  void fill(std::uint64_t bytes_left);
  // Gives it back.
  void drain();

 private:
  std::string mount_;
};

}  // namespace bmc::cluster

#endif

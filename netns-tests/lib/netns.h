// SPDX-License-Identifier: Apache-2.0
// Network namespaces as RAII. Used by the lab's topology and by whoever opens a socket inside one.
#ifndef BMC_NETNS_TESTS_NETNS_H
#define BMC_NETNS_TESTS_NETNS_H

#include <string>
#include <string_view>

#include "netns-tests/lib/fd.h"

namespace bmc::lab {

/// A named network namespace "bmc-t-<pid>-<n>-<role>", loopback up. The name holds the owner's pid so that
/// the next run can remove what a killed one left (sweep_stale_namespaces()).
class Netns {
 public:
  explicit Netns(std::string_view role);
  ~Netns();
  Netns(const Netns&) = delete;
  Netns& operator=(const Netns&) = delete;

  const std::string& name() const { return name_; }
  int fd() const { return fd_.get(); }

  /// Writes /proc/sys/<path> as seen inside the namespace, e.g. sysctl("net/ipv4/tcp_autocorking", "0").
  void sysctl(std::string_view path, std::string_view value) const;

 private:
  std::string name_;
  Fd fd_;
};

/// The calling thread is inside `netns` while this lives. Sockets opened meanwhile stay there.
class ScopedNetns {
 public:
  explicit ScopedNetns(const Netns& netns);
  ~ScopedNetns();
  ScopedNetns(const ScopedNetns&) = delete;
  ScopedNetns& operator=(const ScopedNetns&) = delete;

 private:
  Fd before_;
};

/// Removes namespaces of this prefix whose owner is dead, and ends the processes left in them.
/// The first Netns of a process calls it.
void sweep_stale_namespaces();

}  // namespace bmc::lab

#endif

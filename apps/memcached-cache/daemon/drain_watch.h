// SPDX-License-Identifier: Apache-2.0
// DrainWatch and DrainAll: since when nothing unread stands in a server's TCP sockets. No I/O.
// Fed by Audit with the kernel's socket list.
#ifndef BMC_CACHE_DAEMON_DRAIN_WATCH_H
#define BMC_CACHE_DAEMON_DRAIN_WATCH_H

#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "apps/memcached-cache/daemon/sock_diag.h"

namespace bmc::cache {

// Per connection. Together with a Quarantine this proves that what was received before is executed.
class DrainWatch {
 public:
  // `listed_ns`: before the list was begun. Sockets that are not in the list are forgotten.
  void listed(std::uint64_t listed_ns, const std::vector<SocketInfo>& sockets);

  // Begin of the first of the latest lists in a row that showed the socket drained; 0: not drained, or not
  // listed.
  std::uint64_t drained_since(std::uint64_t cookie) const;
  // Bytes came since, so what counts is the latest list, begun at `listed_ns`, if that showed it drained.
  void start_again(std::uint64_t cookie, std::uint64_t listed_ns);
  bool has(std::uint64_t cookie) const { return since_.contains(cookie); }

 private:
  std::unordered_map<std::uint64_t, std::uint64_t> since_;  // cookie -> drained_since
};

// Whether every socket that existed at a moment was seen drained once, or closed, after it.
class DrainAll {
 public:
  // A socket may show up in the list a moment after it was made: those of this time count as older.
  static constexpr std::uint64_t kGatherNs = 500'000'000;

  // What arrived before the moment may take this long to its socket's queue.
  static constexpr std::uint64_t kOnItsWayNs = 100'000'000;

  void begin(std::uint64_t now_ns);
  void listed(std::uint64_t listed_ns, const std::vector<SocketInfo>& sockets);

  bool running() const { return begun_ns_ != 0; }
  void end() { begun_ns_ = 0; }
  std::uint64_t begun_ns() const { return begun_ns_; }
  // Begin of the list that showed the last of them drained; 0: not yet.
  std::uint64_t drained_ns() const { return drained_ns_; }
  // Those still to be waited for, as last listed.
  const std::vector<SocketInfo>& waiting_for() const { return waiting_for_; }

 private:
  std::uint64_t begun_ns_ = 0;
  std::uint64_t drained_ns_ = 0;
  std::set<std::uint64_t> open_;  // cookies not yet seen drained
  std::set<std::uint64_t> done_;  // while gathering: seen drained
  std::vector<SocketInfo> waiting_for_;
};

}  // namespace bmc::cache

#endif

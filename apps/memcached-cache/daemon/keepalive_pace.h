// SPDX-License-Identifier: Apache-2.0
// KeepalivePace: how often memcached is shown a get of an entry that is answered in front of it. Pure logic;
// CacheApp tells it once a second what the served memcached said, and publishes the choice.
#ifndef BMC_CACHE_DAEMON_KEEPALIVE_PACE_H
#define BMC_CACHE_DAEMON_KEEPALIVE_PACE_H

#include <chrono>
#include <cstdint>
#include <span>

#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/reply_reader.h"

namespace bmc::cache {

// A memcached that evicts must see within revalidate_after what is in use, or it evicts that. The price is a
// request for each entry in that time: with a million of them, at a minute, 17,000 requests a second.
//
//   A memcached that evicts nothing, and of whose memory a quarter is free, is shown an entry kStretch times
//   as seldom, once it was so for kCalmNs, or at once if it has never evicted anything. Before it evicts
//   again that quarter must be filled.
//
//   From then on the time shrinks by a tick a second, so that what becomes due comes little by little:
//   in a minute and a half or so, at the default, all have been shown.
class KeepalivePace {
 public:
  static constexpr std::uint32_t kStretch = 8;
  static constexpr std::uint64_t kCalmNs = 60 * kSecondNs;

  // As the fields of cache_control: a tick, and how many of them revalidate_after is: eight to sixteen, so
  // that it is right to a sixteenth. 0: none at all.
  explicit KeepalivePace(std::chrono::nanoseconds revalidate_after);
  std::uint16_t shift() const { return shift_; }
  std::uint16_t ticks() const { return ticks_; }

  // To be called once a second, with the last `stats` of each memcached that is served.
  void step(std::uint64_t now_ns, std::span<const Stats* const> servers);

 private:
  bool is_calm(std::span<const Stats* const> servers);

  std::uint16_t shift_ = 0;
  std::uint16_t ticks_ = 0;
  std::uint16_t least_ = 0;
  std::int64_t evictions_ = 0;  // of all servers, a second ago
  std::uint64_t calm_since_ns_ = 0;
};

}  // namespace bmc::cache

#endif

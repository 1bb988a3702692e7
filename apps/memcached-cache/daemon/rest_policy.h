// SPDX-License-Identifier: Apache-2.0
// RestPolicy: whether watching memcached is worth what it costs. Pure logic; CacheApp tells it once a second
// what happened and does what it says.
#ifndef BMC_CACHE_DAEMON_REST_POLICY_H
#define BMC_CACHE_DAEMON_REST_POLICY_H

#include <cstdint>

#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {

// Every request that memcached answers itself costs a microsecond of watching; one that is answered in front
// of it saves some eight. Where next to nothing is answered, for it cannot be (all of TCP, keys that
// memcached does not have), watching is a loss: then bmcd rests, and memcached is as fast as without it.
//
//   awake -> resting: over a window fewer than one request in kWorth was answered from the kernel, and there
//     were enough of them for the cost to be felt. Not while the cache is being filled: one request in kWorth
//     was stored, and what has been stored since the server is served has not yet used up the whole log. A
//     million keys asked for one after another hit for the first time when the second round begins.
//   resting -> awake: datagrams come that may be hits, kAsksPerSecond of them. At once if none came before;
//   else
//     they were none, and after a pause that doubles as long as that stays so.
//
// To wake is to begin anew, as beside a memcached that was there first: an empty cache, some five seconds
// held.
class RestPolicy {
 public:
  static constexpr std::uint64_t kWorth = 32;                // a quarter of what pays
  static constexpr std::uint64_t kRequestsPerSecond = 1000;  // below, watching costs less than a thousandth
  static constexpr std::uint64_t kAsksPerSecond = 100;
  static constexpr std::uint64_t kTrialNs = 10 * kSecondNs;  // the window after a rest, if that is shorter
  static constexpr std::uint64_t kPauseFirstNs = 30 * kSecondNs;
  static constexpr std::uint64_t kPauseMostNs = 600 * kSecondNs;

  enum class Verdict { kAsBefore, kRest, kWake };

  // Totals since any beginning.
  struct Seen {
    std::uint64_t now_ns = 0;
    std::uint64_t hits = 0;      // answered from the kernel
    std::uint64_t misses = 0;    // gets over UDP that were not
    std::uint64_t replies = 0;   // of memcached's that were followed, TCP's
    std::uint64_t asks = 0;      // datagrams for a server that rests
    std::uint64_t fills = 0;     // entries stored
    std::uint64_t recycled = 0;  // segments of the log begun anew
    std::uint64_t segments = 0;  // of the log
    bool serves = false;         // a server is served, so that there could be hits
    bool rests = false;          // a server rests
  };

  // `window_ns`: 0: never rest.
  explicit RestPolicy(std::uint64_t window_ns) : window_ns_(window_ns) {}

  // To be called once a second.
  Verdict step(const Seen& seen);
  bool is_resting() const { return resting_; }

 private:
  Verdict judge(const Seen& seen);
  bool is_filling(const Seen& seen, std::uint64_t requests) const;
  Verdict rest(const Seen& seen, bool were_asks);
  Verdict may_wake(const Seen& seen);

  const std::uint64_t window_ns_;
  bool resting_ = false;
  bool rested_ = false;      // once, so that the window is a trial's
  Seen served_;              // when the server began to be served
  Seen begun_;               // of the window, or of the rest
  Seen last_;                // a second ago
  std::uint64_t pause_ = 0;  // until the next trial
  std::uint64_t next_pause_ = kPauseFirstNs;
};

}  // namespace bmc::cache

#endif

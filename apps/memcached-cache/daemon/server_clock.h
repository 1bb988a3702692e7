// SPDX-License-Identifier: Apache-2.0
// ServerClock: what memcached's own clock has certainly reached, from the `uptime` and `time` it tells.
// Fed by ServerLink with each answered `stats`; no I/O.
#ifndef BMC_CACHE_DAEMON_SERVER_CLOCK_H
#define BMC_CACHE_DAEMON_SERVER_CLOCK_H

#include <cstdint>
#include <optional>

#include "control-plane/result.h"

namespace bmc::cache {

// One answered `stats`. memcached read its clock between the two moments.
struct ClockPoll {
  std::uint64_t sent_ns = 0;      // CLOCK_MONOTONIC, before the request was written
  std::uint64_t received_ns = 0;  // after its answer was read
  std::uint64_t uptime_s = 0;
  std::int64_t time_s = 0;  // wall clock
};

// memcached counts seconds in `current_time`. A timer sets it about once a second; between two ticks, and
// while the process is stopped, it stands still. With M(t) the second of CLOCK_MONOTONIC
// (memcached.c 1.6.18):
//
//   monotonic_start = M(start) - (ITEM_UPDATE_INTERVAL + 2)         main(), fixed for the process's life
//   current_time    = M(last tick) - monotonic_start                clock_handler()
//   process_started = wall(start) - ITEM_UPDATE_INTERVAL - 2        stats_init(), fixed
//   uptime          = current_time - ITEM_UPDATE_INTERVAL           server_stats()
//   time            = current_time + process_started                server_stats()
//   exptime e <= 30 days: expires at current_time(arrival) + e      realtime()
//   exptime e >  30 days: expires at e - process_started            realtime()
//   an item is gone once its expiry <= current_time                 do_item_get()
//
// So M(last tick) = uptime + offset with offset = monotonic_start + ITEM_UPDATE_INTERVAL, one integer for the
// life of the process, and ITEM_UPDATE_INTERVAL cancels out of all we need:
//
//   M(last tick)                          = uptime + offset         -> floor_s(): reached, never passed back
//   second an absolute e is gone          = e + offset - (time - uptime)       -> wall_to_mono_s()
//
// The offset is not told, but each poll bounds it:
//   - the tick was before the answer:            offset <= M(received) - uptime
//   - `uptime` differs from the poll before, so its tick came after that one was sent:
//                                                offset >= M(sent before) - uptime
// Polls close around a tick make both equal. We publish with the lower one, so that whatever is derived from
// it is early, never late.
class ServerClock {
 public:
  // `margin_s`: seconds taken off everything; 1 where memcached may run in another time namespace, whose
  // seconds begin elsewhere than ours, else 0.
  explicit ServerClock(std::uint32_t margin_s = 0) : margin_s_(margin_s) {}

  // Takes in a poll; polls come in the order in which they were sent. An error means that this is not the
  // process (or not a clock) that was polled before: start again with a new ServerClock.
  Result<void> observe(const ClockPoll& poll);

  // False until two polls have seen a tick between them.
  bool known() const { return low_.has_value(); }
  // Whether the offset is known to the second.
  bool exact() const { return low_ && high_ && *low_ == *high_; }

  // Second of CLOCK_MONOTONIC that memcached's clock has certainly reached; 0: not known. Never decreases.
  std::uint64_t floor_s() const;
  // Add to an absolute exptime for the second at which it is gone; only where known().
  std::int64_t wall_to_mono_s() const;
  // When memcached's clock shows this uptime, in seconds of CLOCK_MONOTONIC; only where known().
  struct Span {
    std::int64_t earliest = 0;
    std::int64_t latest = 0;
  };
  Span seconds_of(std::int64_t uptime_s) const;
  // time - uptime: with the pid, tells one process from the next.
  std::int64_t start_identity() const { return start_identity_; }

  // When to poll next: often until a tick is caught, then shortly after each expected one, so that the floor
  // is seldom behind.
  std::uint64_t next_poll_ns(std::uint64_t now_ns) const;

 private:
  void note_tick(const ClockPoll& poll);

  std::uint32_t margin_s_;
  std::optional<ClockPoll> last_;
  std::optional<std::int64_t> low_;   // lower bound of the offset
  std::optional<std::int64_t> high_;  // upper bound of the offset
  std::int64_t start_identity_ = 0;
  std::uint64_t tick_ns_ = 0;  // a moment shortly after the last tick seen; 0: none seen
  std::uint32_t polls_since_tick_ = 0;
};

}  // namespace bmc::cache

#endif

// SPDX-License-Identifier: Apache-2.0
// TtlProbe: asks memcached for the expiry of entries whose writes were not seen, and completes the entries.
// One per server, owned by ServerLink; fed with the programs' CACHE_EVENT_TTL.
#ifndef BMC_CACHE_DAEMON_TTL_PROBE_H
#define BMC_CACHE_DAEMON_TTL_PROBE_H

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/daemon/memcached_session.h"
#include "control-plane/result.h"

namespace bmc::cache {

// An entry that waits for its expiry.
struct TtlTarget {
  std::uint64_t way = 0;
  std::uint64_t stamp = 0;
  std::uint64_t key_hash = 0;
  std::uint64_t seen_ns = 0;  // when the event was taken, so not before the entry was filled
  std::string key;
};

// Counted since the start.
struct TtlProbeCounters {
  std::uint64_t asked = 0;
  std::uint64_t applied = 0;
  std::uint64_t moved = 0;    // a write, or a recycled segment, came in between
  std::uint64_t missing = 0;  // memcached has no such item any more, or it expires within two seconds
  std::uint64_t dropped = 0;  // overload: the oldest were given up
  std::uint64_t refused = 0;  // a key that cannot be asked for
  std::uint64_t failed = 0;   // no usable answer
};

// What `me` answers, and what it means (proto_text.c of memcached 1.6.18, process_meta_command()):
//
//   exp = (exptime == 0) ? -1 : current_time - exptime
//
// so a TTL of n seconds is told as -n, and -1 stands for "never" as well as for one second. Should a later
// version tell +n it means the same. Both signs can also come of a clock that ticked between the look-up and
// the printing, but then memcached's clock moved on by more than that many seconds while we waited. So:
//
//   |exp| >= 2 and an answer within a second: the item lives for |exp| seconds of memcached's clock.
//   -1: asked again once memcached's clock has certainly moved on. An item with one second left is gone by
//       then, so the same answer twice means "never".
//   else: gone, or too short-lived to be worth it; the entry is never served.
//
// memcached's clock had reached clock_floor_s when the question was sent, and n seconds were left later than
// that: the item is alive until the second clock_floor_s + n begins. One unit earlier is the deadline.
class TtlProbe {
 public:
  struct World {
    // MemcachedSession::meta_debug().
    std::function<void(std::string_view key, MemcachedSession::AnswerHandler)> ask;
    // ServerClock::floor_s(); 0: not known yet, nothing is asked.
    std::function<std::uint64_t()> clock_floor_s;
    // Writes the deadline into the entry if it is still that entry and nothing was written since its stamp.
    // False: not so.
    std::function<bool(const TtlTarget&, std::uint32_t deadline)> apply;
  };

  static constexpr std::size_t kQueueMax = 8192;
  static constexpr std::size_t kAskedMax = 256;  // outstanding questions
  // What is filled in the two seconds that a confirmation takes, at the rate at which one memcached fills.
  static constexpr std::size_t kConfirmMax = 131072;

  explicit TtlProbe(World world) : world_(std::move(world)) {}

  // A key that waits already, for the same entry, is not taken twice.
  void request(TtlTarget target);
  // memcached's clock may have moved on, or the connection is up again: goes on with what waits.
  void advance();
  // Forgets all that waits, e.g. because everything was bumped. Answers still to come are ignored.
  void clear();

  const TtlProbeCounters& counters() const { return counters_; }
  std::size_t waiting() const { return queue_.size() + confirm_.size() + asked_; }

 private:
  struct Waiting {
    TtlTarget target;
    std::int64_t first_told_s = -1;  // second of the first answer "-1"; -1: none yet
  };

  void pump();
  void ask(Waiting waiting);
  void answered(Waiting waiting, std::uint64_t floor_s, const Result<Answer>& answer);
  void apply(const Waiting& waiting, std::uint32_t deadline);
  void done(const Waiting& waiting, std::uint64_t& counter);

  World world_;
  std::deque<Waiting> queue_;               // to be asked
  std::deque<Waiting> confirm_;             // to be asked again, in the order of first_told_s
  std::unordered_set<std::uint64_t> ways_;  // of all that wait
  std::size_t asked_ = 0;
  std::uint64_t era_ = 0;  // answers of an earlier one are ignored
  TtlProbeCounters counters_;
};

// Deadline of an item that lives at least until `second` begins; never UNKNOWN or NEVER.
std::uint32_t deadline_before_second(std::uint64_t second);

}  // namespace bmc::cache

#endif

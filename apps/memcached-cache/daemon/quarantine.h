// SPDX-License-Identifier: Apache-2.0
// Quarantine: what memcached has certainly executed, from answered barriers. No I/O.
// Used for the TCP connection (each answered request is a barrier) and for each UDP socket.
#ifndef BMC_CACHE_DAEMON_QUARANTINE_H
#define BMC_CACHE_DAEMON_QUARANTINE_H

#include <cstdint>
#include <deque>

#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {

inline constexpr std::uint64_t kQuarantineNs = 4 * kSecondNs;

// An answered barrier says that memcached took it from its queue, so everything in front of it too; but
// another of its threads may still hold what it took. That thread gets the time of the quarantine, and the
// barrier answered after it says that the process was not stopped all the while.
class Quarantine {
 public:
  explicit Quarantine(std::uint64_t length_ns = kQuarantineNs) : length_ns_(length_ns) {}

  // In the order in which the barriers were sent.
  void answered(std::uint64_t sent_ns, std::uint64_t received_ns) {
    // No answer for long: the process may have been stopped, and time that it was not running is no
    // quarantine. Those that wait begin again.
    if (last_ns_ != 0 && received_ns - last_ns_ > length_ns_ / 2)
      for (Barrier& barrier : waiting_) barrier.received_ns = received_ns;
    last_ns_ = received_ns;
    while (!waiting_.empty() && waiting_.front().received_ns + length_ns_ <= sent_ns) {
      settled_ns_ = waiting_.front().sent_ns;
      waiting_.pop_front();
    }
    // Barriers close to each other say the same: keep few.
    if (waiting_.empty() || waiting_.back().sent_ns + length_ns_ / 16 <= sent_ns)
      waiting_.push_back({sent_ns, received_ns});
  }

  // What had left memcached's queues before this moment is executed; 0: nothing known.
  std::uint64_t settled_ns() const { return settled_ns_; }

 private:
  struct Barrier {
    std::uint64_t sent_ns;
    std::uint64_t received_ns;
  };

  std::uint64_t length_ns_;
  std::uint64_t settled_ns_ = 0;
  std::uint64_t last_ns_ = 0;    // when the last answer came
  std::deque<Barrier> waiting_;  // answered, their quarantine not over
};

}  // namespace bmc::cache

#endif

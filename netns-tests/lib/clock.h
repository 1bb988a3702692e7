// SPDX-License-Identifier: Apache-2.0
// CLOCK_MONOTONIC, deadlines, and waiting for a condition. Used by the whole harness.
#ifndef BMC_NETNS_TESTS_CLOCK_H
#define BMC_NETNS_TESTS_CLOCK_H

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <cstdint>

namespace bmc::lab {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;

/// CLOCK_MONOTONIC in nanoseconds: the clock memcached, the kernel programs and the checkers share.
inline int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

class Deadline {
 public:
  static Deadline in_ms(int64_t milliseconds) { return Deadline(now_ns() + milliseconds * kMillisecond); }
  static Deadline at_ns(int64_t when_ns) { return Deadline(when_ns); }

  bool passed() const { return now_ns() >= when_ns_; }
  int64_t when_ns() const { return when_ns_; }
  int64_t left_ns() const { return std::max<int64_t>(0, when_ns_ - now_ns()); }
  timespec left() const {
    const int64_t left = left_ns();
    return timespec{left / kSecond, left % kSecond};
  }

 private:
  explicit Deadline(int64_t when_ns) : when_ns_(when_ns) {}
  int64_t when_ns_;
};

/// Waits for `events` on `fd`. False when the deadline came first.
inline bool wait_fd(int fd, short events, Deadline deadline) {
  pollfd entry{fd, events, 0};
  for (;;) {
    const timespec left = deadline.left();
    const int ready = ppoll(&entry, 1, &left, nullptr);
    if (ready > 0) return true;
    if (ready == 0) return false;
  }
}

/// Blocks until CLOCK_MONOTONIC shows `when_ns`: for tests about a moment (an expiry, a heartbeat limit),
/// never as a substitute for an event.
inline void wait_until_ns(int64_t when_ns) {
  const timespec when{when_ns / kSecond, when_ns % kSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) != 0) {
  }
}

/// Asks `condition` again and again (for state that sends no event) until it holds. False at the deadline.
template <class Condition>
bool eventually(Deadline deadline, Condition condition) {
  for (;;) {
    if (condition()) return true;
    if (deadline.passed()) return condition();
    wait_until_ns(now_ns() + kMillisecond);
  }
}

}  // namespace bmc::lab

#endif

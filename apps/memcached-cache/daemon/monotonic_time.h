// SPDX-License-Identifier: Apache-2.0
// CLOCK_MONOTONIC as the programs see it (bpf_ktime_get_ns), in nanoseconds.
// Used by every part of the cache's daemon side.
#ifndef BMC_CACHE_DAEMON_MONOTONIC_TIME_H
#define BMC_CACHE_DAEMON_MONOTONIC_TIME_H

#include <chrono>
#include <cstdint>
#include <ctime>

namespace bmc::cache {

inline constexpr std::uint64_t kSecondNs = 1'000'000'000;
inline constexpr std::uint64_t kMillisecondNs = 1'000'000;

// Read directly and not through std::chrono, which promises no particular clock.
inline std::uint64_t monotonic_ns() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecondNs + static_cast<std::uint64_t>(now.tv_nsec);
}

// The second a moment lies in.
inline std::int64_t second_of(std::uint64_t ns) { return static_cast<std::int64_t>(ns / kSecondNs); }

inline std::chrono::nanoseconds duration(std::uint64_t ns) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
}

}  // namespace bmc::cache

#endif

// SPDX-License-Identifier: Apache-2.0
// Schedule: when each request of an open loop is meant to leave. Latency is measured from then, whenever it
// did leave: a request that had to wait for the one before it has waited for the server as well (no
// coordinated omission). Used by the workers of the socket transports.
#ifndef BMC_LOADGEN_SCHEDULE_H
#define BMC_LOADGEN_SCHEDULE_H

#include <cmath>
#include <cstdint>

namespace bmc::loadgen {

class Schedule {
 public:
  // One of `parts` workers that share `rps` requests a second: theirs interleave evenly, beginning at
  // `start_ns`. `rps` > 0, part < parts.
  Schedule(double rps, std::uint64_t start_ns, std::uint32_t part = 0, std::uint32_t parts = 1)
      : interval_ns_(1e9 * parts / rps), start_ns_(start_ns), first_ns_(1e9 * part / rps) {}

  // Of request `number`, 0 the first. To the nanosecond for years: errors do not add up.
  std::uint64_t intended_ns(std::uint64_t number) const {
    return start_ns_ + static_cast<std::uint64_t>(first_ns_ + interval_ns_ * static_cast<double>(number));
  }

  // Requests meant to leave before `now_ns`.
  std::uint64_t due(std::uint64_t now_ns) const {
    if (now_ns <= start_ns_) return 0;
    const double passed = static_cast<double>(now_ns - start_ns_) - first_ns_;
    return passed <= 0 ? 0 : static_cast<std::uint64_t>(std::ceil(passed / interval_ns_));
  }

 private:
  double interval_ns_;
  std::uint64_t start_ns_;
  double first_ns_;
};

}  // namespace bmc::loadgen

#endif

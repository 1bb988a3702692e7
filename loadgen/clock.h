// SPDX-License-Identifier: Apache-2.0
// The clock that the BPF programs read too. Used by all transports.
#ifndef BMC_LOADGEN_CLOCK_H
#define BMC_LOADGEN_CLOCK_H

#include <cstdint>
#include <ctime>

namespace bmc::loadgen {

// Nanoseconds of CLOCK_MONOTONIC.
inline std::uint64_t monotonic_ns() {
  timespec time = {};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace bmc::loadgen

#endif

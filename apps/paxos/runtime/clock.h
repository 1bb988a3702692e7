// SPDX-License-Identifier: Apache-2.0
// The two clocks of the library: the core and the client's state machine are told the time from here.
#ifndef BMC_PAXOS_RUNTIME_CLOCK_H
#define BMC_PAXOS_RUNTIME_CLOCK_H

#include <chrono>

#include "apps/paxos/core/types.h"

namespace bmc::paxos::runtime {

// Never goes back; says nothing about the date.
inline Micros monotonic_us() {
  using std::chrono::duration_cast, std::chrono::microseconds, std::chrono::steady_clock;
  return static_cast<Micros>(duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count());
}

// Since 1970, as the host believes.
inline Micros wall_us() {
  using std::chrono::duration_cast, std::chrono::microseconds, std::chrono::system_clock;
  return static_cast<Micros>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

}  // namespace bmc::paxos::runtime

#endif

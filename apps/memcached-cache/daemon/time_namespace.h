// SPDX-License-Identifier: Apache-2.0
// Whether a process counts the seconds of CLOCK_MONOTONIC from the same moment as bmcd.
// Used by ServerTable to choose ServerClock's margin.
#ifndef BMC_CACHE_DAEMON_TIME_NAMESPACE_H
#define BMC_CACHE_DAEMON_TIME_NAMESPACE_H

#include <cstdint>
#include <string>

namespace bmc::cache {

// `pid` as the process tells it, which in another pid namespace names somebody else here; so its start must
// fit too: `start_wall_s`, seconds since 1970. False where that cannot be made sure. No privileges are
// needed.
bool shares_our_seconds(std::int64_t pid, std::int64_t start_wall_s, const std::string& proc = "/proc");

}  // namespace bmc::cache

#endif

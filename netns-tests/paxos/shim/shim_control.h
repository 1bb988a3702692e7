// SPDX-License-Identifier: Apache-2.0
// What the fault shim does to the process it is loaded into: a file that the shim maps at its start and the
// nemesis writes at any time. Shared by shim/fault_shim.cc and cluster/replica_process.cc.
#ifndef BMC_NETNS_TESTS_PAXOS_SHIM_SHIM_CONTROL_H
#define BMC_NETNS_TESTS_PAXOS_SHIM_SHIM_CONTROL_H

#include <atomic>
#include <cstdint>

namespace bmc::shim {

// The environment variable that names the file; without it the shim changes nothing.
inline constexpr const char* kControlVariable = "BMC_FAULT_SHIM";

struct Control {
  std::atomic<std::int64_t> realtime_offset_ns{0};  // added to CLOCK_REALTIME
  std::atomic<std::uint32_t> sync_delay_us{0};      // before each fsync() and fdatasync()
  std::atomic<std::uint32_t> sync_fails{0};         // 1: they return EIO and sync nothing
  std::atomic<std::uint64_t> syncs{0};              // calls so far; written by the shim
  std::atomic<std::uint64_t> syncs_failed{0};       // of them refused; written by the shim
};
static_assert(std::atomic<std::int64_t>::is_always_lock_free &&
                  std::atomic<std::uint64_t>::is_always_lock_free,
              "both processes see one word");

}  // namespace bmc::shim

#endif

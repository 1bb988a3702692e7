// SPDX-License-Identifier: Apache-2.0
// LostLog: names in the log which connections went out of step and why, a few a minute.
// Fed by CacheApp with CACHE_EVENT_OUT_OF_STEP.
#ifndef BMC_CACHE_DAEMON_LOST_LOG_H
#define BMC_CACHE_DAEMON_LOST_LOG_H

#include <cstdint>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/daemon/cache_memory.h"
#include "apps/memcached-cache/daemon/server_table.h"

namespace bmc::cache {

class LostLog {
 public:
  LostLog(const CacheMemory& memory, const ServerTable& servers) : memory_(memory), servers_(servers) {}

  void lost(const cache_event& event);

 private:
  const CacheMemory& memory_;
  const ServerTable& servers_;
  std::uint64_t minute_ns_ = 0;  // begin of the present minute
  std::uint32_t told_ = 0;       // in it
  std::uint32_t untold_ = 0;     // in it
};

}  // namespace bmc::cache

#endif

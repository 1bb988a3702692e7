// SPDX-License-Identifier: Apache-2.0
// Ends what the kernel knows of connections of servers that rest. Called by ServerTable.
#ifndef BMC_CACHE_DAEMON_RESTING_CONNECTIONS_H
#define BMC_CACHE_DAEMON_RESTING_CONNECTIONS_H

#include "apps/memcached-cache/daemon/cache_memory.h"
#include "apps/memcached-cache/daemon/sweeper.h"
#include "control-plane/result.h"

namespace bmc::cache {

// Of every server that has SERVER_RESTING. No program may be at work that has not seen that bit, so that no
// connection of theirs is added meanwhile; one that is closed meanwhile is gone all the same. A turn of the
// loop, a few microseconds for each connection.
Result<void> forget_resting_connections(CacheMemory& memory, Sweeper& sweeper);

}  // namespace bmc::cache

#endif

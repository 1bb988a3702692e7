// SPDX-License-Identifier: Apache-2.0
// Reads all connections, then removes: a walk of a hash map does not survive removals.
#include "apps/memcached-cache/daemon/resting_connections.h"

#include <vector>

#include "apps/memcached-cache/daemon/connection_reader.h"

namespace bmc::cache {

Result<void> forget_resting_connections(CacheMemory& memory, Sweeper& sweeper) {
  ConnectionReader reader(memory.connections_fd);
  std::vector<ConnectionView> connections;
  for (bool more = true; more;) {
    const Result<bool> read = reader.next(connections);
    if (!read) return read.error();
    more = *read;
  }
  for (const ConnectionView& connection : connections) {
    if (connection.server >= CACHE_SERVERS_MAX ||
        (load_hold(memory.servers[connection.server]) & SERVER_RESTING) == 0)
      continue;
    sweep_call call = {};
    call.operation = SWEEP_CONNECTION_GONE;
    call.server = connection.server;
    call.cookie = connection.cookie;
    if (Result<sweep_call> swept = sweeper.run(call); !swept) return swept.error();
  }
  return {};
}

}  // namespace bmc::cache

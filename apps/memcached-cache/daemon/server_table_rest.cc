// SPDX-License-Identifier: Apache-2.0
// A server's rest: what is held and forgotten when it begins, and what must stand before it ends.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "apps/memcached-cache/daemon/resting_connections.h"
#include "apps/memcached-cache/daemon/server_table.h"

namespace bmc::cache {

void ServerTable::rest() {
  std::vector<Server*> all;
  for (const auto& server : servers_)
    if (server->phase == Server::Phase::kServing) all.push_back(server.get());
  for (Server* server : all) raise_hold(state_of(*server), SERVER_BOOT_HOLD | SERVER_RESTING);
  // From here on no program follows a connection, so none is left behind with a position that was once true.
  wait_for_programs();
  const Result<void> forgotten = forget_resting_connections(parts_.memory, parts_.sweeper);
  if (!forgotten) spdlog::error("{}", forgotten.error().what);
  for (Server* server : all) {
    server->probe->clear();
    set_phase(*server, Server::Phase::kResting);
    if (!forgotten) start_serving(*server);
  }
  ignore_packets();
}

void ServerTable::wake() {
  for (const auto& server : servers_)
    if (server->phase == Server::Phase::kResting) start_serving(*server);
}

// A program that lets everything pass costs a request 0.3 us for being called. While any server is to be
// served, or will be once it has answered, its packets are wanted.
void ServerTable::ignore_packets() {
  const bool wanted = std::ranges::any_of(servers_, [](const auto& server) {
    return server->is_active() && server->phase != Server::Phase::kResting &&
           server->phase != Server::Phase::kDown;
  });
  if (wanted || !observes_) return;
  // Whoever comes back, or comes next, is like one that was there before bmcd.
  trusted_.fill(false);
  observes_ = false;
  if (Result<void> done = parts_.observe_packets(false); !done) spdlog::warn("{}", done.error().what);
}

// On return, what passed unseen is in memcached's queues, or further: a boot may begin.
Result<void> ServerTable::observe_packets() {
  if (observes_) return {};
  if (Result<void> done = parts_.observe_packets(true); !done) return done;
  observes_ = true;
  wait_for_programs();
  return {};
}

}  // namespace bmc::cache

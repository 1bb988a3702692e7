// SPDX-License-Identifier: Apache-2.0
// The rounds of the audit.
#include "apps/memcached-cache/daemon/audit.h"

#include <arpa/inet.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <set>
#include <string>
#include <utility>

#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace {

constexpr std::uint64_t kQuietNs = 2 * kSecondNs;
constexpr std::uint64_t kBusyNs = kSecondNs / 4;
constexpr std::uint64_t kTellEveryNs = 5 * kSecondNs;
// Holds without a record are taken back in portions of what one call releases.
constexpr std::uint32_t kUntrackedAtOnce = 1u << 16;

std::string peer(const SocketInfo& socket) {
  return to_string(Endpoint{socket.remote, socket.remote_port}) + " (" + std::to_string(socket.unread) +
         " bytes unread, " + std::to_string(socket.unsent) + " not taken)";
}

}  // namespace

Audit::Audit(Parts parts) : parts_(parts), timer_(parts.loop), reader_(parts.memory.connections_fd) {}

void Audit::start() { wait(0); }

void Audit::stop() {
  run_.end();
  timer_.cancel();
  reading_ = false;
}

void Audit::hurry() {
  if (!reading_ && timer_.expiry() > boost::asio::steady_timer::clock_type::now() + duration(kBusyNs))
    wait(kBusyNs);
}

void Audit::wait(std::uint64_t ns) {
  timer_.expires_after(duration(ns));
  timer_.async_wait(run_.guard([this](const boost::system::error_code& code) {
    if (code) return;
    connections_.clear();
    reading_ = true;
    read_connections();
  }));
}

void Audit::read_connections() {
  const Result<bool> more = reader_.next(connections_);
  if (!more) {
    spdlog::error("audit: {}", more.error().what);
    reading_ = false;
    return wait(kQuietNs);
  }
  if (*more) return boost::asio::post(parts_.loop, run_.guard([this] { read_connections(); }));
  reading_ = false;
  judge();
  wait(waiting_ ? kBusyNs : kQuietNs);
}

Result<void> Audit::list_sockets() {
  std::set<std::uint16_t> ports;
  for (const auto& server : parts_.servers.servers())
    ports.insert(server->plan.ports.begin(), server->plan.ports.end());
  // A connection on a port that is watched no more is no longer of interest, but may still be open.
  for (const ConnectionView& connection : connections_) ports.insert(connection.local_port);
  ports.erase(0);
  const std::vector<std::uint16_t> list(ports.begin(), ports.end());
  tcp_.clear();
  if (Result<void> listed = parts_.sockets.list(Transport::kTcp, list, tcp_); !listed) return listed;
  own_.clear();
  for (const SocketInfo& socket : tcp_)
    if (is_own(socket)) own_.insert(socket.cookie);
  return {};
}

bool Audit::is_own(const SocketInfo& socket) const {
  // To an address of this host one connects from that address.
  return socket.remote == socket.local &&
         std::ranges::any_of(parts_.servers.servers(), [&socket](const auto& server) {
           return server->link->local_port() == socket.remote_port &&
                  server->link->server().port == socket.local_port;
         });
}

void Audit::judge() {
  waiting_ = false;
  const std::uint64_t listed_ns = monotonic_ns();
  if (Result<void> listed = list_sockets(); !listed) {
    spdlog::error("audit: {}", listed.error().what);
    return;
  }
  counters_.rounds++;
  counters_.tracked = connections_.size();
  counters_.lost = counters_.holding = 0;
  lost_.clear();
  drain_.listed(listed_ns, tcp_);
  std::unordered_map<std::uint64_t, std::uint64_t> absent = std::exchange(absent_since_, {});
  std::unordered_map<std::uint64_t, std::uint64_t> holding = std::exchange(holding_since_, {});
  for (const ConnectionView& connection : connections_) {
    if ((connection.state & CONNECTION_LOST) != 0) {
      counters_.lost++;
      lost_.push_back(connection);
    }
    if (!drain_.has(connection.cookie)) {
      const auto before = absent.find(connection.cookie);
      if (before != absent.end()) absent_since_.insert(*before);
      judge_absent(connection, listed_ns);
      continue;
    }
    if ((connection.state & CONNECTION_HOLD) != 0) {
      counters_.holding++;
      const auto before = holding.find(connection.cookie);
      holding_since_.emplace(connection.cookie, before != holding.end() ? before->second : listed_ns);
      reset_if_stuck(connection, listed_ns);
    }
    judge_connection(connection, listed_ns);
  }
  for (const auto& server : parts_.servers.servers())
    if (server->is_active()) judge_server(*server, listed_ns);
  judge_udp_writes();
  // More barriers while a proof is wanted: the quarantine then ends without delay.
  if (waiting_)
    for (const auto& server : parts_.servers.servers())
      if (server->is_active()) server->link->hurry();
}

// Two lists in a row without it, and no payload since the first: there is no such socket any more. (A socket
// of another network namespace on the same port is never listed, but speaks.)
void Audit::judge_absent(const ConnectionView& connection, std::uint64_t listed_ns) {
  waiting_ = true;
  const auto [since, first] = absent_since_.emplace(connection.cookie, listed_ns);
  if (first) return;
  if (connection.last_ns >= since->second) {
    since->second = listed_ns;
    return;
  }
  sweep_call call = {};
  call.operation = SWEEP_CONNECTION_GONE;
  call.server = connection.server;
  call.cookie = connection.cookie;
  sweep(call);
  absent_since_.erase(since);
}

void Audit::judge_connection(const ConnectionView& connection, std::uint64_t listed_ns) {
  if (!connection.pending && !connection.suspect && (connection.state & CONNECTION_HOLD) == 0) return;
  // bmcd writes nothing. And who waits for its connection asks by it, so that it is never silent.
  if (own_.contains(connection.cookie) && (connection.state & CONNECTION_HOLD) == 0) return;
  const Server* server = parts_.servers.find(connection.server);
  if (server == nullptr) return;
  if (connection.last_ns >= drain_.drained_since(connection.cookie) && connection.last_ns < listed_ns)
    drain_.start_again(connection.cookie, listed_ns);
  const std::uint64_t since = drain_.drained_since(connection.cookie);
  if (since == 0 || connection.last_ns >= since) {
    // Busy: its own replies will end what they can. A silent one will be drained soon.
    waiting_ |= connection.last_ns + kQuietNs < listed_ns;
    return;
  }
  waiting_ = true;
  if (server->link->settled_ns() < since) return;
  sweep_call call = {};
  call.operation = SWEEP_CONNECTION_DRAINED;
  call.server = connection.server;
  call.cookie = connection.cookie;
  call.before_ns = since;
  sweep(call);
}

void Audit::reset_if_stuck(const ConnectionView& connection, std::uint64_t now_ns) {
  if (!parts_.config.reset_stuck_connections) return;
  const auto limit = static_cast<std::uint64_t>(parts_.config.reset_stuck_connections->count());
  if (now_ns - holding_since_.at(connection.cookie) < limit) return;
  const auto socket =
      std::ranges::find_if(tcp_, [&](const SocketInfo& each) { return each.cookie == connection.cookie; });
  if (socket == tcp_.end()) return;
  const Result<void> destroyed = parts_.sockets.destroy(*socket);
  if (!destroyed) {
    spdlog::warn("cannot reset the connection of {}: {}", peer(*socket), destroyed.error().what);
    return;
  }
  counters_.destroyed++;
  spdlog::warn("reset the connection of {}, which was out of step for too long", peer(*socket));
}

void Audit::judge_server(Server& server, std::uint64_t listed_ns) {
  std::vector<SocketInfo> sockets;
  std::ranges::copy_if(tcp_, std::back_inserter(sockets), [&](const SocketInfo& socket) {
    return std::ranges::binary_search(server.plan.ports, socket.local_port);
  });
  server.boot.listed(listed_ns, sockets);
  server.untracked.listed(listed_ns, sockets);
  judge_boot(server);
  judge_untracked(server);
  judge_flush(server);
}

void Audit::judge_boot(Server& server) {
  if (!server.boot.running()) return;
  waiting_ = true;
  const std::uint64_t drained = server.boot.drained_ns();
  if (drained != 0) {
    if (server.link->settled_ns() >= drained && server.barrier->settled_ns() >= server.boot.begun_ns())
      parts_.servers.all_read(server);
    return;
  }
  const std::uint64_t now = monotonic_ns();
  if (now - server.boot.begun_ns() < kTellEveryNs || now - told_ns_ < kTellEveryNs) return;
  if (server.boot.waiting_for().empty()) return;
  told_ns_ = now;
  spdlog::info(
      "memcached at {} is not served yet: {} connection(s) from before bmcd hold bytes it has not executed, "
      "among them that of {}",
      to_string(server.link->server()), server.boot.waiting_for().size(),
      peer(server.boot.waiting_for().front()));
}

void Audit::judge_untracked(Server& server) {
  const std::uint32_t holds = observe(parts_.memory.servers[*server.slot].untracked);
  if (holds == 0 && !server.untracked.running()) return;
  waiting_ = true;
  if (!server.untracked.running()) {
    server.untracked_holds = std::min(holds, kUntrackedAtOnce);
    server.untracked.begin(monotonic_ns());
    return;
  }
  const std::uint64_t drained = server.untracked.drained_ns();
  if (drained == 0 || server.link->settled_ns() < drained ||
      server.barrier->settled_ns() < server.untracked.begun_ns())
    return;
  server.untracked.end();
  sweep_call call = {};
  call.operation = SWEEP_UNTRACKED;
  call.server = *server.slot;
  call.cookie = server.untracked_holds;
  sweep(call);
}

void Audit::judge_flush(Server& server) {
  server_state& state = parts_.memory.servers[*server.slot];
  // Both ends of the span in one word, as the programs write it.
  const __u64 word = observe(reinterpret_cast<const __u64&>(state.flush_to));
  if (word == 0) return;
  waiting_ = true;
  const auto to = static_cast<std::uint32_t>(word);
  const std::uint64_t floor_ns = server.link->clock().floor_s() * kSecondNs;
  if (floor_ns >> CACHE_DEADLINE_SHIFT <= to) return;
  sweep_call call = {};
  call.operation = SWEEP_FLUSH_ACTED;
  call.server = *server.slot;
  call.before_ns = word;
  sweep(call);
}

void Audit::judge_udp_writes() {
  const bool any = std::ranges::any_of(parts_.servers.servers(), [this](const auto& server) {
    return server->is_active() && observe(parts_.memory.servers[*server->slot].udp_writes) != 0;
  });
  if (!any) return;
  const Result<std::vector<udp_write>> writes = read_udp_writes(parts_.memory.udp_writes_fd);
  if (!writes) {
    spdlog::error("audit: {}", writes.error().what);
    return;
  }
  for (const udp_write& write : *writes) {
    const Server* server = parts_.servers.find(write.key.server);
    if (server == nullptr) continue;
    // What a process that is gone had not executed never will be.
    const std::uint64_t closed_ns = observe(parts_.memory.servers[write.key.server].closed_ns);
    const bool unfinished = write.key.ended_by == UDP_WRITE_RESTART;
    if (write.arrival_ns >= closed_ns) {
      if (unfinished) continue;
      waiting_ = true;
      if (server->barrier->settled_ns() <= write.arrival_ns) continue;
    }
    sweep_call call = {};
    call.operation = SWEEP_UDP_WRITE;
    call.server = write.key.server;
    call.udp = write.key;
    sweep(call);
  }
}

std::uint32_t Audit::sweep(sweep_call call) {
  const Result<sweep_call> done = parts_.sweeper.run(call);
  if (!done) {
    spdlog::error("audit: {}", done.error().what);
    return 0;
  }
  counters_.released += done->released;
  return done->released;
}

}  // namespace bmc::cache

// SPDX-License-Identifier: Apache-2.0
// The life of a server: found, confirmed, booted, served, lost. Holds are raised before anything changes and
// cleared after everything stands.
#include "apps/memcached-cache/daemon/server_table.h"

#include <bpf/bpf.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/time_namespace.h"

namespace bmc::cache {
namespace {

using boost::asio::ip::make_address;

constexpr std::uint16_t kUsualPort = 11211;
// For what tells nobody that it changed: another program that opens a socket on a watched port.
constexpr std::uint64_t kReplanNs = 10 * kSecondNs;
constexpr int kReplansForHeirlooms = 6;

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  while (seed == 0 && ::getrandom(&seed, sizeof seed, 0) != sizeof seed) continue;
  return seed;
}

}  // namespace

const char* to_string(Server::Phase phase) {
  switch (phase) {
    case Server::Phase::kSearching:
      return "not found";
    case Server::Phase::kRefused:
      return "refused";
    case Server::Phase::kIdle:
      return "idle";
    case Server::Phase::kAlias:
      return "same process as another";
    case Server::Phase::kConfirming:
      return "starting";
    case Server::Phase::kBooting:
      return "waiting for what memcached received before";
    case Server::Phase::kServing:
      return "serving";
    case Server::Phase::kResting:
      return "resting";
    case Server::Phase::kDown:
      return "down";
  }
  return "";
}

ServerTable::ServerTable(Parts parts) : parts_(parts), table_(parts.memory), timer_(parts.loop) {}

void ServerTable::start(bool adopted) {
  trusted_.fill(adopted);
  if (adopted) heirlooms_ = table_.ports();
  // Slots of an earlier bmcd pass until their server has shown who it is.
  for (std::uint32_t i = 0; i < CACHE_SERVERS_MAX; i++) {
    raise_hold(parts_.memory.servers[i], SERVER_REFUSED);
    if (!adopted) raise_hold(parts_.memory.servers[i], SERVER_DOWN | SERVER_BOOT_HOLD);
  }
  for (const Endpoint& endpoint : parts_.config.servers) add(endpoint, true);
  if (servers_.empty()) {
    add({make_address("127.0.0.1"), kUsualPort}, false);
    add({make_address("::1"), kUsualPort}, false);
  }
  for (const auto& server : servers_) server->link->start();
  replan_later();
}

void ServerTable::stop() {
  run_.end();
  timer_.cancel();
  for (const auto& server : servers_) {
    server->link->stop();
    server->barrier->stop();
    server->probe->clear();
  }
}

void ServerTable::add(const Endpoint& endpoint, bool given) {
  Server& server = *servers_.emplace_back(std::make_unique<Server>());
  Endpoint target = endpoint;
  if (target.address.is_unspecified())
    target.address = make_address(target.address.is_v4() ? "127.0.0.1" : "::1");
  server.given = given;
  server.link = std::make_unique<ServerLink>(
      parts_.loop, target,
      ServerLink::Events{
          [this, &server] { known(server); },
          [this, &server](const std::string& why) { withdraw(server, Server::Phase::kRefused, why); },
          [this, &server](const std::string& why) {
            if (!server.is_active()) set_phase(server, Server::Phase::kSearching, why);
          },
          [this, &server](const Error& error) { lost(server, error); },
          [this, &server] { polled(server); },
      });
  server.barrier = std::make_unique<UdpBarrier>(parts_.loop);
  server.probe = std::make_unique<TtlProbe>(TtlProbe::World{
      [&server](std::string_view key, MemcachedSession::AnswerHandler handler) {
        server.link->meta_debug(key, std::move(handler));
      },
      [&server] { return server.link->clock().floor_s(); },
      [this, &server](const TtlTarget& entry, std::uint32_t deadline) {
        return apply_deadline(server, entry, deadline);
      },
  });
  server.flush = std::make_unique<DelayedFlush>(DelayedFlush::World{
      [&server](MemcachedSession::AnswerHandler handler) { server.link->settings(std::move(handler)); },
      [&server]() -> const ServerClock& { return server.link->clock(); },
      [this, &server] { return server.is_active() ? &state_of(server) : nullptr; },
      [this, &server](std::uint32_t from, std::uint32_t within_s) {
        return parts_.sweeper.schedule_flush(*server.slot, from, within_s);
      },
  });
  server.unfinished = std::make_unique<UnfinishedValues>(UnfinishedValues::World{
      [&server](MemcachedSession::AnswerHandler handler) { server.link->connections(std::move(handler)); },
      [&server] { return server.plan.barriers.size(); },
      monotonic_ns,
  });
}

void ServerTable::set_phase(Server& server, Server::Phase phase, const std::string& why) {
  const bool changed = server.phase != phase || server.why != why;
  server.phase = phase;
  server.why = why;
  if (!changed) return;
  const std::string name = to_string(server.link->server());
  switch (phase) {
    case Server::Phase::kRefused:
      return spdlog::error("not served: {}", why);
    case Server::Phase::kIdle:
      return spdlog::warn("{}", why);
    case Server::Phase::kSearching:
      return server.given ? spdlog::warn("{}", why) : spdlog::info("{}", why);
    case Server::Phase::kDown:
      return spdlog::warn("memcached at {} is down, its cache is emptied: {}", name, why);
    case Server::Phase::kServing:
      return spdlog::info("memcached {} (pid {}) at {}: answering for {} address(es)",
                          server.link->facts().version, server.link->facts().pid, name,
                          server.plan.addresses.size());
    default:
      return spdlog::debug("memcached at {}: {}", name, to_string(phase));
  }
}

void ServerTable::known(Server& server) {
  const auto same = std::ranges::find_if(servers_, [&](const auto& other) {
    return other.get() != &server && other->link->is_known() && other->phase != Server::Phase::kAlias &&
           other->link->facts().same_process(server.link->facts());
  });
  if (same == servers_.end()) return plan(server);
  if (server.is_active()) withdraw(server, Server::Phase::kAlias, {});
  server.link->stop();
  set_phase(server, Server::Phase::kAlias);
  plan(**same);  // one more address may be wanted
}

Result<ServingPlan> ServerTable::make_plan_of(const Server& server) {
  const ServerFacts& facts = server.link->facts();
  const std::vector<std::uint16_t> ports = candidate_ports(facts, server.link->server());
  std::vector<SocketInfo> tcp;
  std::vector<SocketInfo> udp;
  Result<void> listed = parts_.sockets.list(Transport::kTcp, ports, tcp);
  if (listed) listed = parts_.sockets.list(Transport::kUdp, ports, udp);
  if (!listed) return listed.error();
  std::vector<boost::asio::ip::address> wanted;
  for (const auto& other : servers_)
    if (other->given && (other.get() == &server || other->phase == Server::Phase::kAlias))
      wanted.push_back(other->link->server().address);
  return make_plan({facts, server.link->server(), wanted, interface_addresses_, tcp, udp});
}

void ServerTable::plan(Server& server) {
  Result<ServingPlan> plan = make_plan_of(server);
  // Without the list of sockets nothing can be proven: nothing is served.
  if (!plan) return withdraw(server, Server::Phase::kRefused, plan.error().what);
  if (!plan->refusal.empty()) return withdraw(server, Server::Phase::kRefused, plan->refusal);
  if (plan->ports.empty()) return withdraw(server, Server::Phase::kIdle, plan->hint);
  if (server.is_active() && server.phase != Server::Phase::kDown && same_plan(*plan, server.plan)) return;
  if (!plan->hint.empty() && plan->hint != server.plan.hint) spdlog::warn("{}", plan->hint);
  serve(server, *std::move(plan));
}

std::optional<std::uint32_t> ServerTable::choose_slot(const ServingPlan& plan) const {
  const std::set<WatchedPort> watched = table_.ports();
  for (const WatchedPort& each : watched)
    if (std::ranges::binary_search(plan.ports, each.port) && find(each.server) == nullptr) return each.server;
  for (std::uint32_t i = 0; i < CACHE_SERVERS_MAX; i++)
    if (find(i) == nullptr &&
        std::ranges::none_of(watched, [i](const auto& each) { return each.server == i; }))
      return i;
  return std::nullopt;
}

// The same ports under another of its addresses: memcached came back, and this address was asked first.
bool ServerTable::take_over(Server& server, const ServingPlan& plan) {
  for (const auto& other : servers_) {
    if (other.get() == &server || !other->is_active()) continue;
    const bool shared = std::ranges::any_of(
        plan.ports, [&](std::uint16_t port) { return std::ranges::binary_search(other->plan.ports, port); });
    if (!shared) continue;
    if (other->phase != Server::Phase::kDown || server.is_active()) return false;
    server.slot = std::exchange(other->slot, std::nullopt);
    server.plan = std::exchange(other->plan, {});
    set_phase(*other, Server::Phase::kSearching, "memcached answers at another of its addresses");
  }
  return true;
}

void ServerTable::serve(Server& server, ServingPlan plan) {
  if (!take_over(server, plan))
    return withdraw(
        server, Server::Phase::kRefused,
        "memcached at " + to_string(server.link->server()) +
            " shares a port with another one: bmcd tells servers apart by their ports; give each its own");
  if (!server.slot) server.slot = choose_slot(plan);
  if (!server.slot)
    return withdraw(server, Server::Phase::kRefused,
                    "bmcd serves no more than " + std::to_string(CACHE_SERVERS_MAX) + " memcached servers");
  server_state& state = state_of(server);
  const std::set<WatchedPort> watched = table_.ports();
  const bool new_port = std::ranges::any_of(plan.ports, [&](std::uint16_t port) {
    return !watched.contains({port, *server.slot});
  });
  const bool same_sockets = are_registered(server, plan.sockets);
  const bool trusted = trusted_[*server.slot];
  const bool goes_on = trusted && !new_port && same_sockets && (load_hold(state) & SERVER_DOWN) == 0;
  if (!goes_on) raise_hold(state, SERVER_DOWN);
  server.unfinished->forget();
  if (new_port || !trusted) raise_hold(state, SERVER_BOOT_HOLD);
  // For good: parsers of connections that live on carry it.
  if (observe(state.hash_seed) == 0) publish(state.hash_seed, random_seed());
  const bool same_queues = server.is_active() && std::ranges::equal(plan.sockets, server.plan.sockets);
  server.plan = std::move(plan);
  Result<void> done = register_sockets(server);
  if (done) done = publish_ports();
  trusted_[*server.slot] = true;
  if (done && !(goes_on && same_queues)) done = server.barrier->start(server.plan.barriers);
  if (!done) return withdraw(server, Server::Phase::kRefused, done.error().what);
  if (goes_on) return start_serving(server);
  set_phase(server, Server::Phase::kConfirming);
  server.link->confirm([this, &server] { confirmed(server); });
}

// The process answered after its sockets were registered: they are its own, and their end will be told.
void ServerTable::confirmed(Server& server) {
  if (server.phase != Server::Phase::kConfirming) return;
  server_state& state = state_of(server);
  kill_all(server);
  clear_hold(state, SERVER_DOWN);
  if (!are_registered(server, server.plan.sockets)) {
    // Closed in between: the release program's own mark may have been the one just cleared.
    raise_hold(state, SERVER_DOWN);
    return server.link->restart("memcached closed a socket while it was looked at");
  }
  start_serving(server);
}

void ServerTable::start_serving(Server& server) {
  if (Result<void> seen = observe_packets(); !seen)
    return withdraw(server, Server::Phase::kRefused, seen.error().what);
  server_state& state = state_of(server);
  const std::uint32_t cap = deadline_cap(server);
  if (const std::uint32_t before = observe(state.deadline_cap); before != cap) {
    publish(state.deadline_cap, cap);
    if (cap != 0 && (before == 0 || cap < before)) (void)parts_.sweeper.bump(*server.slot).ok();
  }
  if ((load_hold(state) & SERVER_RESTING) != 0) {
    kill_all(server);
    clear_hold(state, SERVER_RESTING);
    // What programs that saw it let pass is in memcached's queues, or further, before the boot begins.
    wait_for_programs();
  }
  if (!server.link->clock_runs()) {
    const ServerFacts& facts = server.link->facts();
    // memcached sets its start time two seconds early, and tells `uptime` from two seconds on.
    const bool ours = shares_our_seconds(facts.pid, facts.start_identity + 2);
    server.link->begin_clock(ours ? 0 : 1);
  }
  publish_addresses();
  clear_hold(state, SERVER_REFUSED);
  if ((load_hold(state) & SERVER_BOOT_HOLD) == 0) return set_phase(server, Server::Phase::kServing);
  set_phase(server, Server::Phase::kBooting);
  if (!server.boot.running()) server.boot.begin(monotonic_ns());
}

void ServerTable::all_read(Server& server) {
  if (server.phase == Server::Phase::kBooting) server.unfinished->ask([this, &server] { end_boot(server); });
}

void ServerTable::end_boot(Server& server) {
  if (server.phase != Server::Phase::kBooting) return;
  const double seconds = static_cast<double>(monotonic_ns() - server.boot.begun_ns()) / 1e9;
  spdlog::info("memcached at {}: all it received before bmcd is executed, after {:.1f} s",
               to_string(server.link->server()), seconds);
  server.boot.end();
  raise_hold(state_of(server), SERVER_FLUSH_UNSEEN);
  clear_hold(state_of(server), SERVER_BOOT_HOLD);
  set_phase(server, Server::Phase::kServing);
  server.flush->look();
}

void ServerTable::flush_unseen(std::uint32_t slot) {
  if (Server* server = find(slot); server != nullptr) server->flush->look();
}

void ServerTable::kill_all(Server& server) {
  server_state& state = state_of(server);
  publish(state.clock_floor_s, 0);
  publish(state.wall_to_mono_s, 0);
  server.probe->clear();
  if (Result<void> bumped = parts_.sweeper.bump(*server.slot); !bumped) {
    raise_hold(state, SERVER_DOWN);
    spdlog::critical("{}; memcached at {} is not served", bumped.error().what,
                     to_string(server.link->server()));
  }
}

void ServerTable::lost(Server& server, const Error& error) {
  if (server.is_active()) {
    raise_hold(state_of(server), SERVER_DOWN);
    kill_all(server);
    server.barrier->stop();
    server.flush->forget();
    server.unfinished->forget();
    server.boot.end();
    server.untracked.end();
    set_phase(server, Server::Phase::kDown, error.what);
  } else if (server.phase != Server::Phase::kRefused) {
    set_phase(server, Server::Phase::kSearching, error.what);
  }
  // What stood behind another address of the same process may be another process now.
  for (const auto& other : servers_) {
    if (other->phase != Server::Phase::kAlias) continue;
    set_phase(*other, Server::Phase::kSearching, "memcached is looked for again");
    other->link->start();
  }
}

void ServerTable::closed(std::uint32_t slot) {
  Server* server = find(slot);
  if (server == nullptr) return;
  publish(parts_.memory.servers[slot].clock_floor_s, 0);
  server->link->restart("memcached closed a socket it listened on");
}

void ServerTable::polled(Server& server) {
  if (!server.is_active()) return;
  server_state& state = state_of(server);
  const ServerClock& clock = server.link->clock();
  if (clock.known()) {
    publish(state.wall_to_mono_s, clock.wall_to_mono_s());
    publish(state.clock_floor_s, clock.floor_s());
    // Closed at this very moment: then these were the old process's, and the kernel's own clearing may have
    // come first.
    if ((load_hold(state) & SERVER_DOWN) != 0) publish(state.clock_floor_s, 0);
  }
  const std::uint64_t settled = server.barrier->settled_ns();
  if (!server.plan.barriers.empty() && settled > observe(state.barrier_done_ns))
    publish(state.barrier_done_ns, settled);
  server.probe->advance();
  server.flush->look();
}

void ServerTable::withdraw(Server& server, Server::Phase phase, const std::string& why) {
  if (server.is_active()) {
    raise_hold(state_of(server), SERVER_REFUSED | SERVER_DOWN);
    kill_all(server);
    server.barrier->stop();
    server.flush->forget();
    server.unfinished->forget();
    server.boot.end();
    server.untracked.end();
    server.slot.reset();
    server.plan = {};
    (void)publish_ports().ok();  // fewer than before: there is room
    publish_addresses();
  }
  set_phase(server, phase, why);
}

bool ServerTable::are_registered(const Server& server, const std::vector<std::uint64_t>& sockets) const {
  return std::ranges::all_of(sockets, [&](const std::uint64_t& cookie) {
    std::uint32_t slot = CACHE_SERVERS_MAX;
    return bpf_map_lookup_elem(parts_.memory.server_sockets_fd, &cookie, &slot) == 0 && slot == *server.slot;
  });
}

Result<void> ServerTable::register_sockets(const Server& server) {
  const int map = parts_.memory.server_sockets_fd;
  std::vector<std::uint64_t> old;
  std::uint64_t cookie = 0;
  for (int found = bpf_map_get_next_key(map, nullptr, &cookie); found == 0;
       found = bpf_map_get_next_key(map, &cookie, &cookie)) {
    std::uint32_t slot = CACHE_SERVERS_MAX;
    if (bpf_map_lookup_elem(map, &cookie, &slot) == 0 && slot == *server.slot) old.push_back(cookie);
    if (old.size() > SERVER_SOCKETS_MAX) break;
  }
  for (const std::uint64_t& each : old)
    if (!std::ranges::binary_search(server.plan.sockets, each)) bpf_map_delete_elem(map, &each);
  for (const std::uint64_t& each : server.plan.sockets)
    if (const int failed = bpf_map_update_elem(map, &each, &*server.slot, BPF_ANY); failed != 0)
      return errno_error("cannot register memcached's sockets", failed);
  return {};
}

Result<void> ServerTable::publish_ports() {
  // What an earlier bmcd watched is watched until its server is found, or for a while: else what it holds of
  // that server would be worth nothing.
  std::erase_if(heirlooms_, [this](const WatchedPort& each) { return find(each.server) != nullptr; });
  std::set<WatchedPort> wanted = heirlooms_;
  for (const auto& server : servers_)
    if (server->is_active())
      for (const std::uint16_t port : server->plan.ports) wanted.insert({port, *server->slot});
  return table_.set_ports(wanted);
}

void ServerTable::publish_addresses() {
  std::vector<PlacedAddress> wanted;
  for (const auto& server : servers_)
    if (server->is_active())
      for (const Endpoint& endpoint : server->plan.addresses)
        wanted.push_back({endpoint, static_cast<std::uint8_t>(*server->slot)});
  if (wanted.size() > kServedAddressesMax)
    spdlog::warn(
        "{} addresses are too many: the first {} are answered for, gets to the others go to memcached",
        wanted.size(), kServedAddressesMax);
  table_.set_addresses(std::move(wanted));
}

std::uint32_t ServerTable::deadline_cap(const Server& server) const {
  // A writer that no program sees exists only with a unix socket, unless the administrator thinks otherwise.
  const bool asked = parts_.config.max_staleness != Config().max_staleness;
  if (parts_.config.max_staleness.count() <= 0 || (server.link->facts().unix_socket.empty() && !asked))
    return 0;
  const auto units = static_cast<std::uint64_t>(parts_.config.max_staleness.count()) >> CACHE_DEADLINE_SHIFT;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(units, 1, CACHE_DEADLINE_NEVER / 4));
}

bool ServerTable::apply_deadline(const Server& server, const TtlTarget& target, std::uint32_t deadline) {
  if (!server.is_active()) return false;
  const server_state& state = state_of(server);
  if (const std::uint32_t cap = observe(state.deadline_cap); cap != 0)
    deadline = std::min(deadline, static_cast<std::uint32_t>(target.seen_ns >> CACHE_DEADLINE_SHIFT) + cap);
  if (const std::uint32_t flush = observe(state.flush_from); flush != 0) deadline = std::min(deadline, flush);
  if (parts_.memory.current_stamp(*server.slot, target.key_hash) != target.stamp) return false;
  // Else the first hit would be a keep-alive: until now its tick was that of the question.
  parts_.memory.begin_keepalive(target.key_hash, target.way);
  // A write that arrives from here on empties the way: the deadline is then of an entry that nobody finds.
  return set_entry_deadline(parts_.memory.store(), target.way, deadline);
}

void ServerTable::set_interface_addresses(std::vector<boost::asio::ip::address> addresses) {
  interface_addresses_ = std::move(addresses);
  replan();
}

void ServerTable::replan() {
  for (const auto& server : servers_)
    if (server->link->is_known() && server->phase != Server::Phase::kConfirming) plan(*server);
}

void ServerTable::replan_later() {
  timer_.expires_after(duration(kReplanNs));
  timer_.async_wait(run_.guard([this](const boost::system::error_code& code) {
    if (code) return;
    if (!heirlooms_.empty() && ++replans_ >= kReplansForHeirlooms) {
      heirlooms_.clear();
      (void)publish_ports().ok();  // fewer than before: there is room
    }
    replan();
    replan_later();
  }));
}

Server* ServerTable::find(std::uint32_t slot) const {
  const auto found = std::ranges::find_if(servers_, [slot](const auto& each) { return each->slot == slot; });
  return found == servers_.end() ? nullptr : found->get();
}

}  // namespace bmc::cache

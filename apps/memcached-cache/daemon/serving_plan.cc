// SPDX-License-Identifier: Apache-2.0
// Which sockets are memcached's own, what may be answered for it, and the address table.
#include "apps/memcached-cache/daemon/serving_plan.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <random>
#include <tuple>
#include <utility>

#include "apps/memcached-cache/abi/cache_hash.h"

namespace bmc::cache {
namespace {

using boost::asio::ip::address;

template <typename T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

bool before(const Endpoint& a, const Endpoint& b) {
  return std::tie(a.address, a.port) < std::tie(b.address, b.port);
}
bool same(const Endpoint& a, const Endpoint& b) { return a.address == b.address && a.port == b.port; }

void sort_unique(std::vector<Endpoint>& endpoints) {
  std::ranges::sort(endpoints, before);
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end(), same), endpoints.end());
}

// Whether memcached was told to open such a socket.
bool is_explained(const SocketInfo& socket, const ServerFacts& facts) {
  const std::uint16_t usual = socket.transport == Transport::kTcp ? facts.tcp_port : facts.udp_port;
  if (socket.transport == Transport::kUdp && facts.udp_port == 0) return false;
  return std::ranges::any_of(facts.listens, [&](const ListenSpec& spec) {
    if (socket.local_port != (spec.port != 0 ? spec.port : usual)) return false;
    return spec.address ? socket.local == *spec.address : socket.local.is_unspecified();
  });
}

// A packet to this address reaches this socket.
bool takes(const SocketInfo& socket, const address& to) {
  if (socket.local.is_v4() != to.is_v4()) return false;
  return socket.local.is_unspecified() || socket.local == to;
}

Endpoint reachable(const SocketInfo& socket) {
  if (!socket.local.is_unspecified()) return {socket.local, socket.local_port};
  return {boost::asio::ip::make_address(socket.local.is_v4() ? "127.0.0.1" : "::1"), socket.local_port};
}

std::string stranger(const SocketInfo& socket, const Endpoint& reached) {
  const char* transport = socket.transport == Transport::kTcp ? "TCP" : "UDP";
  return std::string("another program has the ") + transport + " socket " +
         to_string(Endpoint{socket.local, socket.local_port}) + " on a port of memcached at " +
         to_string(reached) + ": bmcd tells servers apart by their ports; give each its own";
}

bool any_takes(const std::vector<SocketInfo>& udp, const address& to, std::vector<Endpoint>& into) {
  bool found = false;
  for (const SocketInfo& socket : udp) {
    if (!takes(socket, to)) continue;
    into.push_back({to, socket.local_port});
    found = true;
  }
  return found;
}

// Fills in addresses, and a hint about those that cannot be served.
void choose_addresses(const PlanInput& input, const std::vector<SocketInfo>& udp, ServingPlan& plan) {
  std::vector<address> wanted;
  std::ranges::copy_if(input.wanted, std::back_inserter(wanted),
                       [](const address& one) { return !one.is_loopback() && !one.is_unspecified(); });
  for (const address& one : wanted) {
    if (!any_takes(udp, one, plan.addresses))
      plan.hint = "memcached at " + to_string(input.reached) + " has no UDP socket for " + one.to_string() +
                  ": gets to that address go to memcached; see its option -l";
  }
  if (wanted.empty())
    for (const address& one : input.interface_addresses) any_takes(udp, one, plan.addresses);
  sort_unique(plan.addresses);
  if (plan.addresses.empty() && plan.hint.empty())
    plan.hint = "memcached at " + to_string(input.reached) +
                " has no UDP socket for an address of the served interfaces: nothing is answered from the "
                "kernel; see "
                "its option -l";
}

ServingPlan refused(std::string why) {
  ServingPlan plan;
  plan.refusal = std::move(why);
  return plan;
}

ServingPlan udp_is_off(const PlanInput& input) {
  ServingPlan plan;
  plan.hint =
      "UDP is off in memcached at " + to_string(input.reached) +
      ": only gets over UDP are answered from the kernel, so bmcd leaves it alone until it is started again "
      "with -U " +
      std::to_string(input.facts.tcp_port);
  return plan;
}

}  // namespace

std::vector<std::uint16_t> candidate_ports(const ServerFacts& facts, const Endpoint& reached) {
  std::vector<std::uint16_t> ports = {reached.port};
  for (const ListenSpec& spec : facts.listens) {
    ports.push_back(spec.port != 0 ? spec.port : facts.tcp_port);
    ports.push_back(spec.port != 0 ? spec.port : facts.udp_port);
  }
  std::erase(ports, 0);
  sort_unique(ports);
  return ports;
}

bool same_plan(const ServingPlan& a, const ServingPlan& b) {
  return a.refusal == b.refusal && a.hint == b.hint && a.ports == b.ports && a.sockets == b.sockets &&
         std::ranges::equal(a.addresses, b.addresses, same) &&
         std::ranges::equal(a.barriers, b.barriers, same);
}

ServingPlan make_plan(const PlanInput& input) {
  const std::string why = refusal(input.facts, input.reached);
  if (!why.empty()) return refused(why);
  ServingPlan plan;
  bool listens_here = false;
  std::vector<SocketInfo> udp;
  for (const std::vector<SocketInfo>* list : {&input.tcp, &input.udp}) {
    for (const SocketInfo& socket : *list) {
      if (socket.transport == Transport::kTcp && !socket.listening()) continue;
      if (!is_explained(socket, input.facts)) return refused(stranger(socket, input.reached));
      plan.ports.push_back(socket.local_port);
      plan.sockets.push_back(socket.cookie);
      if (socket.transport == Transport::kTcp) {
        listens_here |= socket.local_port == input.reached.port && takes(socket, input.reached.address);
        continue;
      }
      udp.push_back(socket);
      plan.barriers.push_back(reachable(socket));
    }
  }
  if (!listens_here)
    return refused("memcached at " + to_string(input.reached) +
                   " does not run in this network namespace: bmcd must run beside it");
  if (input.facts.udp_port == 0) return udp_is_off(input);
  sort_unique(plan.ports);
  sort_unique(plan.sockets);
  sort_unique(plan.barriers);
  choose_addresses(input, udp, plan);
  return plan;
}

void to_words(const address& address, std::uint32_t addr_be[4]) {
  if (address.is_v6()) {
    const auto bytes = address.to_v6().to_bytes();
    std::memcpy(addr_be, bytes.data(), bytes.size());
    return;
  }
  addr_be[0] = addr_be[1] = 0;
  addr_be[2] = htonl(0xffff);
  const auto bytes = address.to_v4().to_bytes();
  std::memcpy(&addr_be[3], bytes.data(), bytes.size());
}

AddressTable place_addresses(const std::vector<PlacedAddress>& addresses) {
  const std::size_t count = std::min(addresses.size(), kServedAddressesMax);
  std::mt19937 random(std::random_device{}());
  while (true) {
    AddressTable table;
    table.seed = static_cast<std::uint32_t>(random());
    bool collided = false;
    for (std::size_t i = 0; i < count && !collided; i++) {
      served_address served = {};
      to_words(addresses[i].endpoint.address, served.addr_be);
      served.port_be = htons(addresses[i].endpoint.port);
      served.server = addresses[i].server;
      served.used = 1;
      served_address& slot =
          table.slot[cache_address_slot(served.addr_be, served.port_be, table.seed, CACHE_ADDRESSES_MAX)];
      collided = slot.used != 0;
      slot = served;
    }
    if (!collided) return table;
  }
}

}  // namespace bmc::cache

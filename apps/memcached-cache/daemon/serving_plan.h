// SPDX-License-Identifier: Apache-2.0
// ServingPlan: which ports of a memcached are watched, and which addresses are answered for it.
// Made by ServerTable from the facts, the kernel's socket lists and the served interfaces; no I/O.
#ifndef BMC_CACHE_DAEMON_SERVING_PLAN_H
#define BMC_CACHE_DAEMON_SERVING_PLAN_H

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/daemon/server_facts.h"
#include "apps/memcached-cache/daemon/sock_diag.h"
#include "control-plane/config.h"

namespace bmc::cache {

struct ServingPlan {
  std::string refusal;                 // not empty: nothing may be served; a sentence that says why
  std::string hint;                    // not empty: why less is served than might be; a sentence
  std::vector<std::uint16_t> ports;    // to be watched, sorted, none twice
  std::vector<Endpoint> addresses;     // to be answered for, with UDP's port; sorted, none twice
  std::vector<Endpoint> barriers;      // how to reach each UDP socket from this host
  std::vector<std::uint64_t> sockets;  // cookies of the listening TCP and the UDP sockets, sorted
};

bool same_plan(const ServingPlan& a, const ServingPlan& b);

// Ports on which a memcached of these facts may have sockets; for the socket lists.
std::vector<std::uint16_t> candidate_ports(const ServerFacts& facts, const Endpoint& reached);

struct PlanInput {
  const ServerFacts& facts;
  const Endpoint& reached;  // where it was asked
  // Addresses the administrator gave (--server) for this process; loopback and unspecified ones only say how
  // to reach it. Empty: those of the interfaces.
  const std::vector<boost::asio::ip::address>& wanted;
  const std::vector<boost::asio::ip::address>& interface_addresses;  // of the served interfaces
  const std::vector<SocketInfo>& tcp;                                // of the candidate ports
  const std::vector<SocketInfo>& udp;
};

ServingPlan make_plan(const PlanInput& input);

// At most this many addresses are placed; a direct-mapped table has no room for many more.
inline constexpr std::size_t kServedAddressesMax = 32;

struct PlacedAddress {
  Endpoint endpoint;
  std::uint8_t server = 0;
};

struct AddressTable {
  std::uint32_t seed = 0;
  served_address slot[CACHE_ADDRESSES_MAX] = {};
};

// A seed with which no two addresses fall on one slot, and the table under it. `addresses`: none twice, at
// most kServedAddressesMax (the rest is left out).
AddressTable place_addresses(const std::vector<PlacedAddress>& addresses);

// IPv4 as ::ffff:a.b.c.d, as the programs compare it.
void to_words(const boost::asio::ip::address& address, std::uint32_t addr_be[4]);

}  // namespace bmc::cache

#endif

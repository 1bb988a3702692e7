// SPDX-License-Identifier: Apache-2.0
// The rules of the join socket; see admission.h. A peer may be hostile: what it shows is believed only as far
// as the kernel vouches for it.
#include "apps/paxos/host/admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "apps/paxos/host/address.h"
#include "control-plane/fd.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace bmc::paxos::host {
namespace {

template <typename T>
std::optional<T> option_of(int socket, int level, int name) {
  T value = {};
  socklen_t bytes = sizeof value;
  if (::getsockopt(socket, level, name, &value, &bytes) != 0) return std::nullopt;
  return value;
}

bool is_zero(const paxos_address& address) { return same(address, paxos_address{}); }

Result<void> check_request(const paxos_join_request& request) {
  if (request.replica_count == 0 || request.replica_count > PAXOS_REPLICAS_MAX)
    return Error{EINVAL, "a group has 1 to " + std::to_string(PAXOS_REPLICAS_MAX) + " replicas, not " +
                             std::to_string(request.replica_count)};
  if (request.self >= request.replica_count)
    return Error{EINVAL, "there is no replica " + std::to_string(request.self) + " in a group of " +
                             std::to_string(request.replica_count)};
  if ((request.wanted & ~PAXOS_OFFLOADS_ALL) != 0 || request.reserved != 0 || request.reserved1 != 0)
    return Error{EINVAL, "the replica asks for what this bmcd does not have: update bmcd"};
  for (std::size_t i = 0; i < PAXOS_REPLICAS_MAX; i++) {
    const paxos_address& each = request.replica[i];
    const bool is_given = i < request.replica_count;
    if (is_given ? each.port_be == 0 || to_endpoint(each).address.is_unspecified() || each.reserved != 0
                 : !is_zero(each))
      return Error{EINVAL, "the address of replica " + std::to_string(i) + " is none, or too much"};
  }
  return {};
}

// The kernel knows a network namespace by its cookie; a socket of another one may be bound to any address.
Result<void> check_namespace(int socket) {
  const Fd own(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto ours = option_of<std::uint64_t>(own.get(), SOL_SOCKET, SO_NETNS_COOKIE);
  const auto its = option_of<std::uint64_t>(socket, SOL_SOCKET, SO_NETNS_COOKIE);
  if (!ours || !its) return errno_error("cannot find out the network namespace of the replica's socket");
  if (*ours != *its)
    return Error{EXDEV,
                 "the replica's socket is in another network namespace than bmcd; run both in the same"};
  return {};
}

Result<Endpoint> bound_to(int socket) {
  sockaddr_storage name = {};
  socklen_t bytes = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &bytes) != 0)
    return errno_error("cannot find out where the replica's socket is bound");
  Endpoint endpoint;
  if (name.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(name);
    endpoint = {boost::asio::ip::address_v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(name);
    paxos_address words = {};
    std::memcpy(words.addr_be, &v6.sin6_addr, sizeof words.addr_be);
    words.port_be = v6.sin6_port;
    endpoint = to_endpoint(words);
  }
  if (endpoint.port == 0)
    return Error{EINVAL, "the replica's socket is not bound: bind it to the replica's address, then ask"};
  return endpoint;
}

Result<void> check_kind(int socket) {
  const auto domain = option_of<int>(socket, SOL_SOCKET, SO_DOMAIN);
  const auto type = option_of<int>(socket, SOL_SOCKET, SO_TYPE);
  const auto protocol = option_of<int>(socket, SOL_SOCKET, SO_PROTOCOL);
  const bool is_udp =
      (domain == AF_INET || domain == AF_INET6) && type == SOCK_DGRAM && protocol == IPPROTO_UDP;
  if (!is_udp)
    return Error{ENOTSOCK, "the descriptor is no UDP socket: send the one that the replica receives by"};
  return {};
}

// An unspecified address hears what is sent to every one of its family.
bool hears(int socket, const Endpoint& bound, const Endpoint& wanted) {
  if (bound.port != wanted.port) return false;
  if (!bound.address.is_unspecified()) return bound.address == wanted.address;
  if (bound.address.is_v6() == wanted.address.is_v6()) return true;
  return bound.address.is_v6() && option_of<int>(socket, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
}

}  // namespace

bool Admission::knows(uid_t uid) const {
  return std::ranges::any_of(allow_, [&](const PortGrant& each) { return each.uid == uid; });
}

Result<void> Admission::check(uid_t uid, const paxos_join_request& request, int socket) const {
  if (Result<void> good = check_request(request); !good) return good;
  if (Result<void> good = check_kind(socket); !good) return good;
  if (Result<void> good = check_namespace(socket); !good) return good;
  const auto bound = bound_to(socket);
  if (!bound) return bound.error();
  if (std::ranges::none_of(allow_, [&](const PortGrant& each) { return each.covers(uid, bound->port); }))
    return Error{EACCES, "user " + std::to_string(uid) + " may not have port " + std::to_string(bound->port) +
                             "; in bmcd's configuration: paxos-allow = [\"" +
                             to_string(PortGrant{uid, bound->port, bound->port}) + "\"]"};
  const Endpoint wanted = to_endpoint(request.replica[request.self]);
  if (!hears(socket, *bound, wanted))
    return Error{EADDRNOTAVAIL, "replica " + std::to_string(request.self) + " is at " + to_string(wanted) +
                                    ", but its socket is bound to " + to_string(*bound)};
  // A socket may be bound to an address that is not there (IP_FREEBIND), or is no longer.
  if (!is_local_(wanted.address))
    return Error{EADDRNOTAVAIL,
                 "this host has no address " + wanted.address.to_string() + "; `ip addr` lists them"};
  return {};
}

}  // namespace bmc::paxos::host

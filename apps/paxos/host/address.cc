// SPDX-License-Identifier: Apache-2.0
// Conversions of addresses; see address.h.
#include "apps/paxos/host/address.h"

#include <arpa/inet.h>

#include <bit>
#include <cstdio>

namespace bmc::paxos::host {

using boost::asio::ip::address_v6;

paxos_address to_words(const Endpoint& endpoint) {
  const address_v6 v6 = endpoint.address.is_v6() ? endpoint.address.to_v6()
                                                 : boost::asio::ip::make_address_v6(
                                                       boost::asio::ip::v4_mapped, endpoint.address.to_v4());
  paxos_address address = {};
  const auto bytes = v6.to_bytes();
  std::memcpy(address.addr_be, bytes.data(), bytes.size());
  address.port_be = htons(endpoint.port);
  return address;
}

Endpoint to_endpoint(const paxos_address& address) {
  address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), address.addr_be, bytes.size());
  const address_v6 v6(bytes);
  Endpoint endpoint{v6, ntohs(address.port_be)};
  if (v6.is_v4_mapped()) endpoint.address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6);
  return endpoint;
}

std::string pin_name(const paxos_address& address) {
  char text[48];
  std::snprintf(text, sizeof text, "%08x%08x%08x%08x_%u", ntohl(address.addr_be[0]),
                ntohl(address.addr_be[1]), ntohl(address.addr_be[2]), ntohl(address.addr_be[3]),
                unsigned{ntohs(address.port_be)});
  return text;
}

std::optional<paxos_address> from_pin_name(const std::string& name) {
  unsigned words[4] = {}, port = 0;
  paxos_address address = {};
  if (std::sscanf(name.c_str(), "%8x%8x%8x%8x_%u", &words[0], &words[1], &words[2], &words[3], &port) != 5)
    return std::nullopt;
  for (std::size_t i = 0; i < 4; i++) address.addr_be[i] = htonl(words[i]);
  address.port_be = htons(static_cast<std::uint16_t>(port));
  return pin_name(address) == name ? std::optional(address) : std::nullopt;
}

}  // namespace bmc::paxos::host

// SPDX-License-Identifier: Apache-2.0
// Addresses as the administrator writes them: an address with a port, an address with a prefix length.
// parse.h reads them from text.
#ifndef BMC_CONTROL_PLANE_ENDPOINT_H
#define BMC_CONTROL_PLANE_ENDPOINT_H

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <string>

namespace bmc {

struct Endpoint {
  boost::asio::ip::address address;
  std::uint16_t port = 0;
};

struct Prefix {
  boost::asio::ip::address address;  // the bits after the prefix are zero
  std::uint8_t bits = 0;             // 0..32 for IPv4, 0..128 for IPv6
};

std::string to_string(const Endpoint& endpoint);  // "[::1]:11211", "10.0.0.1:11211"
std::string to_string(const Prefix& prefix);      // "10.0.0.0/8"

}  // namespace bmc

#endif

// SPDX-License-Identifier: Apache-2.0
// IpAddress and port as the socket calls want them, and back. Used by all socket code of the load generator.
#ifndef BMC_LOADGEN_SOCKET_ADDRESS_H
#define BMC_LOADGEN_SOCKET_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>

#include "loadgen/frame.h"

namespace bmc::loadgen {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

inline SocketAddress socket_address(const IpAddress& address, std::uint16_t port) {
  SocketAddress out;
  if (address.family == 4) {
    sockaddr_in in = {};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes.data(), sizeof in.sin_addr);
    std::memcpy(&out.storage, &in, out.size = sizeof in);
  } else {
    sockaddr_in6 in = {};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, address.bytes.data(), sizeof in.sin6_addr);
    std::memcpy(&out.storage, &in, out.size = sizeof in);
  }
  return out;
}

inline IpAddress ip_address(const SocketAddress& from) {
  IpAddress out;
  if (from.family() == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &from.storage, sizeof in);
    std::memcpy(out.bytes.data(), &in.sin_addr, sizeof in.sin_addr);
  } else {
    sockaddr_in6 in;
    std::memcpy(&in, &from.storage, sizeof in);
    out.family = 6;
    std::memcpy(out.bytes.data(), &in.sin6_addr, sizeof in.sin6_addr);
  }
  return out;
}

}  // namespace bmc::loadgen

#endif

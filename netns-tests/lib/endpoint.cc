// SPDX-License-Identifier: Apache-2.0
// Conversions between text and sockaddr; see endpoint.h.
#include "netns-tests/lib/endpoint.h"

#include <arpa/inet.h>

#include "netns-tests/lib/lab_error.h"

namespace bmc::lab {

std::string Endpoint::text() const { return (is_v6() ? "[" + ip + "]" : ip) + ":" + std::to_string(port); }

sockaddr_storage to_sockaddr(const Endpoint& endpoint, socklen_t& length) {
  sockaddr_storage storage{};
  if (endpoint.is_v6()) {
    auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
    address->sin6_family = AF_INET6;
    address->sin6_port = htons(endpoint.port);
    if (inet_pton(AF_INET6, endpoint.ip.c_str(), &address->sin6_addr) != 1)
      throw LabError("bad address " + endpoint.ip);
    length = sizeof(*address);
    return storage;
  }
  auto* address = reinterpret_cast<sockaddr_in*>(&storage);
  address->sin_family = AF_INET;
  address->sin_port = htons(endpoint.port);
  if (inet_pton(AF_INET, endpoint.ip.c_str(), &address->sin_addr) != 1)
    throw LabError("bad address " + endpoint.ip);
  length = sizeof(*address);
  return storage;
}

Endpoint from_sockaddr(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET6) {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof(text));
    return {text, ntohs(address->sin6_port)};
  }
  const auto* address = reinterpret_cast<const sockaddr_in*>(&storage);
  inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
  return {text, ntohs(address->sin_port)};
}

}  // namespace bmc::lab

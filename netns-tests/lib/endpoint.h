// SPDX-License-Identifier: Apache-2.0
// An IP address and port as the tests write them. Used by the clients and the topology.
#ifndef BMC_NETNS_TESTS_ENDPOINT_H
#define BMC_NETNS_TESTS_ENDPOINT_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace bmc::lab {

struct Endpoint {
  std::string ip;  ///< "10.99.0.1" or "fd99:0::1"
  uint16_t port = 0;

  bool is_v6() const { return ip.find(':') != std::string::npos; }
  int family() const { return is_v6() ? AF_INET6 : AF_INET; }
  /// "10.99.0.1:11211" or "[fd99:0::1]:11211".
  std::string text() const;
};

/// The socket address of `endpoint`; `length` gets its size. Throws LabError on a malformed address.
sockaddr_storage to_sockaddr(const Endpoint& endpoint, socklen_t& length);
Endpoint from_sockaddr(const sockaddr_storage& address);

}  // namespace bmc::lab

#endif

// SPDX-License-Identifier: Apache-2.0
// Sockets of the loopback interface, for tests.
#ifndef BMC_CONTROL_PLANE_TESTS_LOOPBACK_H
#define BMC_CONTROL_PLANE_TESTS_LOOPBACK_H

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "control-plane/fd.h"

namespace bmc::test {

// 127.0.0.1:port.
sockaddr_in loopback(std::uint16_t port);

// A port of 127.0.0.1 that was free for TCP and UDP a moment ago.
std::uint16_t free_port();

// A connection to 127.0.0.1:port; none if nobody listens within ten seconds.
Fd connect_to(std::uint16_t port);

void send_all(int socket, const std::string& text);
// Reads until what came ends with `end`, or is `bytes` long, or the peer closes, or nothing comes for ten
// seconds.
std::string receive(int socket, const std::string& end, std::size_t bytes = SIZE_MAX);
// Both.
std::string ask(int socket, const std::string& text, const std::string& end = "\r\n");

}  // namespace bmc::test

#endif

// SPDX-License-Identifier: Apache-2.0
// See sockets.h.
#include "loadgen/sockets.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <string>
#include <string_view>

#include "loadgen/socket_address.h"

namespace bmc::loadgen {
namespace {

constexpr timeval kPatience = {5, 0};
constexpr int kProbes = 5;
constexpr int kProbeMs = 200;

std::string place(const IpAddress& server, std::uint16_t port) {
  return server.text() + " port " + std::to_string(port);
}

}  // namespace

Result<Fd> connect_tcp(const IpAddress& server, std::uint16_t port) {
  const SocketAddress to = socket_address(server, port);
  Fd socket(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience) != 0 ||
      ::connect(socket.get(), to.get(), to.size) != 0)
    return errno_error("cannot connect to memcached at " + place(server, port));
  return socket;
}

Result<Fd> connect_udp(const IpAddress& server, std::uint16_t port) {
  const SocketAddress to = socket_address(server, port);
  Fd socket(::socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), to.get(), to.size) != 0)
    return errno_error("cannot open a UDP socket to " + server.text());
  return socket;
}

Result<void> probe_udp(const IpAddress& server, std::uint16_t port) {
  constexpr std::string_view kVersion("\0\0\0\0\0\1\0\0version\r\n", 17);
  auto socket = connect_udp(server, port);
  if (!socket) return socket.error();
  for (int attempt = 0; attempt < kProbes; ++attempt) {
    // A refusal of the one before may be told here.
    (void)::send(socket->get(), kVersion.data(), kVersion.size(), 0);
    pollfd wait = {socket->get(), POLLIN, 0};
    char answer[64];
    if (::poll(&wait, 1, kProbeMs) == 1 && ::recv(socket->get(), answer, sizeof answer, 0) >= 0) return {};
  }
  return Error{ETIMEDOUT, "nobody answers over UDP at " + place(server, port) +
                              ": is memcached there, and started with -U " + std::to_string(port) + "?"};
}

}  // namespace bmc::loadgen

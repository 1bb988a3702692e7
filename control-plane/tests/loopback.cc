// SPDX-License-Identifier: Apache-2.0
// Sockets of the loopback interface; see loopback.h.
#include "control-plane/tests/loopback.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>

namespace bmc::test {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

namespace {

bool can_bind(int type, std::uint16_t port) {
  const Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

std::uint16_t free_port() {
  for (int tries = 0; tries < 100; ++tries) {
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof address;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
    if (can_bind(SOCK_DGRAM, ntohs(address.sin_port))) return ntohs(address.sin_port);
  }
  ADD_FAILURE() << "no free port";
  return 0;
}

Fd connect_to(std::uint16_t port) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < give_up) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return socket;
    ::poll(nullptr, 0, 2);  // nothing tells when a stranger begins to listen
  }
  return Fd();
}

void send_all(int socket, const std::string& text) {
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t bytes = ::send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (bytes <= 0) return;
    sent += static_cast<std::size_t>(bytes);
  }
}

std::string receive(int socket, const std::string& end, std::size_t bytes) {
  std::string got;
  pollfd readable = {socket, POLLIN, 0};
  while (!(got.ends_with(end) && !end.empty()) && got.size() < bytes && ::poll(&readable, 1, 10'000) == 1) {
    char buffer[65536];
    const ssize_t some = ::recv(socket, buffer, std::min(sizeof buffer, bytes - got.size()), 0);
    if (some <= 0) break;
    got.append(buffer, static_cast<std::size_t>(some));
  }
  return got;
}

std::string ask(int socket, const std::string& text, const std::string& end) {
  send_all(socket, text);
  return receive(socket, end);
}

}  // namespace bmc::test

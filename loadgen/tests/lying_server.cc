// SPDX-License-Identifier: Apache-2.0
// See lying_server.h.
#include "loadgen/tests/lying_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace bmc::loadgen {
namespace {

lab::Fd bound(int type, std::uint16_t port) {
  lab::Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int on = 1;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("a lying server cannot bind its port");
  return socket;
}

// The first whole request of `text`, taken away; "" where there is none.
std::string take_request(std::string& text) {
  std::size_t end = text.find("\r\n");
  if (end == std::string::npos) return "";
  end += 2;
  if (text.compare(0, 4, "set ") == 0) {
    const std::size_t size = std::stoul(text.substr(text.rfind(' ', end - 3) + 1));
    end += size + 2;
  }
  if (text.size() < end) return "";
  const std::string request = text.substr(0, end);
  text.erase(0, end);
  return request;
}

}  // namespace

LyingServer::LyingServer(const lab::Netns& netns, std::uint16_t port, Liar liar)
    : liar_(std::move(liar)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  const lab::ScopedNetns inside(netns);
  udp_ = bound(SOCK_DGRAM, port);
  listener_ = bound(SOCK_STREAM, port);
  ::listen(listener_.get(), 16);
  thread_ = std::thread([this] { loop(); });
}

LyingServer::~LyingServer() {
  const std::uint64_t one = 1;
  if (::write(stop_.get(), &one, sizeof one) == sizeof one) thread_.join();
}

void LyingServer::loop() {
  for (;;) {
    std::vector<pollfd> ready = {
        {stop_.get(), POLLIN, 0}, {udp_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Connection& each : connections_) ready.push_back({each.socket.get(), POLLIN, 0});
    if (::poll(ready.data(), ready.size(), -1) < 0) continue;
    if (ready[0].revents != 0) return;
    if (ready[1].revents != 0) answer_datagram();
    for (std::size_t at = connections_.size(); at-- > 0;)
      if (ready[3 + at].revents != 0 && !answer_stream(connections_[at]))
        connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(at));
    if (ready[2].revents != 0)
      connections_.push_back({lab::Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)), ""});
  }
}

void LyingServer::answer_datagram() {
  char buffer[65536];
  sockaddr_in from = {};
  socklen_t size = sizeof from;
  const ssize_t got =
      ::recvfrom(udp_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
  if (got < 8) return;
  const std::string header = {buffer[0], buffer[1], 0, 0, 0, 1, 0, 0};
  const std::string request(buffer + 8, static_cast<std::size_t>(got) - 8);
  const std::vector<std::string> lies =
      request == "version\r\n" ? std::vector<std::string>{"VERSION lies\r\n"} : liar_(request);
  for (const std::string& lie : lies) {
    const std::string datagram = header + lie;
    ::sendto(udp_.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

bool LyingServer::answer_stream(Connection& connection) {
  char buffer[65536];
  const ssize_t got = ::recv(connection.socket.get(), buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  connection.unread.append(buffer, static_cast<std::size_t>(got));
  for (std::string request; !(request = take_request(connection.unread)).empty();)
    for (const std::string& lie : liar_(request))
      if (::send(connection.socket.get(), lie.data(), lie.size(), MSG_NOSIGNAL) < 0) return false;
  return true;
}

}  // namespace bmc::loadgen

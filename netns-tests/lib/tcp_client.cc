// SPDX-License-Identifier: Apache-2.0
// See tcp_client.h.
#include "netns-tests/lib/tcp_client.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include <cstdlib>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/netns.h"

namespace bmc::lab {

std::optional<TcpClient> TcpClient::try_connect(const Netns& netns, const Endpoint& server,
                                                int64_t timeout_ms) {
  const ScopedNetns inside(netns);
  TcpClient client;
  client.socket_ =
      Fd(checked(socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "TCP socket"));
  const int one = 1;
  setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  socklen_t length = 0;
  const auto address = to_sockaddr(server, length);
  if (connect(client.fd(), reinterpret_cast<const sockaddr*>(&address), length) == 0) return client;
  if (errno != EINPROGRESS || !wait_fd(client.fd(), POLLOUT, Deadline::in_ms(timeout_ms)))
    return std::nullopt;
  int error = 0;
  length = sizeof(error);
  getsockopt(client.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return std::nullopt;
  return client;
}

TcpClient::TcpClient(const Netns& netns, const Endpoint& server) {
  auto connected = try_connect(netns, server, 5000);
  if (!connected) throw LabError("cannot connect to " + server.text());
  *this = std::move(*connected);
}

TcpClient::TcpClient(const std::string& unix_path) {
  socket_ = Fd(checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "unix socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  unix_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  checked(connect(fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), "connect " + unix_path);
  checked(fcntl(fd(), F_SETFL, O_NONBLOCK), "nonblocking " + unix_path);
}

uint16_t TcpClient::local_port() const {
  sockaddr_storage own{};
  socklen_t length = sizeof(own);
  checked(getsockname(fd(), reinterpret_cast<sockaddr*>(&own), &length), "getsockname");
  return from_sockaddr(own).port;
}

bool TcpClient::send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return false;
    // The peer may be blocked on its own replies: take them while waiting for room.
    pollfd entry{fd(), POLLOUT | POLLIN, 0};
    const timespec left = deadline.left();
    if (ppoll(&entry, 1, &left, nullptr) <= 0) return false;
    if ((entry.revents & POLLIN) != 0) poll_input();
    if (ended_) return false;
  }
  return true;
}

bool TcpClient::send_cut(std::string_view bytes, const std::vector<size_t>& cuts, CutMode mode,
                         Deadline deadline) {
  size_t start = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    if (end <= start || end > bytes.size()) continue;
    if (!send(bytes.substr(start, end - start), deadline)) return false;
    if (mode == CutMode::kAcknowledged && !wait_acknowledged(deadline)) return false;
    start = end;
  }
  return true;
}

bool TcpClient::wait_acknowledged(Deadline deadline) {
  for (;;) {
    int unacknowledged = 0;
    if (ioctl(fd(), SIOCOUTQ, &unacknowledged) != 0) return false;
    if (unacknowledged == 0) return true;
    if (deadline.passed()) return false;
    wait_until_ns(now_ns() + 50'000);
  }
}

bool TcpClient::fill(Deadline deadline) {
  char chunk[65536];
  for (;;) {
    const ssize_t got = recv(fd(), chunk, sizeof(chunk), MSG_DONTWAIT);
    if (got > 0) {
      buffer_.append(chunk, static_cast<size_t>(got));
      return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      ended_ = true;
      return false;
    }
    if (!wait_fd(fd(), POLLIN, deadline)) return false;
  }
}

void TcpClient::poll_input() {
  while (!ended_ && fill(Deadline::in_ms(0))) {
  }
}

std::string TcpClient::read_exactly(size_t count, Deadline deadline) {
  while (buffer_.size() < count && fill(deadline)) {
  }
  std::string taken = buffer_.substr(0, count);
  buffer_.erase(0, taken.size());
  return taken;
}

std::optional<std::string> TcpClient::read_until(std::string_view end, Deadline deadline) {
  size_t looked = 0;
  for (;;) {
    const size_t at = buffer_.find(end, looked);
    if (at != std::string::npos) return read_exactly(at + end.size(), deadline);
    looked = buffer_.size() < end.size() ? 0 : buffer_.size() - end.size() + 1;
    if (!fill(deadline)) return std::nullopt;
  }
}

std::optional<std::string> TcpClient::read_line(Deadline deadline) { return read_until("\r\n", deadline); }

std::optional<std::string> TcpClient::read_values(Deadline deadline) {
  std::string reply;
  for (;;) {
    const auto line = read_line(deadline);
    if (!line) return std::nullopt;
    reply += *line;
    if (!line->starts_with("VALUE ")) return reply;
    // VALUE <key> <flags> <bytes> [<cas>]
    size_t at = line->find(' ', line->find(' ', 6) + 1);
    const size_t bytes = std::strtoul(line->c_str() + at, nullptr, 10);
    const std::string data = read_exactly(bytes + 2, deadline);
    if (data.size() != bytes + 2) return std::nullopt;
    reply += data;
  }
}

std::optional<std::string> TcpClient::command(std::string_view line, int64_t timeout_ms) {
  const Deadline deadline = Deadline::in_ms(timeout_ms);
  if (!send(line, deadline)) return std::nullopt;
  return read_line(deadline);
}

std::optional<std::string> TcpClient::get(std::string_view line, int64_t timeout_ms) {
  const Deadline deadline = Deadline::in_ms(timeout_ms);
  if (!send(line, deadline)) return std::nullopt;
  return read_values(deadline);
}

bool TcpClient::wait_end(Deadline deadline) {
  while (!ended_ && !deadline.passed()) fill(deadline);
  return ended_;
}

void TcpClient::reset() {
  const linger abort{1, 0};
  setsockopt(fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  socket_.close();
}

}  // namespace bmc::lab

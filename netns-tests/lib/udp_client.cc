// SPDX-License-Identifier: Apache-2.0
// See udp_client.h.
#include "netns-tests/lib/udp_client.h"

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/netns.h"

namespace bmc::lab {
namespace {

void put16(std::string& text, uint16_t value) {
  text.push_back(static_cast<char>(value >> 8));
  text.push_back(static_cast<char>(value));
}

uint16_t read16(std::string_view text, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(text[at]) << 8 | static_cast<uint8_t>(text[at + 1]));
}

}  // namespace

std::string udp_frame_header(uint16_t id, uint16_t sequence, uint16_t total, uint16_t reserved) {
  std::string header;
  for (uint16_t field : {id, sequence, total, reserved}) put16(header, field);
  return header;
}

UdpClient::UdpClient(const Netns& netns, const Endpoint& server, std::optional<Endpoint> local) {
  const ScopedNetns inside(netns);
  socket_ = Fd(checked(socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "UDP socket"));
  const int buffer = 4 << 20;
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  socklen_t length = 0;
  if (local) {
    const auto own = to_sockaddr(*local, length);
    checked(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), length), "bind " + local->text());
  }
  const auto address = to_sockaddr(server, length);
  checked(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length),
          "connect " + server.text());
}

Endpoint UdpClient::local() const {
  sockaddr_storage own{};
  socklen_t length = sizeof(own);
  checked(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &length), "getsockname");
  return from_sockaddr(own);
}

bool UdpClient::send(uint16_t id, std::string_view payload) {
  return send_raw(udp_frame_header(id) + std::string(payload));
}

bool UdpClient::send_raw(std::string_view datagram) {
  // The first call after an ICMP error (memcached is down) only reports it.
  for (int attempt = 0; attempt < 2; ++attempt)
    if (::send(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT) >= 0) return true;
  return false;
}

std::optional<Datagram> UdpClient::receive(Deadline deadline) {
  char buffer[65536];
  for (;;) {
    const ssize_t length = recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (length >= 8) {
      Datagram datagram;
      datagram.raw.assign(buffer, static_cast<size_t>(length));
      datagram.id = read16(datagram.raw, 0);
      datagram.sequence = read16(datagram.raw, 2);
      datagram.total = read16(datagram.raw, 4);
      datagram.reserved = read16(datagram.raw, 6);
      datagram.payload = datagram.raw.substr(8);
      return datagram;
    }
    if (length < 0 && (errno == EAGAIN || errno == EINTR) && !wait_fd(fd(), POLLIN, deadline))
      return std::nullopt;
    if (length < 0 && deadline.passed()) return std::nullopt;
  }
}

std::optional<std::string> UdpClient::request(std::string_view payload, int64_t timeout_ms) {
  return request_until(payload, "", timeout_ms);
}

std::optional<std::string> UdpClient::request_until(std::string_view payload, std::string_view end,
                                                    int64_t timeout_ms) {
  const Deadline deadline = Deadline::in_ms(timeout_ms);
  const uint16_t id = next_id();
  if (!send(id, payload)) return std::nullopt;
  std::string text;
  while (auto datagram = receive(deadline)) {
    if (datagram->id != id) continue;
    text += datagram->payload;
    if (text.ends_with(end)) return text;
  }
  return std::nullopt;
}

}  // namespace bmc::lab

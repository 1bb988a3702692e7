// SPDX-License-Identifier: Apache-2.0
// Parsing and building of Ethernet frames; see frame.h.
#include "netns-tests/lib/frame.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <cstdio>
#include <cstring>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/random.h"

namespace bmc::lab {
namespace {

uint16_t read16(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

void put16(std::vector<uint8_t>& bytes, uint16_t value) {
  bytes.push_back(static_cast<uint8_t>(value >> 8));
  bytes.push_back(static_cast<uint8_t>(value));
}

void put32(std::vector<uint8_t>& bytes, uint32_t value) {
  put16(bytes, static_cast<uint16_t>(value >> 16));
  put16(bytes, static_cast<uint16_t>(value));
}

void put_text(std::vector<uint8_t>& bytes, std::string_view text) {
  bytes.insert(bytes.end(), text.begin(), text.end());
}

uint32_t add_sum(uint32_t sum, std::span<const uint8_t> bytes) {
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += read16(bytes, i);
  if (bytes.size() % 2 != 0) sum += static_cast<uint32_t>(bytes.back()) << 8;
  return sum;
}

uint16_t fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

std::vector<uint8_t> address_bytes(const Endpoint& endpoint) {
  std::vector<uint8_t> bytes(endpoint.is_v6() ? 16 : 4);
  if (inet_pton(endpoint.family(), endpoint.ip.c_str(), bytes.data()) != 1)
    throw LabError("bad address " + endpoint.ip);
  return bytes;
}

void put_mac(std::vector<uint8_t>& bytes, const std::string& mac) {
  unsigned part[6] = {};
  if (std::sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", &part[0], &part[1], &part[2], &part[3], &part[4],
                  &part[5]) != 6)
    throw LabError("bad MAC " + mac);
  for (unsigned byte : part) bytes.push_back(static_cast<uint8_t>(byte));
}

/// Ethernet and IP headers for a transport segment of `length` bytes.
std::vector<uint8_t> network_headers(const FrameAddress& address, uint8_t protocol, size_t length) {
  std::vector<uint8_t> bytes;
  put_mac(bytes, address.destination_mac);
  put_mac(bytes, address.source_mac);
  if (address.vlan != 0) {
    put16(bytes, ETHERTYPE_VLAN);
    put16(bytes, address.vlan);
  }
  const auto source = address_bytes(address.source);
  const auto destination = address_bytes(address.destination);
  if (address.source.is_v6()) {
    put16(bytes, ETHERTYPE_IPV6);
    put32(bytes, 6u << 28);
    put16(bytes, static_cast<uint16_t>(length));
    bytes.push_back(protocol);
    bytes.push_back(64);
  } else {
    put16(bytes, ETHERTYPE_IP);
    const size_t start = bytes.size();
    put16(bytes, 0x4500);
    put16(bytes, static_cast<uint16_t>(20 + length));
    put32(bytes, 0x00004000);  // no id, don't fragment
    put16(bytes, static_cast<uint16_t>(64 << 8 | protocol));
    uint32_t sum = add_sum(add_sum(0, source), destination);
    sum = add_sum(sum, std::span(bytes).subspan(start));
    put16(bytes, fold(sum));
  }
  bytes.insert(bytes.end(), source.begin(), source.end());
  bytes.insert(bytes.end(), destination.begin(), destination.end());
  return bytes;
}

/// The transport checksum of `segment`, whose checksum field is zero.
uint16_t transport_checksum(const FrameAddress& address, uint8_t protocol, std::span<const uint8_t> segment) {
  uint32_t sum = add_sum(0, address_bytes(address.source));
  sum = add_sum(sum, address_bytes(address.destination));
  sum += protocol + static_cast<uint32_t>(segment.size());
  return fold(add_sum(sum, segment));
}

std::vector<uint8_t> join(const FrameAddress& address, uint8_t protocol, std::vector<uint8_t> segment,
                          size_t checksum_at, bool bad_checksum) {
  uint16_t checksum = transport_checksum(address, protocol, segment);
  if (bad_checksum) checksum = static_cast<uint16_t>(checksum ^ 0x5555);
  if (checksum == 0 && protocol == IPPROTO_UDP) checksum = 0xffff;
  segment[checksum_at] = static_cast<uint8_t>(checksum >> 8);
  segment[checksum_at + 1] = static_cast<uint8_t>(checksum);
  auto frame = network_headers(address, protocol, segment.size());
  frame.insert(frame.end(), segment.begin(), segment.end());
  return frame;
}

}  // namespace

Fd open_packet_socket(const std::string& device, int receive_buffer) {
  Fd socket(checked(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket"));
  const int one = 1;
  checked(setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)), "ignore outgoing");
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof(receive_buffer));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
  if (address.sll_ifindex == 0) fail_errno("no device " + device);
  checked(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), "bind to " + device);
  return socket;
}

FrameView view_frame(std::span<const uint8_t> frame) {
  FrameView view;
  if (frame.size() < 14) return view;
  size_t at = 12;
  if (read16(frame, at) == ETHERTYPE_VLAN && frame.size() >= 18) at += 4;
  const uint16_t type = read16(frame, at);
  at += 2;
  size_t end = 0;
  int protocol = 0;
  char text[INET6_ADDRSTRLEN] = {};
  if (type == ETHERTYPE_IP && frame.size() >= at + 20) {
    if ((read16(frame, at + 6) & 0x3fff) != 0) return view;
    end = at + read16(frame, at + 2);
    protocol = frame[at + 9];
    view.source.ip = inet_ntop(AF_INET, &frame[at + 12], text, sizeof(text));
    view.destination.ip = inet_ntop(AF_INET, &frame[at + 16], text, sizeof(text));
    at += static_cast<size_t>(frame[at] & 15) * 4;
  } else if (type == ETHERTYPE_IPV6 && frame.size() >= at + 40) {
    end = at + 40 + read16(frame, at + 4);
    protocol = frame[at + 6];
    view.source.ip = inet_ntop(AF_INET6, &frame[at + 8], text, sizeof(text));
    view.destination.ip = inet_ntop(AF_INET6, &frame[at + 24], text, sizeof(text));
    at += 40;
  }
  if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || end > frame.size() || end < at + 8) return view;
  const size_t header = protocol == IPPROTO_UDP ? 8 : static_cast<size_t>(frame[at + 12] >> 4) * 4;
  if (end < at + header) return view;
  view.protocol = protocol;
  view.source.port = read16(frame, at);
  view.destination.port = read16(frame, at + 2);
  view.transport_offset = at;
  view.payload_offset = at + header;
  view.payload_length = end - view.payload_offset;
  view.flow = mix64(static_cast<uint64_t>(protocol));
  for (const char byte : view.source.text() + ">" + view.destination.text())
    view.flow = mix64(view.flow ^ static_cast<uint8_t>(byte));
  return view;
}

std::vector<uint8_t> tcp_frame(const FrameAddress& address, const TcpFields& fields,
                               std::string_view payload) {
  std::vector<uint8_t> segment;
  put16(segment, address.source.port);
  put16(segment, address.destination.port);
  put32(segment, fields.sequence);
  put32(segment, fields.acknowledgement);
  segment.push_back(static_cast<uint8_t>((5 + fields.options.size() / 4) << 4));
  segment.push_back(fields.flags);
  put16(segment, fields.window);
  put32(segment, 0);  // checksum, urgent pointer
  segment.insert(segment.end(), fields.options.begin(), fields.options.end());
  put_text(segment, payload);
  return join(address, IPPROTO_TCP, std::move(segment), 16, fields.bad_checksum);
}

std::vector<uint8_t> udp_frame(const FrameAddress& address, std::string_view payload, bool bad_checksum) {
  std::vector<uint8_t> segment;
  put16(segment, address.source.port);
  put16(segment, address.destination.port);
  put16(segment, static_cast<uint16_t>(8 + payload.size()));
  put16(segment, 0);
  put_text(segment, payload);
  return join(address, IPPROTO_UDP, std::move(segment), 6, bad_checksum);
}

}  // namespace bmc::lab

// SPDX-License-Identifier: Apache-2.0
#include "loadgen/frame.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "loadgen/workload_abi.h"

namespace bmc::loadgen {
namespace {

constexpr std::size_t kEthernet = 14, kIpv4 = 20, kIpv6 = 40, kUdp = 8;

void put16(std::vector<std::uint8_t>& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put(std::vector<std::uint8_t>& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

void store16(std::vector<std::uint8_t>& out, std::size_t at, std::uint32_t word) {
  const auto narrow = static_cast<std::uint16_t>(word);
  std::memcpy(out.data() + at, &narrow, sizeof narrow);
}

void put_ip_header(std::vector<std::uint8_t>& out, const Link& link, std::size_t udp_size) {
  const std::size_t start = out.size();
  if (link.server.family == 4) {
    put(out, "\x45\x00", 2);
    put16(out, kIpv4 + udp_size);
    put(out, "\x00\x00\x40\x00\x40\x11\x00\x00", 8);  // id 0, don't fragment, TTL 64, UDP, checksum
    put(out, link.client.bytes.data(), 4);
    put(out, link.server.bytes.data(), 4);
    store16(out, start + 10, ~ones_sum(out.data() + start, kIpv4));
    return;
  }
  put(out, "\x60\x00\x00\x00", 4);
  put16(out, udp_size);
  put(out, "\x11\x40", 2);  // UDP, hop limit 64
  put(out, link.client.bytes.data(), 16);
  put(out, link.server.bytes.data(), 16);
}

// Sum of the pseudo header (RFC 768, RFC 8200), folded.
std::uint32_t pseudo_sum(const Link& link, std::size_t udp_size) {
  const std::size_t size = link.server.family == 4 ? 4 : 16;
  std::uint64_t sum = ones_sum(link.client.bytes.data(), size);
  sum += ones_sum(link.server.bytes.data(), size);
  return workload_fold(sum + htons(static_cast<std::uint16_t>(udp_size)) + htons(IPPROTO_UDP));
}

std::size_t udp_offset(const Link& link) { return kEthernet + (link.server.family == 4 ? kIpv4 : kIpv6); }

}  // namespace

Result<Mac> parse_mac(const std::string& text) {
  Mac mac = {};
  bool valid = text.size() == 17;
  for (std::size_t i = 0; valid && i < mac.size(); ++i) {
    const std::string digits = text.substr(3 * i, 2);
    valid = digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos &&
            (i + 1 == mac.size() || text[3 * i + 2] == ':');
    if (valid) mac[i] = static_cast<std::uint8_t>(std::stoul(digits, nullptr, 16));
  }
  if (!valid) return Error{EINVAL, "'" + text + "' is no Ethernet address like 02:00:00:00:00:01"};
  return mac;
}

std::string to_string(const Mac& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                mac[5]);
  return text;
}

Result<IpAddress> IpAddress::parse(const std::string& text) {
  IpAddress address;
  if (::inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) return address;
  address.family = 6;
  if (::inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) return address;
  return Error{EINVAL, "'" + text + "' is no IPv4 or IPv6 address"};
}

std::string IpAddress::text() const {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

std::uint32_t ones_sum(const std::uint8_t* data, std::size_t size, std::uint64_t start) {
  std::uint64_t sum = start;
  for (std::size_t at = 0; at < size; at += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, data + at, std::min<std::size_t>(2, size - at));
    sum += word;
  }
  return workload_fold(sum);
}

std::vector<std::uint8_t> build_datagram(const Link& link, std::uint16_t source_port,
                                         std::string_view payload) {
  const std::size_t udp_size = kUdp + payload.size();
  std::vector<std::uint8_t> out;
  put(out, link.server_mac.data(), link.server_mac.size());
  put(out, link.client_mac.data(), link.client_mac.size());
  put16(out, link.server.family == 4 ? 0x0800 : 0x86dd);
  put_ip_header(out, link, udp_size);
  const std::size_t udp = out.size();
  put16(out, source_port);
  put16(out, link.server_port);
  put16(out, udp_size);
  put16(out, 0);
  put(out, payload.data(), payload.size());
  const std::uint32_t sum = ~ones_sum(out.data() + udp, udp_size, pseudo_sum(link, udp_size)) & 0xffff;
  store16(out, udp + 6, sum == 0 ? 0xffff : sum);
  return out;
}

std::vector<std::uint8_t> build_request(const Link& link, const Workload& workload, std::uint16_t source_port,
                                        std::uint16_t id, std::uint64_t sequence) {
  // Datagram 0 of 1.
  std::string payload = {static_cast<char>(id >> 8), static_cast<char>(id), 0, 0, 0, 1, 0, 0};
  payload += workload.request_text(sequence);
  return build_datagram(link, source_port, payload);
}

DatagramWriter::DatagramWriter(const Link& link, std::uint16_t source_port)
    : headers_(build_datagram(link, source_port, {})),
      ipv4_(link.server.family == 4),
      pseudo_sum_(pseudo_sum(link, 0)) {}

std::size_t DatagramWriter::write(std::uint8_t* out, std::string_view payload) const {
  const auto put_word = [out](std::size_t at, std::uint32_t word) {
    const auto narrow = static_cast<std::uint16_t>(word);
    std::memcpy(out + at, &narrow, sizeof narrow);
  };
  const std::size_t udp = headers_.size() - kUdp;
  const auto udp_size = static_cast<std::uint16_t>(kUdp + payload.size());
  std::memcpy(out, headers_.data(), headers_.size());
  std::memcpy(out + headers_.size(), payload.data(), payload.size());
  if (ipv4_) {
    put_word(kEthernet + 2, htons(static_cast<std::uint16_t>(kIpv4 + udp_size)));
    put_word(kEthernet + 10, 0);
    put_word(kEthernet + 10, ~ones_sum(out + kEthernet, kIpv4));
  } else {
    put_word(kEthernet + 4, htons(udp_size));
  }
  put_word(udp + 4, htons(udp_size));
  put_word(udp + 6, 0);
  const std::uint32_t sum =
      ~ones_sum(out + udp, udp_size, std::uint64_t{pseudo_sum_} + htons(udp_size)) & 0xffff;
  put_word(udp + 6, sum == 0 ? 0xffff : sum);
  return headers_.size() + payload.size();
}

std::optional<ReceivedDatagram> read_datagram(const Link& link, std::string_view frame) {
  const std::size_t udp = udp_offset(link);
  const auto read16 = [&](std::size_t at) {
    std::uint16_t word = 0;
    std::memcpy(&word, frame.data() + at, sizeof word);
    return ntohs(word);
  };
  if (frame.size() < udp + kUdp || read16(kEthernet - 2) != (link.server.family == 4 ? 0x0800 : 0x86dd))
    return std::nullopt;
  const std::size_t size = read16(udp + 4);
  const std::size_t ip_size = link.server.family == 4 ? read16(kEthernet + 2) - kIpv4 : read16(kEthernet + 4);
  const auto protocol = frame[kEthernet + (link.server.family == 4 ? 9 : 6)];
  if (protocol != IPPROTO_UDP || size < kUdp || size != ip_size || udp + size > frame.size())
    return std::nullopt;
  ReceivedDatagram out;
  out.destination_port = read16(udp + 2);
  out.payload = frame.substr(udp + kUdp, size - kUdp);
  // The pseudo header's addresses are those of the request.
  const auto* start = reinterpret_cast<const std::uint8_t*>(frame.data()) + udp;
  out.checksum_right = read16(udp + 6) != 0 && ones_sum(start, size, pseudo_sum(link, size)) == 0xffff;
  return out;
}

void describe_link(const Link& link, loadgen_config& config) {
  config.family = static_cast<std::uint8_t>(link.server.family);
  config.server_port_be = htons(link.server_port);
  std::memcpy(config.client_be, link.client.bytes.data(), sizeof config.client_be);
  std::memcpy(config.server_be, link.server.bytes.data(), sizeof config.server_be);
}

void describe_frame(const Link& link, const Workload& workload, loadgen_config& config) {
  std::vector<std::uint8_t> frame = build_request(link, workload, 0, 0, 0);
  const std::size_t udp = udp_offset(link);
  std::size_t digits = udp + kUdp + LOADGEN_FRAME_HEADER + 4 + config.key_size - LOADGEN_KEY_DIGITS;
  for (std::uint32_t position = 0; position < config.keys_per_request; ++position) {
    std::fill_n(frame.begin() + static_cast<std::ptrdiff_t>(digits), LOADGEN_KEY_DIGITS, std::uint8_t{0});
    digits += config.key_size + 1;
  }
  store16(frame, udp + 6, 0);
  describe_link(link, config);
  config.frame_size = static_cast<std::uint32_t>(frame.size());
  config.udp_offset = static_cast<std::uint32_t>(udp);
  config.udp_sum = ones_sum(frame.data() + udp, frame.size() - udp, pseudo_sum(link, frame.size() - udp));
  std::memset(config.frame, 0, sizeof config.frame);
  std::memcpy(config.frame, frame.data(), frame.size());
}

}  // namespace bmc::loadgen

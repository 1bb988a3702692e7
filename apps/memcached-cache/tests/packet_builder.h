// SPDX-License-Identifier: Apache-2.0
// Frames for tests, layer by layer: Ethernet{} / IPv4{} / UDP{} / Memcached{} / Text{"get k\r\n"}. Lengths
// and checksums are right unless a field says otherwise. Used by the tests of the XDP, TC and cgroup
// programs.
#pragma once

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bmc::test {

using Bytes = std::vector<std::uint8_t>;
using Mac = std::array<std::uint8_t, 6>;

inline constexpr Mac kClientMac{2, 0, 0, 0, 0, 0x0c};
inline constexpr Mac kServerMac{2, 0, 0, 0, 0, 0x05};

struct Ethernet {
  Mac to = kServerMac;
  Mac from = kClientMac;
  std::optional<std::uint16_t> type{};  // unset: by what follows
};

struct Vlan {
  std::uint16_t id = 100;
  std::uint16_t protocol = 0x8100;
};

struct IPv4 {
  std::string from = "192.0.2.10";
  std::string to = "192.0.2.1";
  std::uint8_t protocol = 17;
  std::uint8_t ttl = 61;
  std::uint8_t tos = 0;
  std::uint16_t id = 0x1234;
  std::uint16_t fragment = 0x4000;  // flags and offset
  std::uint8_t first_byte = 0x45;
  Bytes options{};  // the caller sets first_byte accordingly
  std::optional<std::uint16_t> total_length{};
  std::optional<std::uint16_t> checksum{};
};

struct IPv6 {
  std::string from = "2001:db8::10";
  std::string to = "2001:db8::1";
  std::uint8_t next_header = 17;
  std::uint8_t hop_limit = 61;
  std::uint32_t first_word = 0x60000000;  // version, traffic class, flow label
  std::optional<std::uint16_t> payload_length{};
};

struct UDP {
  std::uint16_t from = 40000;
  std::uint16_t to = 11211;
  std::optional<std::uint16_t> length{};
  std::optional<std::uint16_t> checksum{};  // unset: right; 0: none
};

// memcached's header of each UDP datagram.
struct Memcached {
  std::uint16_t id = 0x5a01;
  std::uint16_t sequence = 0;
  std::uint16_t total = 1;
  std::uint16_t reserved = 0;
};

struct Text {
  std::string text;
};

// Behind the IP packet: counted in no length field.
struct Trailer {
  Bytes bytes;
};

using Layer = std::variant<Ethernet, Vlan, IPv4, IPv6, UDP, Memcached, Text, Trailer>;

struct Layers {
  std::vector<Layer> layer;
};

template <typename A, typename B>
concept TwoLayers = std::is_constructible_v<Layer, A> && std::is_constructible_v<Layer, B>;

template <typename A, typename B>
requires TwoLayers<A, B> Layers operator/(A outer, B inner) {
  return Layers{{Layer(std::move(outer)), Layer(std::move(inner))}};
}

template <typename B>
requires std::is_constructible_v<Layer, B> Layers operator/(Layers outer, B inner) {
  outer.layer.emplace_back(std::move(inner));
  return outer;
}

// One's complement sum of big-endian 16-bit units, byte by byte (RFC 1071); not complemented.
inline std::uint32_t internet_sum(const std::uint8_t* bytes, std::size_t size, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < size; ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

// 16 bytes of an address in text, IPv4 as ::ffff:a.b.c.d.
inline std::array<std::uint8_t, 16> address_bytes(const std::string& text) {
  std::array<std::uint8_t, 16> address{};
  if (text.find(':') != std::string::npos) {
    if (inet_pton(AF_INET6, text.c_str(), address.data()) != 1) throw std::invalid_argument(text);
    return address;
  }
  address[10] = address[11] = 0xff;
  if (inet_pton(AF_INET, text.c_str(), address.data() + 12) != 1) throw std::invalid_argument(text);
  return address;
}

// Builds from the innermost layer outwards.
class FrameBuilder {
 public:
  static Bytes build(const Layers& layers) {
    FrameBuilder builder;
    for (auto layer = layers.layer.rbegin(); layer != layers.layer.rend(); ++layer) {
      std::visit([&builder](const auto& each) { builder.wrap(each); }, *layer);
    }
    Bytes frame = std::move(builder.inner_);
    frame.insert(frame.end(), builder.trailer_.begin(), builder.trailer_.end());
    return frame;
  }

 private:
  void wrap(const Trailer& trailer) { trailer_ = trailer.bytes; }

  void wrap(const Text& text) { inner_.insert(inner_.begin(), text.text.begin(), text.text.end()); }

  void wrap(const Memcached& header) {
    prepend(big_endian({header.id, header.sequence, header.total, header.reserved}));
  }

  // The checksum needs the addresses: the IP layer around it puts it in.
  void wrap(const UDP& udp) {
    const auto length = udp.length.value_or(static_cast<std::uint16_t>(inner_.size() + 8));
    prepend(big_endian({udp.from, udp.to, length, udp.checksum.value_or(0)}));
    udp_needs_checksum_ = !udp.checksum.has_value();
  }

  void wrap(const IPv4& ip) {
    const auto from = address_bytes(ip.from), to = address_bytes(ip.to);
    finish_udp(ip.protocol, Bytes(from.begin() + 12, from.end()), Bytes(to.begin() + 12, to.end()));
    Bytes header{ip.first_byte, ip.tos};
    append(header, big_endian({ip.total_length.value_or(
                                   static_cast<std::uint16_t>(20 + ip.options.size() + inner_.size())),
                               ip.id, ip.fragment}));
    append(header, {ip.ttl, ip.protocol, 0, 0});
    append(header, Bytes(from.begin() + 12, from.end()));
    append(header, Bytes(to.begin() + 12, to.end()));
    append(header, ip.options);
    const auto right = static_cast<std::uint16_t>(~internet_sum(header.data(), header.size()));
    put_u16(header, 10, ip.checksum.value_or(right));
    prepend(header);
    type_ = 0x0800;
  }

  void wrap(const IPv6& ip) {
    const auto from = address_bytes(ip.from), to = address_bytes(ip.to);
    finish_udp(ip.next_header, Bytes(from.begin(), from.end()), Bytes(to.begin(), to.end()));
    Bytes header = big_endian({static_cast<std::uint16_t>(ip.first_word >> 16),
                               static_cast<std::uint16_t>(ip.first_word),
                               ip.payload_length.value_or(static_cast<std::uint16_t>(inner_.size()))});
    append(header, {ip.next_header, ip.hop_limit});
    append(header, Bytes(from.begin(), from.end()));
    append(header, Bytes(to.begin(), to.end()));
    prepend(header);
    type_ = 0x86dd;
  }

  void wrap(const Vlan& tag) {
    prepend(big_endian({tag.id, type_}));
    type_ = tag.protocol;
  }

  void wrap(const Ethernet& ethernet) {
    Bytes header(ethernet.to.begin(), ethernet.to.end());
    append(header, Bytes(ethernet.from.begin(), ethernet.from.end()));
    append(header, big_endian({ethernet.type.value_or(type_)}));
    prepend(header);
  }

  void finish_udp(std::uint8_t protocol, const Bytes& from, const Bytes& to) {
    if (!udp_needs_checksum_) return;
    udp_needs_checksum_ = false;
    Bytes pseudo = from;
    append(pseudo, to);
    append(pseudo, {0, protocol, inner_[4], inner_[5]});
    const auto sum = internet_sum(inner_.data(), inner_.size(), internet_sum(pseudo.data(), pseudo.size()));
    const auto field = static_cast<std::uint16_t>(~sum);
    put_u16(inner_, 6, field == 0 ? 0xffff : field);
  }

  static Bytes big_endian(std::initializer_list<std::uint16_t> values) {
    Bytes bytes;
    for (const auto value : values) {
      bytes.push_back(static_cast<std::uint8_t>(value >> 8));
      bytes.push_back(static_cast<std::uint8_t>(value));
    }
    return bytes;
  }

  static void put_u16(Bytes& bytes, std::size_t at, std::uint16_t value) {
    bytes.at(at) = static_cast<std::uint8_t>(value >> 8);
    bytes.at(at + 1) = static_cast<std::uint8_t>(value);
  }

  static void append(Bytes& bytes, const Bytes& more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

  void prepend(const Bytes& header) { inner_.insert(inner_.begin(), header.begin(), header.end()); }

  Bytes inner_;
  Bytes trailer_;
  std::uint16_t type_ = 0;
  bool udp_needs_checksum_ = false;
};

inline Bytes frame(const Layers& layers) { return FrameBuilder::build(layers); }

}  // namespace bmc::test

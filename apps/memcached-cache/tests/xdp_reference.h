// SPDX-License-Identifier: Apache-2.0
// What cache_get must do with a frame, said once more in plain C++: byte by byte, with strings and maps, and
// with the answer built by the packet builder. Shares no code with the program. Used by
// xdp_differential_test.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/tests/packet_builder.h"

namespace bmc::test {

// The store and the configuration as the reference sees them.
struct ReferenceWorld {
  struct Entry {
    std::string text;
    cache_counter state;  // CACHE_TX_HIT, or why it may not be served
  };
  using Address = std::pair<std::array<std::uint8_t, 16>, std::uint16_t>;

  std::map<Address, int> served;
  std::set<std::uint16_t> served_ports;
  std::set<int> held;
  bool shadow = false;
  std::optional<std::set<std::array<std::uint8_t, 16>>> allowed{};  // whole addresses; unset: everybody
  std::map<std::pair<int, std::string>, Entry> entries;
};

struct Decision {
  cache_counter way_out;
  Bytes frame;  // as it leaves: the answer, or the frame that came
};

class XdpReference {
 public:
  static Decision decide(const ReferenceWorld& world, const Bytes& frame) {
    XdpReference reference(world, frame);
    const cache_counter way_out = reference.judge();
    return {way_out, way_out == CACHE_TX_HIT ? reference.answer() : frame};
  }

 private:
  XdpReference(const ReferenceWorld& world, const Bytes& frame) : world_(world), frame_(frame) {}

  using Judgement = std::optional<cache_counter>;  // unset: nothing speaks against it yet

  std::uint8_t u8(std::size_t at) const { return frame_.at(at); }
  std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(u8(at) << 8 | u8(at + 1)); }
  bool has(std::size_t end) const { return end <= frame_.size(); }

  cache_counter judge() {
    for (const auto step :
         {&XdpReference::link, &XdpReference::network, &XdpReference::transport, &XdpReference::destination,
          &XdpReference::source, &XdpReference::header, &XdpReference::command, &XdpReference::keys}) {
      if (const Judgement judgement = (this->*step)()) return *judgement;
    }
    return world_.shadow ? CACHE_PASS_SHADOW : CACHE_TX_HIT;
  }

  Judgement link() {
    if (!has(14)) return CACHE_PASS_SHORT;
    type_ = u16(12);
    ip_ = 14;
    if (type_ == 0x8100 || type_ == 0x88a8) {
      if (!has(18)) return CACHE_PASS_SHORT;
      tag_ = Vlan{.id = u16(14), .protocol = type_};
      type_ = u16(16);
      ip_ = 18;
    }
    if (type_ != 0x0800 && type_ != 0x86dd) return CACHE_PASS_NOT_IP;
    return std::nullopt;
  }

  Judgement network() { return is_v6() ? network6() : network4(); }
  bool is_v6() const { return type_ == 0x86dd; }

  Judgement network4() {
    if (!has(ip_ + 20)) return CACHE_PASS_SHORT;
    if (u8(ip_) >> 4 != 4) return CACHE_PASS_NOT_IP;
    if (u8(ip_) != 0x45) return CACHE_PASS_IP_OPTIONS;
    if (u8(ip_ + 9) != 17) return CACHE_PASS_NOT_UDP;
    if ((u16(ip_ + 6) & 0x3fff) != 0) return CACHE_PASS_FRAGMENT;
    if (internet_sum(&frame_[ip_], 20) != 0xffff) return CACHE_PASS_CHECKSUM;
    from_ = mapped(ip_ + 12);
    to_ = mapped(ip_ + 16);
    udp_ = ip_ + 20;
    ip_payload_ = static_cast<int>(u16(ip_ + 2)) - 20;
    return std::nullopt;
  }

  Judgement network6() {
    if (!has(ip_ + 40)) return CACHE_PASS_SHORT;
    if (u8(ip_) >> 4 != 6) return CACHE_PASS_NOT_IP;
    switch (u8(ip_ + 6)) {
      case 17:
        break;
      case 44:
        return CACHE_PASS_FRAGMENT;
      case 0:
      case 43:
      case 51:
      case 60:
        return CACHE_PASS_IP_OPTIONS;
      default:
        return CACHE_PASS_NOT_UDP;
    }
    std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(ip_) + 8, 16, from_.begin());
    std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(ip_) + 24, 16, to_.begin());
    udp_ = ip_ + 40;
    ip_payload_ = u16(ip_ + 4);
    return std::nullopt;
  }

  Judgement transport() {
    if (!has(udp_ + 8)) return CACHE_PASS_SHORT;
    const int length = u16(udp_ + 4);
    if (length != ip_payload_ || length < 8 || !has(udp_ + static_cast<std::size_t>(length)))
      return CACHE_PASS_SHORT;
    if (is_v6() && u16(udp_ + 6) == 0) return CACHE_PASS_CHECKSUM;
    payload_.assign(frame_.begin() + static_cast<std::ptrdiff_t>(udp_) + 8,
                    frame_.begin() + static_cast<std::ptrdiff_t>(udp_) + length);
    trailer_ = frame_.size() - udp_ - static_cast<std::size_t>(length);
    return std::nullopt;
  }

  // The frames of the test come in through lo, from where loopback addresses are right.
  Judgement destination() {
    const auto found = world_.served.find({to_, u16(udp_ + 2)});
    if (found == world_.served.end() || (u8(0) & 1) != 0 || (is_v6() && is_mapped(to_)))
      return CACHE_PASS_NOT_SERVED;
    server_ = found->second;
    if (world_.held.count(server_) != 0) return CACHE_PASS_HELD;
    return std::nullopt;
  }

  Judgement source() {
    const std::uint16_t port = u16(udp_);
    if ((u8(6) & 1) != 0 || is_no_host() || port == 0 || world_.served_ports.count(port) != 0 ||
        (world_.allowed.has_value() && world_.allowed->count(from_) == 0)) {
      return CACHE_PASS_NOT_ALLOWED;
    }
    return std::nullopt;
  }

  bool is_no_host() const {
    if (!is_v6()) {
      return from_[12] == 0 || (from_[12] & 0xf0) == 0xe0 ||
             (from_[12] == 255 && from_[13] == 255 && from_[14] == 255 && from_[15] == 255);
    }
    return from_[0] == 0xff || is_mapped(from_) || from_ == std::array<std::uint8_t, 16>{};
  }

  Judgement header() {
    if (payload_.size() <= 8) return CACHE_PASS_SHORT;
    if (payload_.substr(2, 4) != std::string("\0\0\0\1", 4)) return CACHE_PASS_FRAME;
    return std::nullopt;
  }

  Judgement command() {
    if (payload_.compare(8, 4, "get ") != 0) return CACHE_PASS_NOT_GET;
    line_ = payload_.substr(12);
    if (line_.size() < 3 || payload_.size() > CACHE_REQUEST_MAX) return CACHE_PASS_MALFORMED;
    if (trailer_ > 12) return CACHE_PASS_SHORT;
    if (!line_.ends_with("\r\n")) return CACHE_PASS_MALFORMED;
    line_.resize(line_.size() - 2);
    if (!is_udp_checksum_right()) return CACHE_PASS_CHECKSUM;
    return std::nullopt;
  }

  bool is_udp_checksum_right() const {
    if (u16(udp_ + 6) == 0) return true;
    Bytes pseudo(from_.begin() + (is_v6() ? 0 : 12), from_.end());
    pseudo.insert(pseudo.end(), to_.begin() + (is_v6() ? 0 : 12), to_.end());
    pseudo.insert(pseudo.end(), {0, 17, u8(udp_ + 4), u8(udp_ + 5)});
    return internet_sum(&frame_[udp_], payload_.size() + 8, internet_sum(pseudo.data(), pseudo.size())) ==
           0xffff;
  }

  static bool may_stand_in_key(char byte) {
    const auto value = static_cast<std::uint8_t>(byte);
    return value > 0x20 && value != 0x7f;
  }

  // Key by key, as far as each is a key and each hits.
  Judgement keys() {
    std::size_t at = 0;
    for (unsigned count = 0; count < CACHE_MULTIGET_MAX; ++count) {
      std::size_t end = at;
      while (end < line_.size() && may_stand_in_key(line_[end])) ++end;
      if (end == at || end - at > CACHE_KEY_MAX) return CACHE_PASS_MALFORMED;
      if (end < line_.size() && line_[end] != ' ') return CACHE_PASS_MALFORMED;
      if (const auto judgement = key(line_.substr(at, end - at))) return judgement;
      if (end == line_.size()) return std::nullopt;
      at = end + 1;
    }
    return CACHE_PASS_TOO_LARGE;
  }

  Judgement key(const std::string& key) {
    const auto found = world_.entries.find({server_, key});
    if (found == world_.entries.end()) return CACHE_PASS_MISS;
    if (found->second.state != CACHE_TX_HIT) return found->second.state;
    texts_ += found->second.text;
    if (8 + texts_.size() + 5 > CACHE_REPLY_MAX) return CACHE_PASS_TOO_LARGE;
    return std::nullopt;
  }

  static bool is_mapped(const std::array<std::uint8_t, 16>& address) {
    static constexpr std::array<std::uint8_t, 12> kPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::equal(kPrefix.begin(), kPrefix.end(), address.begin());
  }

  std::array<std::uint8_t, 16> mapped(std::size_t at) const {
    return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, u8(at), u8(at + 1), u8(at + 2), u8(at + 3)};
  }

  static std::string address_text(const std::array<std::uint8_t, 16>& address, bool v6) {
    char text[INET6_ADDRSTRLEN];
    return v6 ? inet_ntop(AF_INET6, address.data(), text, sizeof text)
              : inet_ntop(AF_INET, address.data() + 12, text, sizeof text);
  }

  Bytes answer() const {
    Ethernet ethernet{};
    std::copy_n(frame_.begin() + 6, 6, ethernet.to.begin());
    std::copy_n(frame_.begin(), 6, ethernet.from.begin());
    Layers layers{{ethernet}};
    if (tag_) layers = std::move(layers) / *tag_;
    const std::string from = address_text(to_, is_v6()), to = address_text(from_, is_v6());
    const auto request_id = static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload_[0]) << 8 |
                                                       static_cast<std::uint8_t>(payload_[1]));
    if (is_v6()) {
      const std::uint32_t label = static_cast<std::uint32_t>(u8(ip_ + 1) & 15) << 16 | u16(ip_ + 2);
      layers =
          std::move(layers) / IPv6{.from = from, .to = to, .hop_limit = 64, .first_word = 0x60000000 | label};
    } else {
      layers = std::move(layers) / IPv4{.from = from, .to = to, .ttl = 64, .id = request_id, .fragment = 0};
    }
    return bmc::test::frame(std::move(layers) / UDP{.from = u16(udp_ + 2), .to = u16(udp_)} /
                            Memcached{.id = request_id} / Text{texts_ + "END\r\n"});
  }

  const ReferenceWorld& world_;
  const Bytes& frame_;
  std::uint16_t type_ = 0;
  std::optional<Vlan> tag_{};
  std::size_t ip_ = 0, udp_ = 0, trailer_ = 0;
  int ip_payload_ = 0;
  std::array<std::uint8_t, 16> from_{}, to_{};
  int server_ = -1;
  std::string payload_, line_, texts_;
};

}  // namespace bmc::test

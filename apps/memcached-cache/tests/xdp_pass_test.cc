// SPDX-License-Identifier: Apache-2.0
// Packets that cache_get must leave alone: headers, frame header, command, checksum. Each case is one change
// of a request that is answered, so that nothing else can be the reason.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "apps/memcached-cache/tests/xdp_fixture.h"

namespace bmc::test {
namespace {

class XdpPass : public XdpTest {
 protected:
  void SetUp() override {
    XdpTest::SetUp();
    placed_ = store().place({.key = "k", .data = "v"});
  }

  // The request that is answered, as each case's twin.
  void expect_twin() { expect_answer("k", placed_.text); }

  static Bytes v4(const IPv4& ip, const UDP& udp = {}, const Memcached& header = {},
                  const std::string& text = "get k\r\n") {
    return frame(Ethernet{} / ip / udp / header / Text{text});
  }
  static Bytes v6(const IPv6& ip, const UDP& udp = {}) {
    return frame(Ethernet{} / ip / udp / Memcached{} / Text{"get k\r\n"});
  }

  Placed placed_;
};

TEST_F(XdpPass, OtherProtocolsThanIp) {
  expect_twin();
  for (const auto type : std::initializer_list<std::uint16_t>{0x0806, 0x8100, 0x88cc, 0x0000, 0x0801}) {
    auto request = request_frame("get k\r\n");
    request[12] = static_cast<std::uint8_t>(type >> 8);
    request[13] = static_cast<std::uint8_t>(type);
    expect_pass(request, CACHE_PASS_NOT_IP);
  }
}

TEST_F(XdpPass, TwoVlanTags) {
  expect_answer("k", placed_.text, {.vlan = true});
  expect_pass(frame(Ethernet{} / Vlan{} / Vlan{} / IPv4{} / UDP{} / Memcached{} / Text{"get k\r\n"}),
              CACHE_PASS_NOT_IP);
  expect_pass(frame(Ethernet{} / Vlan{.protocol = 0x88a8} / Vlan{} / IPv4{} / UDP{} / Memcached{} /
                    Text{"get k\r\n"}),
              CACHE_PASS_NOT_IP);
}

TEST_F(XdpPass, AnotherIpVersionThanTheEtherTypeSays) {
  auto four = request_frame("get k\r\n");
  four[14] = 0x65;
  expect_pass(four, CACHE_PASS_NOT_IP);
  auto six = request_frame("get k\r\n", {.ipv6 = true});
  six[14] = 0x45;
  expect_pass(six, CACHE_PASS_NOT_IP);
}

TEST_F(XdpPass, Ipv4Options) {
  expect_pass(v4({.first_byte = 0x46, .options = {1, 1, 1, 0}}), CACHE_PASS_IP_OPTIONS);
  expect_pass(v4({.first_byte = 0x44}), CACHE_PASS_IP_OPTIONS);
}

TEST_F(XdpPass, Ipv6ExtensionHeaders) {
  for (const auto header : std::initializer_list<std::uint8_t>{0, 43, 51, 60}) {
    expect_pass(v6({.next_header = header}), CACHE_PASS_IP_OPTIONS);
  }
  expect_pass(v6({.next_header = 44}), CACHE_PASS_FRAGMENT);
  expect_pass(v6({.next_header = 6}), CACHE_PASS_NOT_UDP);
  expect_pass(v6({.next_header = 58}), CACHE_PASS_NOT_UDP);
}

TEST_F(XdpPass, Fragments) {
  for (const auto fragment : std::initializer_list<std::uint16_t>{0x2000, 0x2001, 0x0001, 0x1fff}) {
    expect_pass(v4({.fragment = fragment}), CACHE_PASS_FRAGMENT);
  }
  for (const auto whole : std::initializer_list<std::uint16_t>{0x0000, 0x4000, 0x8000}) {
    expect_hit(v4({.fragment = whole}), reply_frame(placed_.text + "END\r\n"));
  }
}

TEST_F(XdpPass, OtherTransports) {
  for (const auto protocol : std::initializer_list<std::uint8_t>{6, 1, 132, 0})
    expect_pass(v4({.protocol = protocol}), CACHE_PASS_NOT_UDP);
}

TEST_F(XdpPass, WrongIpv4HeaderChecksum) { expect_pass(v4({.checksum = 0x1234}), CACHE_PASS_CHECKSUM); }

TEST_F(XdpPass, AddressesAndPortsThatAreNotServed) {
  expect_twin();
  expect_pass(v4({.to = "192.0.2.3"}), CACHE_PASS_NOT_SERVED);
  expect_pass(v4({}, {.to = 11210}), CACHE_PASS_NOT_SERVED);
  expect_pass(v4({}, {.to = 0xcb2b}), CACHE_PASS_NOT_SERVED);
  expect_pass(v6({.to = "2001:db8::2"}), CACHE_PASS_NOT_SERVED);
  expect_pass(v6({.to = "2001:db9::1"}), CACHE_PASS_NOT_SERVED);
}

TEST_F(XdpPass, AnIpv4AddressInsideIpv6) {
  expect_pass(v6({.to = std::string("::ffff:") + kServerIp4}), CACHE_PASS_NOT_SERVED);
  expect_pass(v6({.from = std::string("::ffff:") + kClientIp4}), CACHE_PASS_NOT_ALLOWED);
}

TEST_F(XdpPass, EthernetGroups) {
  for (const Mac& group : {Mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, Mac{1, 0, 0x5e, 0, 0, 1}}) {
    expect_pass(frame(Ethernet{.to = group} / IPv4{} / UDP{} / Memcached{} / Text{"get k\r\n"}),
                CACHE_PASS_NOT_SERVED);
    expect_pass(frame(Ethernet{.from = group} / IPv4{} / UDP{} / Memcached{} / Text{"get k\r\n"}),
                CACHE_PASS_NOT_ALLOWED);
  }
}

// Cut at every byte: no length of the frame makes the program read further, answer or change anything.
TEST_F(XdpPass, FramesCutShort) {
  for (const Via via : {Via{}, Via{.ipv6 = true}, Via{.vlan = true}, Via{.ipv6 = true, .vlan = true}}) {
    const auto whole = request_frame("get k\r\n", via);
    for (std::size_t length = 14; length < whole.size(); ++length) {
      expect_pass(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)),
                  CACHE_PASS_SHORT);
    }
  }
}

TEST_F(XdpPass, LengthFieldsThatDisagree) {
  const std::uint16_t udp = 8 + 8 + 7, ip = 20 + udp;
  expect_hit(v4({.total_length = ip}, {.length = udp}), reply_frame(placed_.text + "END\r\n"));
  for (const int off : {-1, 1}) {
    expect_pass(v4({.total_length = static_cast<std::uint16_t>(ip + off)}), CACHE_PASS_SHORT);
    expect_pass(v4({}, {.length = static_cast<std::uint16_t>(udp + off)}), CACHE_PASS_SHORT);
    expect_pass(v6({.payload_length = static_cast<std::uint16_t>(udp + off)}), CACHE_PASS_SHORT);
    expect_pass(v6({}, {.length = static_cast<std::uint16_t>(udp + off)}), CACHE_PASS_SHORT);
  }
  expect_pass(v4({.total_length = 19}, {.length = 0xffff}), CACHE_PASS_SHORT);
  expect_pass(v4({.total_length = 27}, {.length = 7}), CACHE_PASS_SHORT);
  expect_pass(v6({.payload_length = 0}, {.length = 0}), CACHE_PASS_SHORT);
}

TEST_F(XdpPass, PayloadsUpToTheFrameHeader) {
  for (std::size_t bytes = 0; bytes <= CACHE_UDP_HEADER; ++bytes) {
    expect_pass(frame(Ethernet{} / IPv4{} / UDP{} / Text{std::string(bytes, '\0')}), CACHE_PASS_SHORT);
  }
  expect_pass(v4({}, {}, {}, "g"), CACHE_PASS_NOT_GET);
}

TEST_F(XdpPass, FrameHeaderFields) {
  expect_twin();
  expect_pass(v4({}, {}, {.sequence = 1}), CACHE_PASS_FRAME);
  expect_pass(v4({}, {}, {.total = 0}), CACHE_PASS_FRAME);
  expect_pass(v4({}, {}, {.total = 2}), CACHE_PASS_FRAME);
  expect_pass(v4({}, {}, {.total = 0x100}), CACHE_PASS_FRAME);
}

TEST_F(XdpPass, OtherCommands) {
  for (const char* line :
       {"gets k\r\n", "gat 0 k\r\n", "GET k\r\n", "Get k\r\n", "mg k v\r\n", "set k 0 0 1\r\nx\r\n",
        "delete k\r\n", "get\r\n", "get", "ge", "stats\r\n", "get\tk\r\n", "\x80\x00\x00\x01k"}) {
    SCOPED_TRACE(line);
    expect_pass(v4({}, {}, {}, line), CACHE_PASS_NOT_GET);
  }
}

TEST_F(XdpPass, GetsOfAnotherForm) {
  const std::vector<std::string> lines = {"get ",
                                          "get k",
                                          "get k\n",
                                          "get k\r",
                                          "get \r\n",
                                          "get  \r\n",
                                          "get  k\r\n",
                                          "get k \r\n",
                                          "get k\r\r\n",
                                          "get k\r\nx",
                                          "get k\r\n\r\n",
                                          "get k\r\nget k\r\n",
                                          "get k\n\r\n",
                                          "get k\tk\r\n",
                                          "get k\x7f\r\n",
                                          "get \x01\r\n",
                                          std::string("get k\0\r\n", 8),
                                          "get k  k\r\n",
                                          "get k k\r\n\r\n",
                                          "get k k\r\nget k\r\n"};
  for (const auto& line : lines) {
    SCOPED_TRACE(line);
    store().reset();
    SetUp();
    expect_pass(v4({}, {}, {}, line), CACHE_PASS_MALFORMED);
  }
  for (int byte = 0; byte <= 0x20; ++byte) {
    std::string key = "key-of-16-bytes!";
    key[9] = static_cast<char>(byte);
    if (byte != ' ') expect_no_answer(key, CACHE_PASS_MALFORMED);
  }
}

// Each byte of the datagram flipped, or the checksum itself: memcached's host is to judge it.
TEST_F(XdpPass, WrongUdpChecksum) {
  for (const bool ipv6 : {false, true}) {
    auto request = request_frame("get k\r\n", {.ipv6 = ipv6});
    request.at(request.size() - 3) ^= 1;  // another key, which is not there: the checksum is looked at first
    expect_pass(request, CACHE_PASS_CHECKSUM);
    request = request_frame("get k\r\n", {.ipv6 = ipv6});
    request.at(14 + (ipv6 ? 40u : 20u) + 6) ^= 0x80;
    expect_pass(request, CACHE_PASS_CHECKSUM);
    const auto many = get_line("k " + std::string(9, 'x'));
    request = request_frame(many, {.ipv6 = ipv6});
    expect_pass(request, CACHE_PASS_MISS);
    request.back() ^= 0x80;
    expect_pass(request, CACHE_PASS_MALFORMED);
    request = request_frame(many, {.ipv6 = ipv6});
    request.at(request.size() - 4) ^= 1;
    expect_pass(request, CACHE_PASS_CHECKSUM);
  }
}

// What veth delivers of a local sender: the sum of the pseudo-header alone.
TEST_F(XdpPass, PartialUdpChecksum) {
  const auto whole = request_frame("get k\r\n");
  const Bytes pseudo{192, 0, 2, 10, 192, 0, 2, 1, 0, 17, 0, 23};
  const auto partial = static_cast<std::uint16_t>(internet_sum(pseudo.data(), pseudo.size()));
  expect_pass(v4({}, {.checksum = partial}), CACHE_PASS_CHECKSUM);
}

TEST_F(XdpPass, RequestsLongerThanAreLookedAt) {
  std::string keys;
  while (keys.size() < 1300) keys += "no-such-key ";
  keys.resize(CACHE_REQUEST_MAX - CACHE_UDP_HEADER - get_line("").size(), 'x');
  expect_no_answer(keys, CACHE_PASS_MISS);
  expect_no_answer(keys + "x", CACHE_PASS_MALFORMED);
}

}  // namespace
}  // namespace bmc::test

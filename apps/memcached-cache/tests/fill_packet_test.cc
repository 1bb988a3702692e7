// SPDX-License-Identifier: Apache-2.0
// Which outgoing packets the fill program takes for replies of a served memcached, and which it leaves alone.
#include <gtest/gtest.h>

#include <string>

#include "apps/memcached-cache/tests/fill_fixture.h"

namespace bmc::test {
namespace {

const std::string kText = value_text("key", 7, "data") + "END\r\n";

class FillPacketTest : public FillTest {};

IPv4 ipv4() { return {.from = "192.0.2.1", .to = "192.0.2.10"}; }
IPv6 ipv6() { return {.from = "2001:db8::1", .to = "2001:db8::10"}; }
UDP udp() { return {.from = kServerPort, .to = kClientPort}; }

TEST_F(FillPacketTest, Ipv4) {
  arrive("key");
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Memcached{} / Text{kText})), one(CACHE_FILL_OK));
  ASSERT_EQ(store().entries("key").size(), 1u);
}

TEST_F(FillPacketTest, Ipv4WithOptions) {
  auto ip = ipv4();
  ip.first_byte = 0x46;
  ip.options = {1, 1, 1, 1};
  arrive("key");
  EXPECT_EQ(run(frame(Ethernet{} / ip / udp() / Memcached{} / Text{kText})), one(CACHE_FILL_OK));
}

TEST_F(FillPacketTest, Ipv4HeaderTooShortIsNobodys) {
  auto ip = ipv4();
  ip.first_byte = 0x44;
  arrive("key");
  EXPECT_EQ(run(frame(Ethernet{} / ip / udp() / Memcached{} / Text{kText})), Counters{});
}

TEST_F(FillPacketTest, Ipv6) {
  arrive("key", {.server = 1, .client = "2001:db8::10"});
  EXPECT_EQ(run(frame(Ethernet{} / ipv6() / udp() / Memcached{} / Text{kText})), one(CACHE_FILL_OK));
  ASSERT_EQ(store().entries("key", 1).size(), 1u);
  EXPECT_TRUE(store().entries("key", 0).empty());
}

TEST_F(FillPacketTest, Ipv6ExtensionHeaderIsNobodys) {
  auto ip = ipv6();
  ip.next_header = 0;
  arrive("key", {.server = 1, .client = "2001:db8::10"});
  EXPECT_EQ(run(frame(Ethernet{} / ip / Text{std::string{17, 0, 1, 4, 0, 0, 0, 0}} / udp() / Memcached{} /
                      Text{kText})),
            Counters{});
}

TEST_F(FillPacketTest, VlanTagInTheFrame) {
  arrive("key");
  EXPECT_EQ(run(frame(Ethernet{} / Vlan{} / ipv4() / udp() / Memcached{} / Text{kText})), one(CACHE_FILL_OK));
  arrive("key", {.server = 1, .client = "2001:db8::10"});
  EXPECT_EQ(run(frame(Ethernet{} / Vlan{.protocol = 0x88a8} / ipv6() / udp() / Memcached{} / Text{kText})),
            one(CACHE_FILL_OK));
}

TEST_F(FillPacketTest, TwoVlanTagsAreNobodys) {
  arrive("key");
  EXPECT_EQ(run(frame(Ethernet{} / Vlan{} / Vlan{} / ipv4() / udp() / Memcached{} / Text{kText})),
            Counters{});
}

TEST_F(FillPacketTest, OtherPacketsAreNobodys) {
  arrive("key");
  auto tcp = ipv4();
  tcp.protocol = 6;
  EXPECT_EQ(run(frame(Ethernet{} / tcp / udp() / Memcached{} / Text{kText})), Counters{});
  EXPECT_EQ(run(frame(Ethernet{.type = 0x0806} / Text{std::string(60, 'a')})), Counters{});
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / UDP{.from = 53, .to = kClientPort} / Memcached{} / Text{kText})),
            Counters{});
  EXPECT_EQ(run(frame(Ethernet{} / IPv4{.from = "192.0.2.2", .to = "192.0.2.10"} / udp() / Memcached{} /
                      Text{kText})),
            Counters{});
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / Text{"short"})), Counters{});
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Memcached{} / Text{kText})), one(CACHE_FILL_OK));
}

// The lease of a served request must not be lost to a datagram that is not its whole reply.
TEST_F(FillPacketTest, FragmentsAreNotWholeReplies) {
  arrive("key");
  auto first = ipv4();
  first.fragment = 0x2000;
  const auto text = kText + std::string(100, 'x');
  EXPECT_EQ(run(frame(Ethernet{} / first / UDP{.from = kServerPort, .to = kClientPort, .length = 900} /
                      Memcached{} / Text{text})),
            one(CACHE_FILL_SHAPE));
  auto later = ipv4();
  later.fragment = 100;
  EXPECT_EQ(run(frame(Ethernet{} / later / udp() / Memcached{} / Text{kText})), Counters{});
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Memcached{} / Text{kText})), one(CACHE_FILL_OK));
}

TEST_F(FillPacketTest, LengthsMustAgree) {
  arrive("key");
  for (const int wrong : {-1, 1}) {
    auto header = udp();
    header.length = static_cast<std::uint16_t>(16 + static_cast<int>(kText.size()) + wrong);
    EXPECT_EQ(run(frame(Ethernet{} / ipv4() / header / Memcached{} / Text{kText})), one(CACHE_FILL_SHAPE));
  }
  auto ip = ipv6();
  ip.payload_length = static_cast<std::uint16_t>(17 + kText.size());
  EXPECT_EQ(run(frame(Ethernet{} / ip / udp() / Memcached{} / Text{kText})), one(CACHE_FILL_SHAPE));
  // No frame header at all.
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Text{"END\r\n"})), one(CACHE_FILL_SHAPE));
  // Both headers promise more than the packet has.
  auto longer = ipv4();
  longer.total_length = 600;
  EXPECT_EQ(run(frame(Ethernet{} / longer / UDP{.from = kServerPort, .to = kClientPort, .length = 580} /
                      Memcached{} / Text{kText})),
            one(CACHE_FILL_SHAPE));
}

TEST_F(FillPacketTest, FrameHeaderMustSayZeroOfOne) {
  arrive("key");
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Memcached{.sequence = 1} / Text{kText})),
            one(CACHE_FILL_SHAPE));
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Memcached{.total = 2} / Text{kText})),
            one(CACHE_FILL_SHAPE));
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Memcached{.total = 0} / Text{kText})),
            one(CACHE_FILL_SHAPE));
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Memcached{} / Text{kText})), one(CACHE_FILL_OK));
}

TEST_F(FillPacketTest, SeveralDatagramsInOnePacket) {
  arrive("key");
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Memcached{} / Text{kText}), 100), one(CACHE_FILL_SHAPE));
}

TEST_F(FillPacketTest, ThePortMustBeTheAddressOwn) {
  store().serve(2, "192.0.2.7", 11311);
  arrive("key");
  EXPECT_EQ(
      run(frame(Ethernet{} / ipv4() / UDP{.from = 11311, .to = kClientPort} / Memcached{} / Text{kText})),
      Counters{});
  arrive("key", {.server = 2});
  EXPECT_EQ(run(frame(Ethernet{} / IPv4{.from = "192.0.2.7", .to = "192.0.2.10"} /
                      UDP{.from = 11311, .to = kClientPort} / Memcached{} / Text{kText})),
            one(CACHE_FILL_OK));
  EXPECT_EQ(store().entries("key", 2).size(), 1u);
}

TEST_F(FillPacketTest, EmptyControlWordMeansNothingIsServed) {
  arrive("key");
  store().control() = {};
  EXPECT_EQ(run(frame(Ethernet{} / ipv4() / udp() / Memcached{} / Text{kText})), Counters{});
}

}  // namespace
}  // namespace bmc::test

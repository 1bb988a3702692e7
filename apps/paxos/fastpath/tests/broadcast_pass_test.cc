// SPDX-License-Identifier: Apache-2.0
// Which packets the broadcast program leaves alone, and which it turns away instead of copying. Each beside
// the packet that it does copy.
#include <gtest/gtest.h>

#include "apps/paxos/fastpath/tests/broadcast_fixture.h"

namespace bmc::paxos::fastpath {
namespace {

const std::string kPayload = "a message to all";

class BroadcastPassTest : public BroadcastTest {
 protected:
  void SetUp() override {
    BroadcastTest::SetUp();
    for (const unsigned i : {0u, 1u}) add_peer(i);
  }

  // The packet that differs in nothing is copied.
  void expect_twin_copied() {
    const auto outcome = run(asking(kPayload, 3), kMark);
    EXPECT_EQ(outcome.counted, (Counted{{BROADCAST_DONE, 1}, {BROADCAST_COPY_SENT, 2}}));
    EXPECT_EQ(outcome.undelivered, 0);
  }
  void expect_passed(const Bytes& packet, std::uint32_t mark, const Counted& counted) {
    const auto outcome = run(packet, mark);
    expect_untouched(outcome, packet, mark);
    EXPECT_EQ(outcome.counted, counted);
    expect_twin_copied();
  }
  void expect_refused(const Bytes& packet, broadcast_counter counter, std::uint32_t gso_size = 0) {
    const auto outcome = run(packet, kMark, gso_size);
    EXPECT_EQ(outcome.verdict, static_cast<std::uint32_t>(TC_ACT_SHOT));
    EXPECT_EQ(outcome.counted, (Counted{{counter, 1}}));
    EXPECT_EQ(outcome.undelivered, 3);
    EXPECT_TRUE(outcome.copies.empty());
    expect_twin_copied();
  }
};

TEST_F(BroadcastPassTest, WithoutItsMark) {
  const auto packet = asking(kPayload, 3);
  for (const std::uint32_t mark :
       {0u, 1u, 0xb4030000u, 0xb6030000u, 0x35030000u, 0xb5030001u, 0xb5038000u, 0xffffffffu})
    expect_passed(packet, mark, {});
}

TEST_F(BroadcastPassTest, OfADisabledGroup) {
  const auto packet = asking(kPayload, 3);
  for (const std::uint32_t slot : {kGroup - 1, kGroup + 1, BROADCAST_GROUPS_MAX, 255u})
    expect_passed(packet, broadcast_mark(slot), {{BROADCAST_PASS_DISABLED, 1}});
  for (const std::uint32_t version : {0u, BROADCAST_ABI_VERSION + 1}) {
    group_.version = version;
    write_group();
    const auto outcome = run(packet, kMark);
    expect_untouched(outcome, packet, kMark);
    EXPECT_EQ(outcome.counted, (Counted{{BROADCAST_PASS_DISABLED, 1}}));
  }
}

TEST_F(BroadcastPassTest, ToSomebodyElse) {
  const Counted counted{{BROADCAST_PASS_NOT_GROUP, 1}};
  for (const char* address : {"239.111.0.3", "239.113.0.3", "224.112.0.3", "10.97.0.10"}) {
    auto header = ipv4();
    header.to = address;
    expect_passed(frame(ethernet() / header / udp() / Text{kPayload}), kMark, counted);
  }
  for (const char* address : {"ff05::7079:3", "ff05::1:7078:3", "ff05:1::7078:3", "ff02::7078:3"}) {
    auto header = ipv6();
    header.to = address;
    expect_passed(frame(ethernet() / header / udp() / Text{kPayload}), kMark, counted);
  }
}

TEST_F(BroadcastPassTest, OtherProtocols) {
  const Counted counted{{BROADCAST_PASS_NOT_GROUP, 1}};
  auto tcp = ipv4();
  tcp.protocol = 6;
  expect_passed(frame(ethernet() / tcp / udp() / Text{kPayload}), kMark, counted);
  auto extended = ipv6();
  extended.next_header = 0;
  expect_passed(
      frame(ethernet() / extended / Text{std::string{17, 0, 1, 4, 0, 0, 0, 0}} / udp() / Text{kPayload}),
      kMark, counted);
  expect_passed(frame(Ethernet{.type = 0x0806} / Text{std::string(60, 'a')}), kMark, counted);
  expect_passed(frame(ethernet() / Vlan{} / ipv4() / udp() / Text{kPayload}), kMark, counted);
  expect_passed(frame(ethernet() / ipv4() / Text{"cut off"}), kMark, counted);
}

TEST_F(BroadcastPassTest, FromAnotherPort) {
  for (const int port : {kReplicaPort - 1, kReplicaPort + 1}) {
    auto header = udp();
    header.from = static_cast<std::uint16_t>(port);
    expect_passed(frame(ethernet() / ipv4() / header / Text{kPayload}), kMark, {{BROADCAST_PASS_FOREIGN, 1}});
  }
}

TEST_F(BroadcastPassTest, RefusesFragments) {
  for (const int fragment : {0x2000, 0x0001, 0x3fff}) {
    auto header = ipv4();
    header.fragment = static_cast<std::uint16_t>(fragment);
    expect_refused(frame(ethernet() / header / udp() / Text{kPayload}), BROADCAST_REFUSED_SHAPE);
  }
}

TEST_F(BroadcastPassTest, RefusesIpOptions) {
  auto header = ipv4();
  header.first_byte = 0x46;
  // Where no options are, the UDP header's place: it looks like the group's datagram.
  header.options = {0x1c, 0xe8, 0x12, 0x34};
  expect_refused(frame(ethernet() / header / udp() / Text{kPayload}), BROADCAST_REFUSED_SHAPE);
}

TEST_F(BroadcastPassTest, RefusesLengthsThatDisagree) {
  const auto right = static_cast<std::uint16_t>(8 + kPayload.size());
  for (const int wrong : {-1, 1}) {
    auto inner = udp();
    inner.length = static_cast<std::uint16_t>(right + wrong);
    expect_refused(frame(ethernet() / ipv4() / inner / Text{kPayload}), BROADCAST_REFUSED_SHAPE);
    expect_refused(frame(ethernet() / ipv6() / inner / Text{kPayload}), BROADCAST_REFUSED_SHAPE);
    auto v4 = ipv4();
    v4.total_length = static_cast<std::uint16_t>(20 + right + wrong);
    expect_refused(frame(ethernet() / v4 / udp() / Text{kPayload}), BROADCAST_REFUSED_SHAPE);
    auto v6 = ipv6();
    v6.payload_length = static_cast<std::uint16_t>(right + wrong);
    expect_refused(frame(ethernet() / v6 / udp() / Text{kPayload}), BROADCAST_REFUSED_SHAPE);
  }
  expect_refused(frame(ethernet() / ipv4() / udp() / Text{kPayload} / Trailer{{0}}), BROADCAST_REFUSED_SHAPE);
}

TEST_F(BroadcastPassTest, RefusesSeveralDatagramsInOne) {
  expect_refused(asking(kPayload, 3), BROADCAST_REFUSED_GSO, 8);
}

}  // namespace
}  // namespace bmc::paxos::fastpath

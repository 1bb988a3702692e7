// SPDX-License-Identifier: Apache-2.0
// The copies, byte for byte: addresses, ports, checksums, hop limits; for sets of recipients of every size.
#include <gtest/gtest.h>

#include <random>

#include "apps/paxos/fastpath/tests/broadcast_fixture.h"

namespace bmc::paxos::fastpath {
namespace {

class BroadcastCopyTest : public BroadcastTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    BroadcastTest::SetUp();
    for (unsigned i = 0; i < BROADCAST_PEERS_MAX; ++i) add_peer(i, v6());
  }
  static bool v6() { return GetParam(); }

  // Each of the set got one copy, the last one as the packet itself, and nobody else did.
  void expect_copies(const Outcome& outcome, std::uint32_t recipients, const std::string& payload) {
    std::vector<Bytes> wanted;
    for (unsigned i = 0; i < BROADCAST_PEERS_MAX; ++i)
      if ((recipients >> i & 1) != 0) wanted.push_back(copy(i, payload, v6()));
    EXPECT_EQ(outcome.verdict, static_cast<std::uint32_t>(TC_ACT_UNSPEC));
    EXPECT_EQ(outcome.frame, wanted.back());
    wanted.pop_back();
    EXPECT_EQ(outcome.copies, wanted);
    EXPECT_EQ(outcome.undelivered, 0);
    EXPECT_EQ(outcome.mark, 0u);
  }
};

INSTANTIATE_TEST_SUITE_P(Families, BroadcastCopyTest, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(BroadcastCopyTest, EveryRecipientOnceAndNobodyElse) {
  const std::string payload = "one to many";
  for (const std::uint32_t recipients : {0x1u, 0x8000u, 0x3u, 0x15u, 0x1fdu, 0x1ffu, 0xfffeu, 0xffffu}) {
    const auto outcome = run(asking(payload, recipients, v6()), kMark);
    SCOPED_TRACE(recipients);
    expect_copies(outcome, recipients, payload);
    EXPECT_EQ(outcome.counted,
              (Counted{{BROADCAST_DONE, 1},
                       {BROADCAST_COPY_SENT, static_cast<unsigned>(std::popcount(recipients))}}));
  }
}

TEST_P(BroadcastCopyTest, ToNobody) {
  const auto outcome = run(asking("x", 0, v6()), kMark);
  EXPECT_EQ(outcome.verdict, static_cast<std::uint32_t>(TC_ACT_SHOT));
  EXPECT_EQ(outcome.undelivered, 0);
}

// Checksums near their wrap included: two bytes of the payload take every value.
TEST_P(BroadcastCopyTest, ChecksumsAreRightForEveryPayload) {
  std::mt19937 random(1);
  for (unsigned i = 0; i < 1000; ++i) {
    std::string payload(2 + random() % 60, '\0');
    for (char& byte : payload) byte = static_cast<char>(random());
    expect_copies(run(asking(payload, 0x12, v6()), kMark), 0x12, payload);
    if (HasFailure()) return;
  }
}

TEST_P(BroadcastCopyTest, AChecksumOfZeroIsWrittenAsOnes) {
  // The payload that makes the first copy's sum come out as zero is one of these.
  bool found = false;
  const std::size_t at = v6() ? 14 + 40 + 6 : 14 + 20 + 6;
  for (unsigned value = 0; value < 0x10000 && !found; ++value) {
    const std::string payload{static_cast<char>(value >> 8), static_cast<char>(value)};
    const Bytes wanted = copy(1, payload, v6());
    if (wanted[at] != 0xff || wanted[at + 1] != 0xff) continue;
    found = true;
    expect_copies(run(asking(payload, 0x12, v6()), kMark), 0x12, payload);
  }
  EXPECT_TRUE(found);
}

TEST_P(BroadcastCopyTest, LargestDatagram) {
  const std::string payload(v6() ? 1452 : 1472, 'm');
  expect_copies(run(asking(payload, 0x1ff, v6()), kMark), 0x1ff, payload);
}

TEST_P(BroadcastCopyTest, GroupsDoNotMix) {
  const broadcast_group first = group_;
  group_ = {};
  group_.version = BROADCAST_ABI_VERSION;
  group_.source_port_be = htons(kReplicaPort + 1);
  write_group(kGroup + 1);
  auto header = udp();
  header.from = kReplicaPort + 1;
  const auto packet = v6() ? frame(ethernet() / ipv6() / header / Text{"x"})
                           : frame(ethernet() / ipv4() / header / Text{"x"});
  const std::uint64_t before = report(kGroup);
  const auto other = run(packet, broadcast_mark(kGroup + 1));
  EXPECT_EQ(other.undelivered, 3) << "the other group has no peers";
  EXPECT_EQ(report(kGroup), before);
  group_.version = 0;
  write_group(kGroup + 1);
  group_ = first;
  expect_copies(run(asking("y", 3, v6()), kMark), 3, "y");
}

TEST_P(BroadcastCopyTest, ReportsCount) {
  const auto before = broadcast_report_count(report(kGroup));
  run(asking("x", 3, v6()), kMark);
  run(asking("x", 3, v6()), kMark);
  EXPECT_EQ(broadcast_report_count(report(kGroup)), before + 2);
}

// IPv4 alone knows datagrams without a checksum.
TEST_F(BroadcastTest, NoChecksumStaysNone) {
  for (const unsigned i : {0u, 1u}) add_peer(i);
  auto header = udp();
  header.checksum = 0;
  const auto outcome = run(frame(ethernet() / ipv4() / header / Text{"x"}), kMark);
  auto to = ipv4();
  to.to = peer_ip(1, false), to.ttl = 64;
  EXPECT_EQ(outcome.frame, frame(Ethernet{.to = peer_mac(1), .from = kOwnMac} / to /
                                 UDP{.from = kReplicaPort, .to = peer_port(1), .checksum = 0} / Text{"x"}));
}

}  // namespace
}  // namespace bmc::paxos::fastpath

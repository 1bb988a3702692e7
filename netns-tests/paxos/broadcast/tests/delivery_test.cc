// SPDX-License-Identifier: Apache-2.0
// One sendto() and nine receivers: who gets what, with checksums complete or left to the interface. Run by
// ctest, label netns.
#include "netns-tests/lib/frame.h"
#include "netns-tests/paxos/broadcast/tests/broadcast_fixture.h"

namespace bmc::broadcast {
namespace {

struct Variant {
  bool v6, sender_offload;
};

class DeliveryTest : public BroadcastNetnsTest, public testing::WithParamInterface<Variant> {
 protected:
  void SetUp() override { set_up({GetParam().v6, {.sender_offload = GetParam().sender_offload}}); }
};

INSTANTIATE_TEST_SUITE_P(Variants, DeliveryTest,
                         testing::Values(Variant{false, true}, Variant{false, false}, Variant{true, true},
                                         Variant{true, false}),
                         [](const auto& variant) {
                           return std::string(variant.param.v6 ? "IPv6" : "IPv4") +
                                  (variant.param.sender_offload ? "PartialChecksums" : "FullChecksums");
                         });

TEST_P(DeliveryTest, ExactlyTheMarkedGetOneCopyEach) {
  get_to_know();
  for (const ReplicaSet to : std::initializer_list<ReplicaSet>{0x1ff, 0x155, 0x003, 0x100, 0x0fe}) {
    const std::string payload = "to " + std::to_string(to);
    EXPECT_EQ(ask(payload, to), 0);
    expect_heard_once(to, payload);
  }
}

TEST_P(DeliveryTest, EverySizeUpToTheMtu) {
  get_to_know();
  const std::size_t largest = 1500 - 8 - (v6_ ? 40 : 20);
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{2}, std::size_t{79}, std::size_t{512}, largest - 1, largest}) {
    std::string payload(size, '\0');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 7 + size);
    EXPECT_EQ(ask(payload, everyone()), 0);
    expect_heard_once(everyone(), payload);
  }
}

// Larger ones leave as fragments, or are refused: nobody gets a piece of one.
TEST_P(DeliveryTest, TooLargeForOnePacket) {
  get_to_know();
  const std::string payload(1500 - 8 - (v6_ ? 40 : 20) + 1, 'x');
  const auto undelivered = ask(payload, everyone());
  if (undelivered) {
    EXPECT_EQ(*undelivered, everyone());
  }
  expect_heard_once(0, payload);
  send_ordinarily(payload, everyone());
  expect_heard_once(everyone(), payload);
}

TEST_P(DeliveryTest, UnmarkedDatagramsAreLeftAlone) {
  get_to_know();
  const auto before = program_->counter(BROADCAST_COPY_SENT);
  const std::uint32_t none = 0;
  lab::checked(setsockopt(socket_.get(), SOL_SOCKET, SO_MARK, &none, sizeof(none)), "unmark");
  send_to(socket_.get(), "x", {group_ip(everyone()), 9});
  expect_heard_once(0, "x");
  EXPECT_EQ(program_->counter(BROADCAST_COPY_SENT), before);
}

// That receivers would notice a wrong checksum: else the tests above say nothing of them.
TEST_P(DeliveryTest, ReceiversVerifyChecksums) {
  get_to_know();
  lab::FrameAddress address;
  address.source_mac = "02:bc:00:97:00:01", address.destination_mac = lab_->mac(0);
  address.source = lab_->sender_address(v6_), address.destination = lab_->address(0, v6_);
  const lab::ScopedNetns inside(lab_->sender());
  const lab::Fd raw = lab::open_packet_socket("eth0", 1 << 16);
  for (const bool bad : {true, false}) {
    const auto frame = lab::udp_frame(address, bad ? "bad" : "good", bad);
    lab::checked(send(raw.get(), frame.data(), frame.size(), 0), "send a frame");
  }
  expect_heard(0, "good");
}

TEST_P(DeliveryTest, TwoReplicasOfOneHost) {
  get_to_know();
  const auto other_port = static_cast<std::uint16_t>(kPort + 1);
  const lab::Fd other = bound_socket(lab_->sender(), lab_->sender_address(v6_, other_port));
  std::vector<lab::Fd> heard_by;
  for (std::size_t i = 0; i < lab_->receivers(); ++i)
    heard_by.push_back(bound_socket(lab_->receiver(i), lab_->address(i, v6_, other_port)));
  const Broadcast second = open(other.get(), kGroup + 1, other_port);
  EXPECT_EQ(ask(other.get(), kGroup + 1, "of the second", 0x007), 0);
  EXPECT_EQ(ask("of the first", 0x1c0), 0);
  for (const std::size_t i : {0u, 1u, 2u}) {
    const auto heard = hear(heard_by[i].get());
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->bytes, "of the second");
    EXPECT_EQ(heard->from.port, other_port);
  }
  expect_heard_once(0x1c0, "of the first");
  // The mark of one on the socket of the other.
  EXPECT_EQ(ask(socket_.get(), kGroup + 1, "of whom?", 0x1ff), std::nullopt);
  expect_heard_once(0, "of whom?");
  for (const lab::Fd& socket : heard_by) EXPECT_FALSE(hear(socket.get(), lab::Deadline::in_ms(0)));
}

// One receiver hangs at another interface, by a veth of its own on this host; it is the last, and in the
// middle.
class DirectTest : public BroadcastNetnsTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override { set_up({GetParam(), {.receivers = 3, .last_is_direct = true}}); }
};

INSTANTIATE_TEST_SUITE_P(Families, DirectTest, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(DirectTest, ReceiversBehindTwoInterfaces) {
  get_to_know();
  for (const ReplicaSet to : std::initializer_list<ReplicaSet>{7, 3, 4, 5}) {
    const std::string payload = "to " + std::to_string(to);
    EXPECT_EQ(ask(payload, to), 0);
    expect_heard_once(to, payload);
  }
  // The program at both: copies come by there without a mark.
  attach("direct");
  EXPECT_EQ(ask("both", 7), 0);
  expect_heard_once(7, "both");
}

}  // namespace
}  // namespace bmc::broadcast

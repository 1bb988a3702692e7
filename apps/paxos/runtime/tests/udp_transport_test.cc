// SPDX-License-Identifier: Apache-2.0
// Messages over real sockets of the loopback device: small, large, too large for the path, hostile.
#include "apps/paxos/runtime/udp_transport.h"

#include <gtest/gtest.h>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/runtime/tests/loop.h"

namespace bmc::paxos::runtime {
namespace {

constexpr std::uint64_t kCluster = 7;

std::shared_ptr<const std::string> encoded(std::size_t bytes) {
  Message message;
  message.type = MessageType::kRequest;
  message.body = std::make_shared<const std::string>(bytes - PAXOS_HEADER_BYTES, 'b');
  return std::make_shared<const std::string>(encode(message, kCluster, kEpoch));
}

// One end: keeps what it received.
struct End {
  explicit End(Loop& loop, UdpConfig config = {}, const std::string& address = "127.0.0.1") {
    config.bind = Endpoint(boost::asio::ip::make_address(address), 0);
    config.cluster_id = kCluster;
    config.message_bytes_max = 2u << 20;
    config.reassembly_bytes_max = 4u << 20;
    config.socket_buffer_bytes = 1u << 20;
    UdpHandlers handlers;
    handlers.message = [this](const Endpoint& from, std::string_view bytes) {
      received.emplace_back(bytes);
      last_from = from;
    };
    handlers.may_fragment = [this](const Endpoint&, std::uint8_t) { return takes_fragments; };
    handlers.done = [this] { bursts++; };
    const std::lock_guard lock(monitor->mutex);
    auto opened = UdpTransport::open(loop.executor(), monitor, config, std::move(handlers));
    EXPECT_TRUE(opened);
    transport = *std::move(opened);
  }
  ~End() {
    const std::lock_guard lock(monitor->mutex);
    monitor->closed = true;
    transport.reset();
  }
  Endpoint endpoint() const { return transport->local_endpoint(); }
  void send(const End& to, const std::shared_ptr<const std::string>& message) {
    const std::lock_guard lock(monitor->mutex);
    transport->send(to.endpoint(), message);
    transport->flush();
  }

  std::shared_ptr<Monitor> monitor = std::make_shared<Monitor>();
  std::vector<std::string> received;
  Endpoint last_from;
  std::size_t bursts = 0;
  bool takes_fragments = true;
  std::unique_ptr<UdpTransport> transport;
};

TEST(UdpTransportTest, OneDatagramWhereItFits) {
  Loop loop;
  End one(loop), two(loop);
  const auto message = encoded(1452);
  one.send(two, message);
  ASSERT_TRUE(loop.run_until([&] { return !two.received.empty(); }));
  EXPECT_EQ(two.received[0], *message);
  EXPECT_EQ(two.last_from, one.endpoint());
  EXPECT_EQ(two.bursts, 1u);
  EXPECT_EQ(one.transport->counters().sent, 1u);
  EXPECT_EQ(two.transport->counters().received, 1u);
}

TEST(UdpTransportTest, BundledMessagesShareDatagrams) {
  Loop loop;
  End one(loop), two(loop), three(loop);
  std::vector<std::string> sent;
  {
    const std::lock_guard lock(one.monitor->mutex);
    for (std::size_t i = 0; i < 20; i++) {
      const auto message = encoded(100 + i);
      sent.push_back(*message);
      one.transport->send_bundled(two.endpoint(), message);
      one.transport->send_bundled(three.endpoint(), message);
    }
    one.transport->flush();
  }
  ASSERT_TRUE(loop.run_until([&] { return two.received.size() == 20 && three.received.size() == 20; }));
  EXPECT_EQ(two.received, sent);
  EXPECT_EQ(three.received, sent);
  EXPECT_EQ(two.transport->counters().received, 2u) << "13 of about 110 bytes fit into 1452";
}

TEST(UdpTransportTest, WhatFillsADatagramIsNotBundled) {
  Loop loop;
  End one(loop), two(loop);
  {
    const std::lock_guard lock(one.monitor->mutex);
    one.transport->send_bundled(two.endpoint(), encoded(1452 - 99));
    one.transport->send_bundled(two.endpoint(), encoded(100));
    one.transport->send_bundled(two.endpoint(), encoded(2000));
    one.transport->flush();
  }
  ASSERT_TRUE(loop.run_until([&] { return two.received.size() == 3; }));
  EXPECT_EQ(one.transport->counters().sent, 4u) << "two whole messages, and one in two fragments";
}

// The length that a header claims may be a lie: then all of the rest is one thing, for the codec to refuse.
TEST(UdpTransportTest, ABundleEndsWhereItsLastHeaderLies) {
  Loop loop;
  End one(loop), two(loop);
  std::string datagram = *encoded(100) + *encoded(100);
  datagram[100 + offsetof(paxos_header, body_len)] = '\x7f';
  one.send(two, std::make_shared<const std::string>(datagram + "xyz"));
  ASSERT_TRUE(loop.run_until([&] { return two.received.size() == 2; }));
  EXPECT_EQ(two.received[0], *encoded(100));
  EXPECT_EQ(two.received[1], datagram.substr(100) + "xyz");
}

// It looks again without being told, and for a while only: afterwards it sleeps, and is woken as before.
TEST(UdpTransportTest, PollsAndThenSleeps) {
  Loop loop;
  UdpConfig config;
  config.busy_poll_us = 2000;
  End one(loop), two(loop, config);
  for (std::size_t i = 1; i <= 3; i++) {
    one.send(two, encoded(100));
    ASSERT_TRUE(loop.run_until([&] { return two.received.size() == i; }));
    ASSERT_TRUE(loop.run_until([&] { return !two.transport->is_polling(); }));
  }
}

TEST(UdpTransportTest, FragmentsWhereItDoesNot) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    Loop loop;
    End one(loop, {}, address), two(loop, {}, address);
    const auto larger = encoded(1453);
    const auto largest = encoded(fragmented_bytes_max(1452));
    one.send(two, larger);
    one.send(two, largest);
    ASSERT_TRUE(loop.run_until([&] { return two.received.size() == 2; })) << address;
    EXPECT_EQ(two.received[0], *larger);
    EXPECT_EQ(two.received[1], *largest);
    EXPECT_EQ(one.transport->counters().sent, 2u + kFragmentsMax);
  }
}

TEST(UdpTransportTest, WhatStillWaitsIsNotSentTwice) {
  Loop loop;
  End one(loop), two(loop);
  const auto message = encoded(200'000);
  for (int i = 0; i < 5; i++) one.send(two, message);
  const std::size_t count = fragment_count(message->size(), 1452);
  ASSERT_TRUE(loop.run_until([&] { return one.transport->counters().sent >= count; }));
  ASSERT_TRUE(loop.run_until([&] { return two.received.size() == 1; }));
  one.send(two, encoded(100));
  ASSERT_TRUE(loop.run_until([&] { return two.received.size() == 2; }));
  EXPECT_EQ(two.transport->counters().received, count + 1);
}

TEST(UdpTransportTest, WhatFragmentsCannotCarryIsDropped) {
  Loop loop;
  End one(loop), two(loop);
  one.send(two, encoded(fragmented_bytes_max(1452) + 1));
  EXPECT_EQ(one.transport->counters().send_dropped, 1u);
  one.send(two, encoded(100));
  ASSERT_TRUE(loop.run_until([&] { return !two.received.empty(); }));
  EXPECT_EQ(two.received[0].size(), 100u);
}

TEST(UdpTransportTest, APathThatTakesLessGetsLess) {
  Loop loop;
  UdpConfig config;
  config.datagram_bytes_max = 65507;  // of IPv4; over IPv6 the loopback device takes 65488
  End one(loop, config, "::1"), two(loop, config, "::1");
  const auto message = encoded(65500);
  one.send(two, message);
  ASSERT_TRUE(loop.run_until([&] { return !two.received.empty(); }));
  EXPECT_EQ(two.received[0], *message);
  EXPECT_EQ(one.transport->datagram_bytes_max(), 1232u);
}

TEST(UdpTransportTest, ManyMessagesInFewBursts) {
  Loop loop;
  End one(loop), two(loop);
  const auto message = encoded(200);
  {
    const std::lock_guard lock(one.monitor->mutex);
    for (int i = 0; i < 100; i++) one.transport->send(two.endpoint(), message);
    one.transport->flush();
  }
  ASSERT_TRUE(loop.run_until([&] { return two.received.size() == 100; }));
  EXPECT_LT(two.bursts, 10u);
}

TEST(UdpTransportTest, FragmentsOfStrangersAreRefused) {
  Loop loop;
  End one(loop), two(loop);
  two.takes_fragments = false;
  one.send(two, encoded(3000));
  ASSERT_TRUE(loop.run_until([&] { return two.transport->counters().fragments_refused == 3; }));
  EXPECT_TRUE(two.received.empty());
}

TEST(UdpTransportTest, FragmentsOfAnotherClusterAreRefused) {
  Loop loop;
  End one(loop), two(loop);
  Message message;
  message.type = MessageType::kRequest;
  message.body = std::make_shared<const std::string>(2000, 'b');
  one.send(two, std::make_shared<const std::string>(encode(message, kCluster + 1, kEpoch)));
  ASSERT_TRUE(loop.run_until([&] { return two.transport->counters().fragments_refused == 2; }));
  EXPECT_TRUE(two.received.empty());
}

TEST(UdpTransportTest, AnythingElseIsForTheDecoder) {
  Loop loop;
  End one(loop), two(loop);
  one.send(two, std::make_shared<const std::string>(""));
  one.send(two, std::make_shared<const std::string>("noise"));
  ASSERT_TRUE(loop.run_until([&] { return two.received.size() == 2; }));
  EXPECT_EQ(two.received[1], "noise");
}

TEST(UdpTransportTest, AnAddressThatIsTakenIsAnError) {
  Loop loop;
  End one(loop);
  UdpConfig config;
  config.bind = one.endpoint();
  const auto second = UdpTransport::open(loop.executor(), std::make_shared<Monitor>(), config, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::io);
  EXPECT_NE(second.error().what.find(format_endpoint(one.endpoint())), std::string::npos);
}

}  // namespace
}  // namespace bmc::paxos::runtime

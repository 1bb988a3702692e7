// SPDX-License-Identifier: Apache-2.0
// Messages between replicas over TCP: whole, in order, only from replicas, and never more than the limits.
#include "apps/paxos/runtime/bulk_transport.h"

#include <gtest/gtest.h>

#include <boost/asio/write.hpp>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/runtime/tests/loop.h"

namespace bmc::paxos::runtime {
namespace {

using boost::asio::ip::tcp;

constexpr std::uint64_t kCluster = 7;
constexpr std::size_t kMessageBytesMax = 4u << 20;

std::shared_ptr<const std::string> encoded(std::size_t bytes, ReplicaIndex sender = 0) {
  Message message;
  message.type = MessageType::kNewState;
  message.sender = sender;
  message.body = std::make_shared<const std::string>(bytes - PAXOS_HEADER_BYTES, 'b');
  return std::make_shared<const std::string>(encode(message, kCluster, kEpoch));
}

struct End {
  End(Loop& loop, const Peers& peers, ReplicaIndex index, std::size_t queue_bytes_max = 64u << 20) {
    BulkConfig config;
    config.listen = peers[index];
    config.cluster_id = kCluster;
    config.epoch = kEpoch;
    config.message_bytes_max = kMessageBytesMax;
    config.queue_bytes_max = queue_bytes_max;
    BulkHandlers handlers;
    handlers.message = [this](const boost::asio::ip::address& from, std::string_view bytes) {
      received.emplace_back(bytes);
      last_from = from;
      return believes;
    };
    handlers.done = [this] { bursts++; };
    const std::lock_guard lock(monitor->mutex);
    auto opened = BulkTransport::open(loop.executor(), monitor, config, peers, std::move(handlers));
    EXPECT_TRUE(opened);
    transport = *std::move(opened);
  }
  ~End() {
    const std::lock_guard lock(monitor->mutex);
    monitor->closed = true;
    transport.reset();
  }
  void send(ReplicaIndex to, const std::shared_ptr<const std::string>& message) {
    const std::lock_guard lock(monitor->mutex);
    transport->send(to, message);
  }
  const BulkCounters& counters() const { return transport->counters(); }

  std::shared_ptr<Monitor> monitor = std::make_shared<Monitor>();
  std::vector<std::string> received;
  boost::asio::ip::address last_from;
  std::size_t bursts = 0;
  bool believes = true;
  std::unique_ptr<BulkTransport> transport;
};

class BulkTransportTest : public testing::Test {
 protected:
  // A connection by hand, from an address of choice.
  tcp::socket connect(const Endpoint& to, const char* from = "127.0.0.1") {
    tcp::socket socket(loop_.context(), tcp::endpoint(boost::asio::ip::make_address(from), 0));
    socket.connect(tcp::endpoint(to.address(), to.port()));
    return socket;
  }
  // Whether the other end hangs up.
  bool is_hung_up(tcp::socket& socket) {
    bool over = false;
    char byte = 0;
    socket.async_read_some(boost::asio::buffer(&byte, 1),
                           [&](const boost::system::error_code& error, std::size_t) { over = !!error; });
    return loop_.run_until([&] { return over; });
  }

  Loop loop_;
  Peers peers_{{free_endpoint(), free_endpoint(), free_endpoint()}};
};

TEST_F(BulkTransportTest, WholeMessagesInOrder) {
  End zero(loop_, peers_, 0), one(loop_, peers_, 1);
  std::vector<std::shared_ptr<const std::string>> sent;
  for (const std::size_t bytes : {80u, 81u, 3'000'000u, 100u, 1'000'000u, 4u << 20}) {
    sent.push_back(encoded(bytes));
    zero.send(1, sent.back());
  }
  ASSERT_TRUE(loop_.run_until([&] { return one.received.size() == sent.size(); }));
  for (std::size_t i = 0; i < sent.size(); i++) EXPECT_EQ(one.received[i], *sent[i]) << i;
  EXPECT_EQ(one.last_from, peers_[0].address());
  EXPECT_GT(one.bursts, 0u);
  EXPECT_EQ(zero.counters().sent, sent.size());
  EXPECT_EQ(one.counters().received, sent.size());
}

TEST_F(BulkTransportTest, WhoIsNotThereGetsNothingUntilHeIs) {
  End zero(loop_, peers_, 0);
  zero.send(1, encoded(100));
  ASSERT_TRUE(loop_.run_until([&] { return zero.counters().send_dropped == 1; }));
  End one(loop_, peers_, 1);
  ASSERT_TRUE(loop_.run_until([&] {
    if (one.received.empty()) zero.send(1, encoded(200));
    return !one.received.empty();
  }));
  EXPECT_EQ(one.received[0].size(), 200u);
}

TEST_F(BulkTransportTest, ConnectsAgainAfterTheOtherEndRestarted) {
  End zero(loop_, peers_, 0);
  for (int round = 0; round < 3; round++) {
    End one(loop_, peers_, 1);
    ASSERT_TRUE(loop_.run_until([&] {
      if (one.received.empty()) zero.send(1, encoded(100));
      return !one.received.empty();
    })) << round;
  }
}

TEST_F(BulkTransportTest, TheQueueIsBounded) {
  End zero(loop_, peers_, 0, 1000);
  End one(loop_, peers_, 1);
  zero.send(1, encoded(600));
  zero.send(1, encoded(500));
  EXPECT_EQ(zero.counters().send_dropped, 1u);
  zero.send(1, encoded(400));
  ASSERT_TRUE(loop_.run_until([&] { return one.received.size() == 2; }));
  EXPECT_EQ(one.received[1].size(), 400u);
}

TEST_F(BulkTransportTest, OnlyAddressesOfReplicasAreListenedTo) {
  End zero(loop_, peers_, 0);
  tcp::socket stranger = connect(peers_[0], "127.0.0.2");
  EXPECT_TRUE(is_hung_up(stranger));
  EXPECT_EQ(zero.counters().connections_refused, 1u);

  tcp::socket replica = connect(peers_[0]);
  boost::asio::write(replica, boost::asio::buffer(*encoded(100, 1)));
  ASSERT_TRUE(loop_.run_until([&] { return zero.received.size() == 1; }));
}

TEST_F(BulkTransportTest, NoiseIsHungUpOn) {
  End zero(loop_, peers_, 0);
  std::string another_cluster = *encoded(100);
  another_cluster[8] = 1;
  std::string too_large = *encoded(kMessageBytesMax + 1);
  for (const std::string& bytes : {std::string(200, 'x'), another_cluster, too_large}) {
    const auto before = zero.counters().connections_malformed;
    tcp::socket socket = connect(peers_[0]);
    boost::system::error_code ignored;  // hung up on before all was written
    socket.non_blocking(true);
    socket.write_some(boost::asio::buffer(bytes), ignored);
    EXPECT_TRUE(is_hung_up(socket));
    EXPECT_EQ(zero.counters().connections_malformed, before + 1);
  }
  EXPECT_TRUE(zero.received.empty());
}

TEST_F(BulkTransportTest, WhoIsNotBelievedIsHungUpOn) {
  End zero(loop_, peers_, 0);
  zero.believes = false;
  tcp::socket socket = connect(peers_[0]);
  boost::asio::write(socket, boost::asio::buffer(*encoded(100, 1)));
  EXPECT_TRUE(is_hung_up(socket));
  EXPECT_EQ(zero.received.size(), 1u);
}

TEST_F(BulkTransportTest, TheOldestOfTooManyConnectionsGoes) {
  End zero(loop_, peers_, 0);
  tcp::socket first = connect(peers_[0]);
  std::vector<tcp::socket> others;
  for (int i = 0; i < 6; i++) others.push_back(connect(peers_[0]));
  EXPECT_TRUE(is_hung_up(first));
  boost::asio::write(others.back(), boost::asio::buffer(*encoded(100, 1)));
  ASSERT_TRUE(loop_.run_until([&] { return zero.received.size() == 1; }));
}

TEST_F(BulkTransportTest, HalfAMessageIsNoMessage) {
  End zero(loop_, peers_, 0);
  const auto message = encoded(1000, 1);
  {
    tcp::socket cut = connect(peers_[0]);
    boost::asio::write(cut, boost::asio::buffer(message->data(), 999));
  }
  tcp::socket whole = connect(peers_[0]);
  boost::asio::write(whole, boost::asio::buffer(*message));
  ASSERT_TRUE(loop_.run_until([&] { return !zero.received.empty(); }));
  EXPECT_EQ(zero.received.size(), 1u);
}

}  // namespace
}  // namespace bmc::paxos::runtime

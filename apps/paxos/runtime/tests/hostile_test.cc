// SPDX-License-Identifier: Apache-2.0
// A replica under what anybody may send: it is counted, dropped, and the service goes on.
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <random>

#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/core/codec.h"
#include "apps/paxos/runtime/fragment.h"
#include "apps/paxos/runtime/tests/loop.h"
#include "apps/paxos/runtime/tests/split.h"
#include "apps/paxos/runtime/tests/test_cluster.h"

namespace bmc::paxos::runtime {
namespace {

class HostileTest : public testing::Test {
 protected:
  HostileTest() : socket_(loop_.context(), Endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)) {
    cluster_.start_all();
    leader_ = cluster_.leader();
    to_ = parse_endpoint(cluster_.options(leader_).replicas[leader_]).value();
  }

  std::string encoded(MessageType type, std::uint8_t sender, std::string body = "b",
                      std::uint64_t cluster = 4711, std::uint32_t epoch = kEpoch) {
    Message message;
    message.type = type;
    message.sender = sender;
    message.view = 1'000'000;
    message.incarnation = 1'000'000;
    message.op = 5;
    message.body = std::make_shared<const std::string>(std::move(body));
    return encode(message, cluster, epoch);
  }
  void send(const std::string& bytes) { socket_.send_to(boost::asio::buffer(bytes), to_); }

  std::uint64_t count(std::string_view name, std::string_view label) {
    for (const Counter& each : cluster_.replica(leader_).counters()) {
      if (each.name == name && each.label == label) return each.value;
    }
    ADD_FAILURE() << "no counter " << name << " " << label;
    return 0;
  }
  // What was sent has been looked at: a request that was sent after it has been answered.
  void settle() { EXPECT_TRUE(cluster_.client()->read("")); }

  TestCluster cluster_;
  Loop loop_;
  boost::asio::ip::udp::socket socket_;
  std::size_t leader_ = 0;
  Endpoint to_;
};

TEST_F(HostileTest, EveryKindOfNoiseIsCounted) {
  std::string damaged_header = encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT);
  damaged_header[30]++;
  std::string damaged_body = encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT);
  damaged_body.back()++;
  std::string cut_off = encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT);
  cut_off.pop_back();
  const std::pair<const char*, std::string> kNoise[] = {
      {"too_short", ""},
      {"too_short", "EPX1"},
      {"too_short", encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT) + "x"},  // behind a whole message
      {"magic", std::string(200, 'x')},
      {"header_hash", damaged_header},
      {"body_crc", damaged_body},
      {"body_length", cut_off},
      {"cluster", encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT, "b", 4712)},
      {"epoch", encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT, "b", 4711, kEpoch + 1)},
      {"sender", encoded(MessageType::kPrepare, PAXOS_SENDER_CLIENT)},
      {"sender", encoded(MessageType::kPrepare, 3)},
      {"not_allowed", encoded(MessageType::kPrepare, static_cast<std::uint8_t>((leader_ + 1) % 3))},
      {"not_allowed", encoded(MessageType::kStartViewChange, static_cast<std::uint8_t>((leader_ + 2) % 3))},
      {"not_allowed", encoded(MessageType::kStartView, static_cast<std::uint8_t>(leader_))},
  };
  const auto view = cluster_.replica(leader_).status().view;
  for (const auto& [label, bytes] : kNoise) {
    const auto before = count("refused", label);
    send(bytes);
    settle();
    EXPECT_EQ(count("refused", label), before + 1) << label;
  }
  const auto ignored = count("ignored", "malformed_body");
  send(encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT, "\xff\xff\xff"));
  settle();
  EXPECT_EQ(count("ignored", "malformed_body"), ignored + 1);
  EXPECT_EQ(cluster_.replica(leader_).status().view, view);
  EXPECT_EQ(*cluster_.client()->call("one"), "1");
}

TEST_F(HostileTest, FragmentsAreOnlyTakenFromTheirSender) {
  const std::string message =
      encoded(MessageType::kPrepare, static_cast<std::uint8_t>((leader_ + 1) % 3), std::string(3000, 'b'));
  for (const std::string& fragment : split(message, 1452)) send(fragment);
  settle();
  EXPECT_EQ(count("refused", "bad_fragment"), 3u);
  EXPECT_EQ(count("refused", "not_allowed"), 0u);

  // A client may send fragments, but what they make is not a replica's message.
  auto pieces = split(message, 1452);
  for (std::string& piece : pieces) {
    paxos_header header;
    std::memcpy(&header, piece.data(), sizeof(header));
    header.sender = PAXOS_SENDER_CLIENT;
    header.hdr_hash = paxos_header_hash(&header);
    std::memcpy(piece.data(), &header, sizeof(header));
    send(piece);
  }
  settle();
  EXPECT_EQ(count("refused", "not_allowed"), 1u);
}

TEST_F(HostileTest, FragmentsThatStayAloneAreBounded) {
  const std::string fragment =
      split(encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT, std::string(250'000, 'b')), 1452)[0];
  for (std::uint64_t i = 0; i < 200; i++) {
    std::string other = fragment;
    std::memcpy(other.data() + PAXOS_HEADER_BYTES, &i, sizeof(i));  // of another message each
    send(other);
    if (i % 20 == 0) settle();  // or the socket's buffer would be full
  }
  settle();
  EXPECT_GT(count("refused", "missing_fragments"), 100u);  // 16 MiB hold 67 of them
  EXPECT_EQ(*cluster_.client()->call(std::string(100'000, 'x')), "1");
}

TEST_F(HostileTest, RandomChangesOfRealMessages) {
  std::mt19937 dice(1);
  body::Request request;
  request.set_client(99);
  request.set_kind(body::Request::REGISTER);
  const std::string original =
      encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT, request.SerializeAsString());
  for (int i = 0; i < 2000; i++) {
    std::string changed = original;
    for (std::uint32_t n = dice() % 4; n > 0; n--)
      changed[dice() % changed.size()] = static_cast<char>(dice());
    changed.resize(changed.size() - dice() % 3 * (dice() % 40));
    send(changed);
    if (i % 50 == 0) settle();
  }
  EXPECT_EQ(*cluster_.client()->call("one"), "1");
}

TEST_F(HostileTest, ClientsHaveNoBusinessOnTheStream) {
  boost::asio::ip::tcp::socket stream(loop_.context());
  stream.connect({to_.address(), to_.port()});
  boost::asio::write(stream, boost::asio::buffer(encoded(MessageType::kRequest, PAXOS_SENDER_CLIENT)));
  bool is_over = false;
  char byte = 0;
  stream.async_read_some(boost::asio::buffer(&byte, 1),
                         [&](const boost::system::error_code& error, std::size_t) { is_over = !!error; });
  EXPECT_TRUE(loop_.run_until([&] { return is_over; }));
  EXPECT_EQ(count("refused", "not_allowed"), 1u);
}

TEST_F(HostileTest, AnswersOfStrangersAreNone) {
  const auto client = cluster_.client();
  ASSERT_TRUE(client->call("one"));
  // The client's socket is not told to anybody; the replicas know it by its requests only. So what a stranger
  // can do is to be where a replica was.
  cluster_.stop((leader_ + 1) % 3);
  const Endpoint stolen = parse_endpoint(cluster_.options(0).replicas[(leader_ + 1) % 3]).value();
  boost::asio::ip::udp::socket thief(loop_.context(), stolen);
  thief.send_to(boost::asio::buffer(encoded(MessageType::kPrepare, static_cast<std::uint8_t>(leader_))), to_);
  settle();
  EXPECT_EQ(count("refused", "not_allowed"), 1u);
  EXPECT_EQ(*client->call("two"), "1");
}

}  // namespace
}  // namespace bmc::paxos::runtime

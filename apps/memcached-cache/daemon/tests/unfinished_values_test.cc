// SPDX-License-Identifier: Apache-2.0
// UnfinishedValues: what `stats conns` means, when and how often it asks, and against a real memcached that a
// worker within a value is told of, beside many connections.
#include "apps/memcached-cache/daemon/unfinished_values.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <optional>
#include <thread>

#include "apps/memcached-cache/daemon/tests/kept_questions.h"
#include "apps/memcached-cache/daemon/tests/memcached_process.h"

namespace bmc::cache::test {
namespace {

Reply told(Stats stats) { return {{}, std::move(stats)}; }

Reply two_workers(const std::string& first, const std::string& second) {
  return told({{"23:UDP", "UDP"},
               {"23:addr", "udp:0.0.0.0:11211"},
               {"23:state", first},
               {"24:UDP", "UDP"},
               {"24:state", second}});
}

// ---- What `stats conns` means -------------------------------------------------------------------

TEST(CountUnfinished, CountsThoseWithinAValue) {
  EXPECT_EQ(*count_unfinished(two_workers("conn_read", "conn_read"), 1), 0u);
  EXPECT_EQ(*count_unfinished(two_workers("conn_read", "conn_nread"), 1), 1u);
  EXPECT_EQ(*count_unfinished(two_workers("conn_nread", "conn_nread"), 2), 2u);
  EXPECT_EQ(*count_unfinished(two_workers("conn_swallow", "conn_waiting"), 2), 0u);
  EXPECT_EQ(*count_unfinished(told({}), 0), 0u) << "UDP is off";
}

TEST(CountUnfinished, WhatIsNotToldIsNotGuessed) {
  for (const Reply& reply :
       {told({}), Reply{"ERROR", {}}, told({{"23:state", "conn_read"}}), told({{"23:UDP", "UDP"}}),
        told({{"23:UDP", "UDP"}, {"24:state", "conn_read"}}), told({{"23:UDP", "UDP"}, {"23:state", ""}})}) {
    const Result<std::size_t> unfinished = count_unfinished(reply, 1);
    ASSERT_FALSE(unfinished);
    EXPECT_EQ(unfinished.error().code, EPROTO);
  }
  EXPECT_FALSE(count_unfinished(two_workers("conn_read", "conn_read"), 3)) << "fewer than there are sockets";
}

// ---- When it asks -------------------------------------------------------------------------------

class UnfinishedValuesTest : public testing::Test {
 protected:
  void ask() {
    values.ask([this] { ended++; });
  }

  std::uint64_t now_ns = 1000 * UnfinishedValues::kPauseFirstNs;
  KeptQuestions questions;
  int ended = 0;
  UnfinishedValues values{
      {[this](MemcachedSession::AnswerHandler handler) { questions.keep(std::move(handler)); },
       [] { return std::size_t{1}; }, [this] { return now_ns; }}};
};

TEST_F(UnfinishedValuesTest, OneQuestionAtATime_AndNoneIsTheEnd) {
  ask();
  ask();
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_EQ(ended, 0);
  questions.answer(two_workers("conn_read", "conn_read"));
  EXPECT_EQ(ended, 1);
  ask();
  EXPECT_EQ(questions.size(), 1u) << "the next boot's";
}

TEST_F(UnfinishedValuesTest, AnUnfinishedOneIsAskedForAgain_EverMoreSeldom) {
  for (std::uint64_t pause = UnfinishedValues::kPauseFirstNs; pause < 8 * UnfinishedValues::kPauseMostNs;
       pause *= 2) {
    ask();
    ASSERT_EQ(questions.size(), 1u);
    questions.answer(two_workers("conn_read", "conn_nread"));
    now_ns += std::min(pause, UnfinishedValues::kPauseMostNs) - 1;
    ask();
    EXPECT_TRUE(questions.empty());
    now_ns += 1;
  }
  EXPECT_EQ(ended, 0);
  ask();
  questions.answer(two_workers("conn_read", "conn_read"));
  EXPECT_EQ(ended, 1);
}

TEST_F(UnfinishedValuesTest, AnAnswerOfNoUseEndsNothing) {
  for (const Result<Answer>& useless :
       {Result<Answer>(Error{ECONNRESET, "gone"}), Result<Answer>(Answer{Reply{"ERROR", {}}, 0, 0})}) {
    ask();
    questions.answer(useless);
    EXPECT_EQ(ended, 0);
    now_ns += UnfinishedValues::kPauseMostNs;
  }
  ask();
  EXPECT_EQ(questions.size(), 1u);
}

TEST_F(UnfinishedValuesTest, WhatIsForgottenCountsNoMore) {
  ask();
  values.forget();
  ask();
  ASSERT_EQ(questions.size(), 2u) << "at once";
  questions.answer(two_workers("conn_read", "conn_read"));
  EXPECT_EQ(ended, 0) << "it was asked before the barrier of now";
  questions.answer(two_workers("conn_read", "conn_read"));
  EXPECT_EQ(ended, 1);
}

// ---- Against a real memcached -------------------------------------------------------------------

class RealWorkers : public testing::Test {
 protected:
  static constexpr std::size_t kWorkers = 4;

  void SetUp() override {
    session.start();
    ASSERT_TRUE(run_until(loop, [&] { return session.up(); }));
    const sockaddr_in address = loopback(memcached.port());
    ASSERT_EQ(::connect(udp.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  void send(const std::string& text) {
    const std::string datagram = std::string("\0\1\0\0\0\1\0\0", 8) + text;
    ASSERT_EQ(::send(udp.get(), datagram.data(), datagram.size(), 0), static_cast<ssize_t>(datagram.size()));
  }
  Reply connections() {
    std::optional<Reply> reply;
    session.connections([&](const Result<Answer>& answer) {
      ASSERT_TRUE(answer) << answer.error().what;
      reply = answer->reply;
    });
    EXPECT_TRUE(run_until(loop, [&] { return reply.has_value(); }));
    return reply.value_or(Reply());
  }
  std::size_t unfinished() {
    const Result<std::size_t> count = count_unfinished(connections(), 1);
    EXPECT_TRUE(count) << count.error().what;
    return count ? *count : 0;
  }
  // Asked again and again, each time after `before`.
  bool becomes(
      std::size_t wanted, const std::function<void()>& before = [] {}) {
    for (int left = 3000; left > 0; left--) {
      before();
      if (unfinished() == wanted) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  boost::asio::io_context loop;
  MemcachedProcess memcached{{"-t", std::to_string(kWorkers)}};
  MemcachedSession session{
      loop, memcached.endpoint(), {[] {}, [](Error error) { ADD_FAILURE() << error.what; }, {}}};
  Fd udp{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(RealWorkers, AnUnfinishedValueIsToldOf_UntilItIsStored) {
  // A set in binary: key of 1 byte, extras of 8, 509 bytes in all.
  const std::string binary =
      std::string("\x80\1\0\1\x8\0\0\0\0\0\1\xfd", 12) + std::string(20, '\0') + "kbegin";
  EXPECT_EQ(unfinished(), 0u);
  for (const std::string& text :
       {std::string("set k 0 0 500\r\nbegin"), std::string("ms k 500\r\nbegin"), binary}) {
    send(text);
    EXPECT_TRUE(becomes(1)) << text;
    // Another one may be faster than the worker that waits: so many that it gets its turn.
    EXPECT_TRUE(becomes(0, [this] {
      for (int i = 0; i < 100; i++) send("get " + std::string(200, 'x') + "\r\n");
    })) << text;
  }
}

TEST_F(RealWorkers, OfManyConnectionsOnlyThoseOverUdpAreKept) {
  std::vector<Fd> many;
  for (int i = 0; i < 900; i++) many.push_back(connect_to(memcached.port()));
  send("set k 0 0 2000\r\nbegin");
  EXPECT_TRUE(becomes(1));
  const Reply reply = connections();
  EXPECT_GE(reply.stats.size(), kWorkers * 3);
  EXPECT_LE(reply.stats.size(), kWorkers * 6);
  for (const auto& [name, value] : reply.stats) EXPECT_EQ(value.find("tcp"), std::string::npos) << name;
}

}  // namespace
}  // namespace bmc::cache::test

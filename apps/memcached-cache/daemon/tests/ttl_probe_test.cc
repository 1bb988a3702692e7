// SPDX-License-Identifier: Apache-2.0
// TtlProbe: what each answer leads to, and against a real memcached that no deadline is later than the truth.
#include "apps/memcached-cache/daemon/ttl_probe.h"

#include <gtest/gtest.h>

#include <map>

#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/server_clock.h"
#include "apps/memcached-cache/daemon/server_facts.h"
#include "apps/memcached-cache/daemon/tests/memcached_process.h"

namespace bmc::cache::test {
namespace {

// Questions are kept until the test answers them.
class TtlProbeTest : public testing::Test {
 protected:
  struct Question {
    std::string key;
    MemcachedSession::AnswerHandler handler;
  };

  TtlProbe::World world() {
    return {[this](std::string_view key, MemcachedSession::AnswerHandler handler) {
              questions.push_back({std::string(key), std::move(handler)});
            },
            [this] { return floor; },
            [this](const TtlTarget& target, std::uint32_t deadline) {
              if (!current) return false;
              applied[target.key] = deadline;
              return true;
            }};
  }
  TtlTarget target(const std::string& key) { return {++ways, 1, 2, 3, key}; }
  void answer(const std::string& line, std::uint64_t sent_s = 100, std::uint64_t took_ns = 1000) {
    const Question question = std::move(questions.front());
    questions.pop_front();
    Answer given;
    given.reply.line = line;
    given.sent_ns = sent_s * kSecondNs;
    given.received_ns = given.sent_ns + took_ns;
    question.handler(given);
  }

  std::uint64_t floor = 100;
  bool current = true;
  std::uint64_t ways = 0;
  std::deque<Question> questions;
  std::map<std::string, std::uint32_t> applied;
  TtlProbe probe{world()};
};

std::uint32_t units(std::uint64_t second) {
  return static_cast<std::uint32_t>(second * kSecondNs >> CACHE_DEADLINE_SHIFT) - 1;
}

TEST_F(TtlProbeTest, RemainingSecondsCountFromTheFloorWhenAsked) {
  probe.request(target("a"));
  floor = 105;  // moved on while the question was on its way
  answer("ME a exp=-30 la=0");
  EXPECT_EQ(applied.at("a"), units(130));
  EXPECT_LE(static_cast<std::uint64_t>(applied.at("a")) << CACHE_DEADLINE_SHIFT, 130 * kSecondNs);
  probe.request(target("later_version"));
  answer("ME later_version exp=30 la=0");
  EXPECT_EQ(applied.at("later_version"), units(135));
  EXPECT_EQ(probe.counters().applied, 2u);
  EXPECT_EQ(probe.waiting(), 0u);
}

TEST_F(TtlProbeTest, MinusOneIsNeverOnlyWhenToldTwiceByAClockThatMovedOn) {
  probe.request(target("never"));
  probe.request(target("one_second"));
  answer("ME never exp=-1 la=0");
  answer("ME one_second exp=-1 la=0");
  EXPECT_TRUE(applied.empty());
  probe.advance();  // the floor is 100 still, and the answers came in second 100
  EXPECT_TRUE(questions.empty());
  floor = 101;
  probe.advance();
  ASSERT_EQ(questions.size(), 2u);
  answer("ME never exp=-1 la=0", 101);
  answer("EN", 101);
  EXPECT_EQ(applied.size(), 1u);
  EXPECT_EQ(applied.at("never"), CACHE_DEADLINE_NEVER);
  EXPECT_EQ(probe.counters().missing, 1u);
  EXPECT_EQ(probe.waiting(), 0u);
}

TEST_F(TtlProbeTest, AnswersThatSayTooLittle) {
  for (const char* line : {"ME k exp=0 la=0", "ME k exp=1 la=0", "EN"}) {
    probe.request(target("k"));
    answer(line);
  }
  EXPECT_EQ(probe.counters().missing, 3u);
  for (const char* line : {"ME other exp=-30", "ERROR", "ME k exp=-30x"}) {
    probe.request(target("k"));
    answer(line);
  }
  probe.request(target("k"));
  answer("ME k exp=-30 la=0", 100, kSecondNs);  // memcached may have been stopped while it answered
  probe.request(target("k"));
  questions.front().handler(Error{ECONNRESET, "gone"});
  EXPECT_EQ(probe.counters().failed, 5u);
  EXPECT_TRUE(applied.empty());
  EXPECT_EQ(probe.waiting(), 0u);
}

TEST_F(TtlProbeTest, AWriteInBetween) {
  probe.request(target("a"));
  current = false;
  answer("ME a exp=-30 la=0");
  EXPECT_EQ(probe.counters().moved, 1u);
  EXPECT_TRUE(applied.empty());
}

TEST_F(TtlProbeTest, KeysThatWouldBeAnotherCommandAreNotAskedFor) {
  for (const std::string& key : {std::string("a b"), std::string("a\r\nflush_all"), std::string("a\0b", 3),
                                 std::string("\x7f"), std::string(), std::string(CACHE_KEY_MAX + 1, 'k')})
    probe.request(target(key));
  EXPECT_TRUE(questions.empty());
  EXPECT_EQ(probe.counters().refused, 6u);
  probe.request(target("\xc3\xa4" + std::string(CACHE_KEY_MAX - 2, 'k')));
  EXPECT_EQ(questions.size(), 1u);
}

TEST_F(TtlProbeTest, OneQuestionPerEntry) {
  TtlTarget same = target("a");
  probe.request(same);
  probe.request(same);
  EXPECT_EQ(questions.size(), 1u);
  answer("ME a exp=-1 la=0");
  probe.request(same);  // waits to be asked again already
  EXPECT_TRUE(questions.empty());
  floor = 101;
  probe.advance();
  answer("ME a exp=-1 la=0", 101);
  probe.request(same);  // done: a new event is a new question
  EXPECT_EQ(questions.size(), 1u);
}

TEST_F(TtlProbeTest, OverloadDropsTheOldest) {
  for (std::size_t i = 0; i < TtlProbe::kAskedMax + TtlProbe::kQueueMax + 10; i++)
    probe.request(target("k" + std::to_string(i)));
  EXPECT_EQ(questions.size(), TtlProbe::kAskedMax);
  EXPECT_EQ(probe.counters().dropped, 10u);
  answer("ME k0 exp=-30 la=0");
  ASSERT_EQ(questions.size(), TtlProbe::kAskedMax);
  EXPECT_EQ(questions.back().key, "k" + std::to_string(TtlProbe::kAskedMax + 10));
}

TEST_F(TtlProbeTest, NothingIsAskedBeforeTheClockIsKnown_AndClearForgets) {
  floor = 0;
  probe.request(target("a"));
  EXPECT_TRUE(questions.empty());
  floor = 100;
  probe.advance();
  ASSERT_EQ(questions.size(), 1u);
  probe.clear();
  answer("ME a exp=-30 la=0");
  EXPECT_TRUE(applied.empty());
  EXPECT_EQ(probe.waiting(), 0u);
}

TEST(DeadlineBeforeSecond, IsEarlyAndNeverASpecialValue) {
  for (const std::uint64_t second : {1ull, 2ull, 100ull, 123456ull, 200'000'000ull}) {
    const std::uint64_t at = static_cast<std::uint64_t>(deadline_before_second(second))
                             << CACHE_DEADLINE_SHIFT;
    EXPECT_LE(at, second * kSecondNs);
    EXPECT_GE(at + (2ull << CACHE_DEADLINE_SHIFT), second * kSecondNs);
  }
  EXPECT_NE(deadline_before_second(0), CACHE_DEADLINE_UNKNOWN);
  EXPECT_LT(deadline_before_second(UINT64_MAX), CACHE_DEADLINE_NEVER);
  EXPECT_LT(deadline_before_second(300'000'000), CACHE_DEADLINE_NEVER);
}

// The whole of it: items of every remaining lifetime, asked through a session, against when they really end.
TEST(RealTtlProbe, NoDeadlineIsLaterThanMemcachedsOwn) {
  MemcachedProcess memcached;
  boost::asio::io_context loop;
  MemcachedSession session(loop, memcached.endpoint(), {[] {}, [](Error) {}, {}});
  session.start();
  ASSERT_TRUE(run_until(loop, [&] { return session.up(); }));
  ServerClock clock;
  std::map<std::string, std::uint32_t> applied;
  TtlProbe probe({[&](std::string_view key, auto handler) { session.meta_debug(key, std::move(handler)); },
                  [&] { return clock.floor_s(); },
                  [&](const TtlTarget& target, std::uint32_t deadline) {
                    applied[target.key] = deadline;
                    return true;
                  }});
  boost::asio::steady_timer timer(loop);
  std::function<void()> poll = [&] {
    session.stats("", [&](Result<Answer> answer) {
      ASSERT_TRUE(answer);
      const auto reading = read_clock(answer->reply.stats);
      ASSERT_TRUE(reading &&
                  clock.observe({answer->sent_ns, answer->received_ns, reading->uptime_s, reading->time_s}));
      probe.advance();
      const std::uint64_t now = monotonic_ns();
      timer.expires_after(duration(std::max(clock.next_poll_ns(now), now) - now));
      timer.async_wait([&](const auto& code) {
        if (!code) poll();
      });
    });
  };
  poll();
  ASSERT_TRUE(run_until(loop, [&] { return clock.known(); }));
  const Fd client = connect_to(memcached.port());
  std::string sets, stored;
  for (int ttl = 0; ttl <= 4; ttl++) {
    sets += "set t" + std::to_string(ttl) + " 0 " + std::to_string(ttl) + " 1\r\nx\r\n";
    stored += "STORED\r\n";
  }
  const std::uint64_t set_s = monotonic_ns() / kSecondNs;
  ASSERT_EQ(ask(client.get(), sets, stored), stored);
  for (std::uint64_t ttl = 0; ttl <= 4; ttl++) probe.request({ttl + 1, 0, 0, 0, "t" + std::to_string(ttl)});
  ASSERT_TRUE(run_until(loop, [&] { return probe.waiting() == 0; }));
  timer.cancel();
  EXPECT_EQ(applied.at("t0"), CACHE_DEADLINE_NEVER);
  EXPECT_FALSE(applied.contains("t1"));
  for (std::uint64_t ttl = 2; ttl <= 4; ttl++) {
    const std::string key = "t" + std::to_string(ttl);
    if (!applied.contains(key)) {
      EXPECT_EQ(ttl, 2u);  // its clock may have ticked in between: one second left
      continue;
    }
    const std::uint64_t deadline = static_cast<std::uint64_t>(applied.at(key)) << CACHE_DEADLINE_SHIFT;
    // Its clock was at second set_s, or (it ticks once a second) one before: it may end in second set_s + ttl
    // - 1.
    EXPECT_LE(deadline, (set_s + ttl + 1) * kSecondNs) << key;
    EXPECT_GE(deadline, (set_s + ttl - 2) * kSecondNs) << key;
    while (ask(client.get(), "get " + key + "\r\n", "END\r\n") != "END\r\n") {
      const timespec pause = {0, 5'000'000};
      ::nanosleep(&pause, nullptr);
    }
    EXPECT_GE(monotonic_ns(), deadline) << key;
  }
}

}  // namespace
}  // namespace bmc::cache::test

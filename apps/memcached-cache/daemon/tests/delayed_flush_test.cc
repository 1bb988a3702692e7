// SPDX-License-Identifier: Apache-2.0
// DelayedFlush: what `oldest` means, when and in which order it asks, and against a real memcached that the
// moment it tells is the true one.
#include "apps/memcached-cache/daemon/delayed_flush.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>

#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/daemon/cache_memory.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/tests/kept_questions.h"
#include "apps/memcached-cache/daemon/tests/memcached_process.h"

namespace bmc::cache::test {
namespace {

constexpr std::int64_t kUptime = 500;
constexpr std::int64_t kBehind = 60;  // what `uptime` is behind the clock that `oldest` is of

// memcached's clock is seen to tick within second `now_s` of ours to an uptime of kUptime; `doubt_s`: that
// was found out over so many seconds.
ServerClock clock_at(std::uint64_t now_s, std::uint64_t doubt_s = 0, std::uint32_t margin_s = 0) {
  ServerClock clock(margin_s);
  const std::uint64_t now = now_s * kSecondNs;
  EXPECT_TRUE(clock.observe({now - doubt_s * kSecondNs + 100, now - doubt_s * kSecondNs + 200, kUptime - 1,
                             1'700'000'000 + kUptime - 1}));
  EXPECT_TRUE(clock.observe({now + 300, now + 400, kUptime, 1'700'000'000 + kUptime}));
  return clock;
}

Stats oldest(const std::string& value) { return {{"maxbytes", "1"}, {"oldest", value}}; }
Stats oldest(std::int64_t value) { return oldest(std::to_string(value)); }

// ---- What `oldest` means ------------------------------------------------------------------------

using Told = std::optional<ServerClock::Span>;

void expect_nothing(const Stats& settings, const ServerClock& clock) {
  const Result<Told> told = pending_flush(settings, clock);
  ASSERT_TRUE(told) << told.error().what;
  EXPECT_FALSE(*told) << (*told)->earliest << " to " << (*told)->latest;
}

void expect_span(const Stats& settings, const ServerClock& clock, std::int64_t earliest,
                 std::int64_t latest) {
  const Result<Told> told = pending_flush(settings, clock);
  ASSERT_TRUE(told) << told.error().what;
  ASSERT_TRUE(*told);
  EXPECT_EQ((*told)->earliest, earliest);
  EXPECT_EQ((*told)->latest, latest);
}

TEST(PendingFlush, WhatIsNoAnswerIsAnError) {
  const ServerClock clock = clock_at(10'000);
  for (const Stats& settings : {Stats(), Stats{{"maxbytes", "1"}}, oldest(""), oldest("x"), oldest("5x"),
                                oldest("-1"), oldest("4294967296"), oldest("99999999999999999999")}) {
    const Result<Told> told = pending_flush(settings, clock);
    ASSERT_FALSE(told) << settings.size();
    EXPECT_EQ(told.error().code, EPROTO);
  }
  EXPECT_TRUE(pending_flush(oldest("4294967295"), clock)) << "the largest that memcached can tell";
}

TEST(PendingFlush, NeverOrPast) {
  const ServerClock clock = clock_at(10'000);
  ASSERT_TRUE(clock.exact());
  expect_nothing(oldest(std::int64_t{0}), clock);
  expect_nothing(oldest(1), clock);
  expect_nothing(oldest(kUptime + kBehind - 1), clock);
}

// At the second itself what was stored in it before is gone, and what is stored in it later too.
TEST(PendingFlush, PresentOrFuture) {
  const ServerClock clock = clock_at(10'000);
  expect_span(oldest(kUptime + kBehind), clock, 10'000, 10'000);
  expect_span(oldest(kUptime + kBehind + 1), clock, 10'001, 10'001);
  expect_span(oldest(kUptime + kBehind + 86'400), clock, 96'400, 96'400);
}

TEST(PendingFlush, LaterThanADeadlineCanSayIsNever) {
  const ServerClock clock = clock_at(10'000);
  expect_span(oldest(kUptime + kBehind + 279'000'000), clock, 279'010'000, 279'010'000);
  expect_nothing(oldest(kUptime + kBehind + 281'000'000), clock);
}

TEST(PendingFlush, AClockInDoubtTellsASpan) {
  const ServerClock clock = clock_at(10'000, 1);  // the tick came in this second or in the one before
  ASSERT_FALSE(clock.exact());
  expect_span(oldest(kUptime + kBehind + 100), clock, 10'099, 10'100);
  expect_span(oldest(kUptime + kBehind - 1), clock, 9'998, 9'999);
  expect_nothing(oldest(kUptime + kBehind - 2), clock);
}

TEST(PendingFlush, AnotherTimeNamespaceWidensTheSpan) {
  const ServerClock clock = clock_at(10'000, 0, 1);
  expect_span(oldest(kUptime + kBehind + 100), clock, 10'099, 10'101);
  expect_span(oldest(kUptime + kBehind - 2), clock, 9'997, 9'999);
  expect_nothing(oldest(kUptime + kBehind - 3), clock);
}

// ---- When it asks -------------------------------------------------------------------------------

// Questions are kept until the test answers them.
class DelayedFlushTest : public testing::Test {
 protected:
  struct Scheduled {
    std::uint32_t from;
    std::uint32_t within_s;
  };

  DelayedFlush::World world() {
    return {[this](MemcachedSession::AnswerHandler handler) {
              if (slot != nullptr) hold_when_asked = load_hold(*slot);
              questions.keep(std::move(handler));
            },
            [this]() -> const ServerClock& { return clock; }, [this] { return slot; },
            [this](std::uint32_t from, std::uint32_t within_s) -> Result<void> {
              hold_when_scheduled = load_hold(*slot);
              scheduled.push_back({from, within_s});
              if (!can_schedule) return Error{EAGAIN, "busy"};
              return {};
            }};
  }
  void answer(const Result<Answer>& given) { questions.answer(given); }
  void answer(const Stats& settings) { questions.answer(Reply{{}, settings}); }
  std::uint32_t hold() { return load_hold(state); }

  const std::uint64_t now_s = monotonic_ns() / kSecondNs;
  server_state state = {};
  server_state* slot = &state;
  ServerClock clock = clock_at(now_s);
  bool can_schedule = true;
  KeptQuestions questions;
  std::deque<Scheduled> scheduled;
  std::uint32_t hold_when_asked = 0;
  std::uint32_t hold_when_scheduled = 0;
  DelayedFlush flush{world()};
};

TEST_F(DelayedFlushTest, AsksOnlyWithABitSet) {
  for (const std::uint32_t bits : {0u, SERVER_BOOT_HOLD | SERVER_DOWN | SERVER_REFUSED | SERVER_RESTING}) {
    state.hold = bits;
    flush.look();
    EXPECT_TRUE(questions.empty());
    EXPECT_EQ(hold(), bits);
  }
  for (const std::uint32_t bit : {SERVER_FLUSH_UNSEEN, SERVER_FLUSH_ASKED}) {
    state.hold = SERVER_DOWN | bit;
    flush.look();
    EXPECT_EQ(hold_when_asked, SERVER_DOWN | SERVER_FLUSH_ASKED)
        << "the answer must know of what set the mark";
    answer(oldest(std::int64_t{0}));
    EXPECT_EQ(hold(), SERVER_DOWN) << "and the other bits are not its own";
  }
  EXPECT_TRUE(scheduled.empty());
}

TEST_F(DelayedFlushTest, AsksOnceTheClockIsKnown) {
  clock = ServerClock();
  state.hold = SERVER_FLUSH_UNSEEN;
  flush.look();
  EXPECT_TRUE(questions.empty());
  EXPECT_EQ(hold(), SERVER_FLUSH_UNSEEN);
  clock = clock_at(now_s);
  flush.look();
  EXPECT_EQ(questions.size(), 1u);
}

TEST_F(DelayedFlushTest, WithoutASlotNothingIsAsked) {
  slot = nullptr;
  flush.look();
  EXPECT_TRUE(questions.empty());
  slot = &state;
  state.hold = SERVER_FLUSH_UNSEEN;
  flush.look();
  slot = nullptr;  // gone while it was asked
  answer(oldest(std::int64_t{0}));
  EXPECT_TRUE(scheduled.empty());
  EXPECT_EQ(hold(), SERVER_FLUSH_ASKED) << "whoever owns it now is not to be served by this answer";
}

// Who looks in between sees one of the bits at any time.
TEST_F(DelayedFlushTest, AskedIsRaisedBeforeUnseenIsCleared) {
  state.hold = SERVER_FLUSH_UNSEEN;
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> looks = 0;
  std::uint64_t gaps = 0;
  std::thread reader([&] {
    for (; !stop; looks++) gaps += (load_hold(state) & (SERVER_FLUSH_UNSEEN | SERVER_FLUSH_ASKED)) == 0;
  });
  while (looks == 0) std::this_thread::yield();
  for (int i = 0; i < 20'000; i++) {
    raise_hold(state, SERVER_FLUSH_UNSEEN);
    clear_hold(state, SERVER_FLUSH_ASKED);
    flush.look();
    questions.clear();
    flush.forget();
  }
  stop = true;
  reader.join();
  EXPECT_EQ(gaps, 0u);
}

TEST_F(DelayedFlushTest, WhatIsToActIsScheduledBeforeTheBitIsCleared) {
  state.hold = SERVER_FLUSH_UNSEEN;
  flush.look();
  answer(oldest(kUptime + kBehind + 100));
  ASSERT_EQ(scheduled.size(), 1u);
  EXPECT_EQ(hold_when_scheduled, SERVER_FLUSH_ASKED);
  EXPECT_EQ(hold(), 0u);
  EXPECT_EQ(scheduled[0].from, deadline_from_second(static_cast<std::int64_t>(now_s) + 99));
  // Counted from now, which may be a second or two after `now_s`.
  EXPECT_LE(scheduled[0].within_s, 101u);
  EXPECT_GE(scheduled[0].within_s, 101u - (monotonic_ns() / kSecondNs - now_s));
}

// memcached's clock may stand still: what should have acted by our clock has not.
TEST_F(DelayedFlushTest, WhatShouldHaveActedIsScheduledToo) {
  clock = clock_at(now_s - 50);
  state.hold = SERVER_FLUSH_UNSEEN;
  flush.look();
  answer(oldest(kUptime + kBehind + 10));
  ASSERT_EQ(scheduled.size(), 1u);
  EXPECT_EQ(scheduled[0].from, deadline_from_second(static_cast<std::int64_t>(now_s) - 41));
  EXPECT_EQ(scheduled[0].within_s, 1u);
}

TEST_F(DelayedFlushTest, WhatIsMarkedAnewWhileItWaitsIsAskedAnew) {
  state.hold = SERVER_FLUSH_UNSEEN;
  flush.look();
  raise_hold(state, SERVER_FLUSH_UNSEEN);
  flush.look();
  EXPECT_EQ(questions.size(), 1u) << "one at a time";
  EXPECT_EQ(hold(), SERVER_FLUSH_UNSEEN | SERVER_FLUSH_ASKED);
  answer(oldest(std::int64_t{0}));
  ASSERT_EQ(questions.size(), 1u) << "the answer may be of before";
  EXPECT_EQ(hold(), SERVER_FLUSH_ASKED);
  answer(oldest(std::int64_t{0}));
  EXPECT_TRUE(questions.empty());
  EXPECT_EQ(hold(), 0u);
}

TEST_F(DelayedFlushTest, AnAnswerOfNoUseIsAskedForAgain) {
  state.hold = SERVER_FLUSH_UNSEEN;
  const auto expect_asked_again = [&] {
    EXPECT_EQ(hold(), SERVER_FLUSH_ASKED);
    EXPECT_TRUE(questions.empty()) << "not at once";
    flush.look();
    EXPECT_EQ(questions.size(), 1u);
  };
  flush.look();
  answer(Result<Answer>(Error{ECONNRESET, "gone"}));
  expect_asked_again();
  answer(Stats());
  expect_asked_again();
  can_schedule = false;
  answer(oldest(kUptime + kBehind + 100));
  expect_asked_again();
  can_schedule = true;
  answer(oldest(kUptime + kBehind + 100));
  EXPECT_EQ(hold(), 0u);
  EXPECT_EQ(scheduled.size(), 2u);
}

TEST_F(DelayedFlushTest, AQuestionThatIsForgottenIsAskedAgain) {
  state.hold = SERVER_FLUSH_UNSEEN;
  flush.look();
  questions.clear();  // the connection ended, with no call
  flush.look();
  EXPECT_TRUE(questions.empty());
  flush.forget();
  flush.look();
  ASSERT_EQ(questions.size(), 1u);
  answer(oldest(std::int64_t{0}));
  EXPECT_EQ(hold(), 0u);
}

// ---- Against a real memcached -------------------------------------------------------------------

class RealFlush : public testing::Test {
 protected:
  void SetUp() override {
    session.start();
    ASSERT_TRUE(run_until(loop, [&] { return session.up(); }));
    client = connect_to(memcached.port());
  }
  Stats stats(const std::string& group) {
    std::optional<Answer> told;
    session.stats(group, [&](const Result<Answer>& answer) {
      ASSERT_TRUE(answer) << answer.error().what;
      told = *answer;
    });
    EXPECT_TRUE(run_until(loop, [&] { return told.has_value(); }));
    if (!told) return {};
    if (group.empty()) {
      const Result<void> taken =
          clock.observe({told->sent_ns, told->received_ns,
                         static_cast<std::uint64_t>(*parse_number(told->reply.stats.at("uptime"))),
                         *parse_number(told->reply.stats.at("time"))});
      EXPECT_TRUE(taken) << taken.error().what;
    }
    return told->reply.stats;
  }
  // Reads the clock, then asks.
  Told pending() {
    stats("");
    const Result<Told> told = pending_flush(stats("settings"), clock);
    EXPECT_TRUE(told) << told.error().what;
    return told ? *told : Told();
  }
  bool is_there(const std::string& key) {
    return ask(client.get(), "get " + key + "\r\n", "END\r\n") != "END\r\n";
  }

  boost::asio::io_context loop;
  MemcachedProcess memcached;
  MemcachedSession session{
      loop, memcached.endpoint(), {[] {}, [](Error error) { ADD_FAILURE() << error.what; }, {}}};
  ServerClock clock;
  Fd client;
};

TEST_F(RealFlush, ActsWithinTheSpanThatIsTold_AndIsToldUntilItHas) {
  const auto pause = [] {
    const timespec time = {0, 5'000'000};
    ::nanosleep(&time, nullptr);  // asks 200 times a second, not as fast as it can
  };
  const std::uint64_t give_up = monotonic_ns() + 60 * kSecondNs;
  for (; !clock.known() && monotonic_ns() < give_up; pause()) stats("");
  ASSERT_TRUE(clock.known());
  EXPECT_FALSE(pending());
  ASSERT_EQ(ask(client.get(), "set k 0 0 1\r\nx\r\n", "STORED\r\n"), "STORED\r\n");
  const auto floor = static_cast<std::int64_t>(clock.floor_s());
  ASSERT_EQ(ask(client.get(), "flush_all 5\r\n", "OK\r\n"), "OK\r\n");
  const Told told = pending();
  ASSERT_TRUE(told);
  EXPECT_GE(told->earliest, floor + 4) << "not needlessly early";
  std::uint64_t gone_ns = 0;
  for (bool waits = true; waits && monotonic_ns() < give_up; pause()) {
    waits = pending().has_value();
    const bool there = is_there("k");
    if (there) {
      EXPECT_LE(static_cast<std::int64_t>(clock.floor_s()), told->latest);
    } else if (gone_ns == 0) {
      gone_ns = monotonic_ns();
    }
    EXPECT_TRUE(waits || !there) << "it was told to have acted";
  }
  ASSERT_NE(gone_ns, 0u);
  EXPECT_FALSE(pending());
  EXPECT_GE(static_cast<std::int64_t>(gone_ns / kSecondNs), told->earliest);
  // What is stored from now on stays.
  ASSERT_EQ(ask(client.get(), "set k 0 0 1\r\ny\r\n", "STORED\r\n"), "STORED\r\n");
  EXPECT_TRUE(is_there("k"));
}

// The last one counts; an earlier one does not act any more.
TEST_F(RealFlush, TheLastOneIsTold) {
  const std::uint64_t give_up = monotonic_ns() + 60 * kSecondNs;
  while (!clock.known() && monotonic_ns() < give_up) stats("");
  ASSERT_TRUE(clock.known());
  const auto floor = static_cast<std::int64_t>(clock.floor_s());
  ASSERT_EQ(ask(client.get(), "flush_all 50\r\nflush_all 5000\r\n", "OK\r\nOK\r\n"), "OK\r\nOK\r\n");
  const Told told = pending();
  ASSERT_TRUE(told);
  const auto now = static_cast<std::int64_t>(monotonic_ns() / kSecondNs);
  EXPECT_GE(told->earliest, floor + 4999);
  EXPECT_LE(told->latest, now + 4999);
}

}  // namespace
}  // namespace bmc::cache::test

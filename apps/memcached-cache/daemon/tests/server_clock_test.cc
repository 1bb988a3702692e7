// SPDX-License-Identifier: Apache-2.0
// ServerClock: its bounds against a modelled memcached with every phase, drift and stop, and its relations
// against a real one.
#include "apps/memcached-cache/daemon/server_clock.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "apps/memcached-cache/daemon/memcached_session.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/tests/memcached_process.h"

namespace bmc::cache::test {
namespace {

// memcached's clock as its source has it, over a CLOCK_MONOTONIC that reads `skew_ns` more than ours.
class ModelClock {
 public:
  ModelClock(std::uint64_t start_ns, std::uint64_t period_ns, std::uint64_t skew_ns)
      : period_ns_(period_ns), skew_ns_(skew_ns), next_tick_ns_(start_ns) {
    monotonic_start_ = second_of(start_ns + skew_ns_) - 62;
    process_started_ = 1'700'000'000 - 62;
  }
  // Nothing ticks between the two moments; then the timer fires at once and its next second begins.
  void stop(std::uint64_t from_ns, std::uint64_t until_ns) {
    run(from_ns);
    if (next_tick_ns_ < until_ns) next_tick_ns_ = until_ns;
  }
  void run(std::uint64_t now_ns) {
    while (next_tick_ns_ <= now_ns) {
      current_time_ = second_of(next_tick_ns_ + skew_ns_) - monotonic_start_;
      next_tick_ns_ += period_ns_;
    }
  }
  std::uint64_t uptime() const { return static_cast<std::uint64_t>(current_time_ - 60); }
  std::int64_t time() const { return current_time_ + process_started_; }
  // The moment, on our clock, at which an item that expires `delta` seconds from now on is gone at the
  // earliest.
  std::uint64_t boundary_ns(std::int64_t delta) const {
    return static_cast<std::uint64_t>(current_time_ + monotonic_start_ + delta) * kSecondNs - skew_ns_;
  }
  // The same of one with the absolute time `at`.
  std::uint64_t absolute_ns(std::int64_t at) const {
    return static_cast<std::uint64_t>(at - process_started_ + monotonic_start_) * kSecondNs - skew_ns_;
  }

 private:
  const std::uint64_t period_ns_;
  const std::uint64_t skew_ns_;
  std::uint64_t next_tick_ns_;
  std::int64_t monotonic_start_ = 0;
  std::int64_t process_started_ = 0;
  std::int64_t current_time_ = 62;
};

TEST(ServerClock, IsNeverAheadOfAnyMemcached_AndSeldomBehind) {
  std::mt19937_64 random(7);
  int exact = 0;
  constexpr int kRounds = 400;
  for (int round = 0; round < kRounds; round++) {
    const bool other_namespace = round % 4 == 3;
    const std::uint64_t start = 1000 * kSecondNs + random() % (10 * kSecondNs);
    ModelClock memcached(start, kSecondNs + random() % (3 * kMillisecondNs),
                         other_namespace ? random() % (100 * kSecondNs) : 0);
    ServerClock clock(other_namespace ? 1 : 0);
    std::uint64_t now = start + random() % (20 * kSecondNs);
    const std::uint64_t end = now + 30 * kSecondNs;
    const std::uint64_t stopped = now + 10 * kSecondNs;
    const std::uint64_t resumed = stopped + random() % (7 * kSecondNs);
    while (now < end) {
      ClockPoll poll;
      poll.sent_ns = now;
      std::uint64_t executed = now + random() % (2 * kMillisecondNs);
      if (now < stopped && executed >= stopped) executed = resumed;
      if (executed >= stopped && executed < resumed) executed = resumed;
      if (executed >= resumed) memcached.stop(stopped, resumed);
      memcached.run(executed);
      poll.uptime_s = memcached.uptime();
      poll.time_s = memcached.time();
      poll.received_ns = executed + random() % (2 * kMillisecondNs);
      const Result<void> taken = clock.observe(poll);
      ASSERT_TRUE(taken) << taken.error().what;
      now = std::max(poll.received_ns, clock.next_poll_ns(poll.received_ns));
      if (!clock.known()) continue;
      ASSERT_LE(clock.floor_s() * kSecondNs, memcached.boundary_ns(0)) << "round " << round;
      const std::int64_t at = 1'700'001'000;
      ASSERT_LE((at + clock.wall_to_mono_s()) * static_cast<std::int64_t>(kSecondNs),
                static_cast<std::int64_t>(memcached.absolute_ns(at)));
      ASSERT_GE((clock.floor_s() + 3) * kSecondNs, memcached.boundary_ns(0));
    }
    ASSERT_TRUE(clock.known());
    if (!other_namespace && clock.exact()) exact++;
  }
  EXPECT_GE(exact, kRounds * 3 / 4 * 8 / 10);  // the rest has its tick beside the begin of a second
}

TEST(ServerClock, AnotherProcessIsNoticed) {
  const auto poll = [](std::uint64_t at_s, std::uint64_t uptime, std::int64_t time) {
    return ClockPoll{at_s * kSecondNs, at_s * kSecondNs + 1, uptime, time};
  };
  ServerClock clock;
  ASSERT_TRUE(clock.observe(poll(100, 10, 1010)));
  EXPECT_FALSE(clock.known());
  EXPECT_EQ(clock.floor_s(), 0u);
  EXPECT_EQ(clock.observe(poll(101, 9, 1009)).error().code, ESTALE);   // uptime went back
  EXPECT_EQ(clock.observe(poll(101, 11, 1012)).error().code, ESTALE);  // started at another time
  ASSERT_TRUE(clock.observe(poll(101, 11, 1011)));
  EXPECT_TRUE(clock.known());
  EXPECT_EQ(clock.floor_s(), 100u);
  EXPECT_EQ(clock.observe(poll(102, 22, 1022)).error().code, ESTALE);  // faster than the kernel's clock
  EXPECT_EQ(clock.observe(poll(102, 1ull << 32, 1011)).error().code, EPROTO);
  EXPECT_EQ(clock.observe(poll(102, 12, -5)).error().code, EPROTO);
}

class RealClock : public testing::Test {
 protected:
  void SetUp() override {
    session.start();
    ASSERT_TRUE(run_until(loop, [&] { return session.up(); }));
    client = connect_to(memcached.port());
  }

  void poll() {
    bool done = false;
    session.stats("", [&](Result<Answer> answer) {
      ASSERT_TRUE(answer) << answer.error().what;
      const Stats& stats = answer->reply.stats;
      const auto uptime = static_cast<std::uint64_t>(*parse_number(stats.at("uptime")));
      const Result<void> taken =
          clock.observe({answer->sent_ns, answer->received_ns, uptime, *parse_number(stats.at("time"))});
      EXPECT_TRUE(taken) << taken.error().what;
      done = true;
    });
    ASSERT_TRUE(run_until(loop, [&] { return done; }));
  }
  void poll_until(const std::function<bool()>& done) {
    const std::uint64_t give_up = monotonic_ns() + 5 * kSecondNs;
    while (!done() && monotonic_ns() < give_up) {
      boost::asio::steady_timer timer(loop);
      const std::uint64_t due = clock.next_poll_ns(monotonic_ns());
      bool fired = false;
      timer.expires_after(duration(due - std::min(due, monotonic_ns())));
      timer.async_wait([&](const auto&) { fired = true; });
      ASSERT_TRUE(run_until(loop, [&] { return fired; }));
      poll();
    }
    ASSERT_TRUE(done());
  }
  std::string ask(const std::string& text, const std::string& end) {
    return test::ask(client.get(), text, end);
  }
  // The moment at which memcached was seen to have lost the key; it was there just before.
  std::uint64_t gone_ns(const std::string& key) {
    const std::uint64_t give_up = monotonic_ns() + 6 * kSecondNs;
    while (monotonic_ns() < give_up) {
      const std::uint64_t before = monotonic_ns();
      if (ask("get " + key + "\r\n", "END\r\n") == "END\r\n") return monotonic_ns();
      const timespec pause = {0, 2'000'000};
      ::nanosleep(&pause, nullptr);  // asks 500 times a second, not as fast as it can
      (void)before;
    }
    return 0;
  }

  boost::asio::io_context loop;
  MemcachedProcess memcached;
  MemcachedSession session{
      loop, memcached.endpoint(), {[] {}, [](Error error) { ADD_FAILURE() << error.what; }, {}}};
  ServerClock clock;
  Fd client;
};

TEST_F(RealClock, ExptimesEndAtTheSecondWeTell) {
  poll_until([&] { return clock.known(); });
  const bool exact = clock.exact();
  const std::uint64_t told_relative = clock.floor_s() + 2;
  const std::int64_t at = ::time(nullptr) + 2;
  const std::int64_t told_absolute = at + clock.wall_to_mono_s();
  ASSERT_EQ(ask("set r 0 2 1\r\nx\r\nset a 0 " + std::to_string(at) + " 1\r\nx\r\n", "STORED\r\nSTORED\r\n"),
            "STORED\r\nSTORED\r\n");
  const std::uint64_t absolute = gone_ns("a");
  const std::uint64_t relative = gone_ns("r");
  EXPECT_GE(second_of(absolute), told_absolute);
  EXPECT_GE(relative / kSecondNs, told_relative);
  // And not needlessly early: a tick (1 s), the second our floor may be behind, one if it is not exact.
  EXPECT_LE(second_of(absolute), told_absolute + 2 + !exact);
  EXPECT_LE(relative / kSecondNs, told_relative + 3 + !exact);
}

TEST_F(RealClock, HoldsForACommandThatWaitedInAStoppedMemcached) {
  poll_until([&] { return clock.known(); });
  const std::uint64_t told = clock.floor_s();
  memcached.stop();
  const std::uint64_t stopped = monotonic_ns();
  const std::string set = "set late 0 1 1\r\nx\r\n";
  ASSERT_EQ(::send(client.get(), set.data(), set.size(), 0), static_cast<ssize_t>(set.size()));
  while (monotonic_ns() < stopped + 2 * kSecondNs) {
    const timespec pause = {0, 50'000'000};
    ::nanosleep(&pause, nullptr);  // the time the test is about
  }
  EXPECT_EQ(clock.floor_s(), told);
  memcached.resume();
  ASSERT_EQ(test::ask(client.get(), "", "STORED\r\n"), "STORED\r\n");
  // Its clock may have stood still until now: nothing may be served beyond what its clock had reached, plus
  // one.
  EXPECT_GE(gone_ns("late"), (told + 1) * kSecondNs);
  poll_until([&] { return clock.floor_s() >= told + 2; });
  EXPECT_LE(clock.floor_s(), monotonic_ns() / kSecondNs);
}

}  // namespace
}  // namespace bmc::cache::test

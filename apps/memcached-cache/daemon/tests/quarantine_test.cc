// SPDX-License-Identifier: Apache-2.0
// Quarantine, DrainWatch and DrainAll by themselves; UdpBarrier against a real memcached that is stopped.
#include "apps/memcached-cache/daemon/quarantine.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include "apps/memcached-cache/daemon/drain_watch.h"
#include "apps/memcached-cache/daemon/tests/memcached_process.h"
#include "apps/memcached-cache/daemon/udp_barrier.h"

namespace bmc::cache::test {
namespace {

constexpr std::uint64_t kMs = kMillisecondNs;

TEST(Quarantine, NeedsAnAnswerAtBothEnds) {
  Quarantine quarantine(2000 * kMs);
  EXPECT_EQ(quarantine.settled_ns(), 0u);
  for (std::uint64_t at = 1000; at <= 3000; at += 500) quarantine.answered(at * kMs, (at + 1) * kMs);
  EXPECT_EQ(quarantine.settled_ns(), 0u) << "sent less than the quarantine after the first was answered";
  quarantine.answered(3500 * kMs, 3501 * kMs);
  EXPECT_EQ(quarantine.settled_ns(), 1000 * kMs);
}

// Time in which the process may have been stopped is no quarantine.
TEST(Quarantine, BeginsAgainAfterAGap) {
  Quarantine quarantine(2000 * kMs);
  quarantine.answered(1000 * kMs, 1001 * kMs);
  quarantine.answered(1500 * kMs, 9000 * kMs);
  quarantine.answered(9500 * kMs, 9501 * kMs);
  EXPECT_EQ(quarantine.settled_ns(), 0u);
  for (std::uint64_t at = 10'000; at <= 11'000; at += 500) quarantine.answered(at * kMs, (at + 1) * kMs);
  EXPECT_EQ(quarantine.settled_ns(), 1500 * kMs);
}

TEST(Quarantine, ManyBarriersAreKeptAsFew) {
  Quarantine quarantine(100 * kMs);
  for (std::uint64_t i = 1; i < 100'000; i++) quarantine.answered(i * 10'000, i * 10'000 + 1);
  const std::uint64_t last = 99'999 * 10'000ull;
  EXPECT_LE(quarantine.settled_ns(), last - 100 * kMs);
  EXPECT_GE(quarantine.settled_ns(), last - 120 * kMs);
}

SocketInfo connection(std::uint64_t cookie, std::uint32_t unread, std::uint32_t unsent = 0) {
  SocketInfo info;
  info.cookie = cookie;
  info.state = TCP_ESTABLISHED;
  info.unread = unread;
  info.unsent = unsent;
  return info;
}

TEST(DrainWatch, SinceTheFirstOfTheListsInARow) {
  DrainWatch watch;
  watch.listed(10, {connection(1, 0), connection(2, 5), connection(3, 0, 1)});
  EXPECT_EQ(watch.drained_since(1), 10u);
  EXPECT_EQ(watch.drained_since(2), 0u);
  EXPECT_EQ(watch.drained_since(3), 0u);
  EXPECT_EQ(watch.drained_since(4), 0u);
  EXPECT_FALSE(watch.has(4));
  watch.listed(20, {connection(1, 0), connection(2, 0)});
  EXPECT_EQ(watch.drained_since(1), 10u);
  EXPECT_EQ(watch.drained_since(2), 20u);
  EXPECT_FALSE(watch.has(3));
  watch.listed(30, {connection(1, 1), connection(2, 0)});
  watch.listed(40, {connection(1, 0), connection(2, 0)});
  EXPECT_EQ(watch.drained_since(1), 40u);
  EXPECT_EQ(watch.drained_since(2), 20u);
}

// A busy connection may look drained in every list, and be silent afterwards.
TEST(DrainWatch, BytesInBetweenStartAgain) {
  DrainWatch watch;
  watch.listed(10, {connection(1, 0), connection(2, 5)});
  watch.listed(20, {connection(1, 0), connection(2, 5)});
  watch.start_again(1, 20);
  watch.start_again(2, 20);
  watch.start_again(3, 20);
  EXPECT_EQ(watch.drained_since(1), 20u);
  EXPECT_EQ(watch.drained_since(2), 0u) << "not drained at all";
  EXPECT_FALSE(watch.has(3));
  watch.listed(30, {connection(1, 0)});
  EXPECT_EQ(watch.drained_since(1), 20u);
}

TEST(DrainAll, WaitsForEachOldSocketOnceAndForNoNewOne) {
  DrainAll all;
  EXPECT_FALSE(all.running());
  all.begin(1000 * kMs);
  all.listed(1001 * kMs, {connection(1, 0), connection(2, 5)});  // too early to count as drained
  all.listed(1200 * kMs, {connection(1, 0), connection(2, 5), connection(3, 7)});
  all.listed(1600 * kMs, {connection(1, 9), connection(2, 5), connection(3, 7), connection(4, 1)});
  EXPECT_EQ(all.drained_ns(), 0u);
  ASSERT_EQ(all.waiting_for().size(), 2u);
  EXPECT_EQ(all.waiting_for()[0].cookie, 2u);
  all.listed(1700 * kMs, {connection(1, 9), connection(2, 0), connection(3, 7), connection(4, 1)});
  EXPECT_EQ(all.drained_ns(), 0u);
  all.listed(1800 * kMs, {connection(1, 9), connection(2, 6), connection(4, 1)});  // 3 was closed
  EXPECT_EQ(all.drained_ns(), 1800 * kMs);
  all.listed(1900 * kMs, {connection(2, 6)});
  EXPECT_EQ(all.drained_ns(), 1800 * kMs);
}

TEST(DrainAll, NothingOpenEndsAfterTheGathering) {
  DrainAll all;
  all.begin(1000 * kMs);
  all.listed(1000 * kMs, {});
  EXPECT_EQ(all.drained_ns(), 0u);
  all.listed(1500 * kMs, {});
  EXPECT_EQ(all.drained_ns(), 1500 * kMs);
}

class UdpBarrierTest : public testing::Test {
 protected:
  UdpBarrier::Timing timing() { return {5 * kMs, 40 * kMs}; }

  boost::asio::io_context loop;
};

TEST_F(UdpBarrierTest, MovesOnWithARunningMemcachedAndStandsWithAStoppedOne) {
  MemcachedProcess memcached;
  UdpBarrier barrier(loop, timing());
  const std::uint64_t begun = monotonic_ns();
  ASSERT_TRUE(barrier.start({memcached.endpoint()}));
  EXPECT_EQ(barrier.settled_ns(), 0u);
  ASSERT_TRUE(run_until(loop, [&] { return barrier.settled_ns() > begun; }));
  memcached.stop();
  const std::uint64_t stopped = monotonic_ns();
  const std::uint64_t sent = barrier.sent();
  ASSERT_TRUE(run_until(loop, [&] { return barrier.sent() >= sent + 40; }));  // five quarantines
  EXPECT_LT(barrier.settled_ns(), stopped);
  memcached.resume();
  EXPECT_TRUE(run_until(loop, [&] { return barrier.settled_ns() > stopped; }));
}

TEST_F(UdpBarrierTest, EverySocketHasToAnswer) {
  MemcachedProcess one;
  MemcachedProcess other;
  other.stop();
  UdpBarrier barrier(loop, timing());
  const std::uint64_t begun = monotonic_ns();
  ASSERT_TRUE(barrier.start({one.endpoint(), other.endpoint()}));
  ASSERT_TRUE(run_until(loop, [&] { return barrier.answered() >= 20; }));
  EXPECT_EQ(barrier.settled_ns(), 0u);
  other.resume();
  EXPECT_TRUE(run_until(loop, [&] { return barrier.settled_ns() > begun; }));
}

TEST_F(UdpBarrierTest, WithoutUdpNothingIsWaitedFor) {
  UdpBarrier barrier(loop, timing());
  EXPECT_EQ(barrier.settled_ns(), 0u);
  ASSERT_TRUE(barrier.start({}));
  EXPECT_GT(barrier.settled_ns(), monotonic_ns());
  barrier.stop();  // the process may be stopped, with datagrams in its queue
  EXPECT_EQ(barrier.settled_ns(), 0u);
}

TEST_F(UdpBarrierTest, AnswersOfAnotherKindAreIgnored) {
  boost::asio::ip::udp::socket liar(loop, {boost::asio::ip::make_address("127.0.0.1"), 0});
  UdpBarrier barrier(loop, timing());
  ASSERT_TRUE(barrier.start({{boost::asio::ip::make_address("127.0.0.1"), liar.local_endpoint().port()}}));
  std::array<char, 64> got = {};
  boost::asio::ip::udp::endpoint from;
  int lies = 0;
  const std::vector<std::string> answers = {"VERSION 1", std::string(8, '\0'),
                                            std::string(8, '\0') + "ERROR\r\n"};
  std::function<void()> lie = [&] {
    liar.async_receive_from(boost::asio::buffer(got), from, [&](const auto& code, std::size_t) {
      if (code) return;
      std::string answer = answers[static_cast<std::size_t>(lies++) % answers.size()];
      liar.send_to(boost::asio::buffer(answer), from);
      // An id that was never sent.
      answer = std::string("\x7f\x7f\0\0\0\1\0\0", 8) + "VERSION 1.6.18\r\n";
      liar.send_to(boost::asio::buffer(answer), from);
      lie();
    });
  };
  lie();
  ASSERT_TRUE(run_until(loop, [&] { return lies >= 30; }));
  EXPECT_EQ(barrier.answered(), 0u);
  EXPECT_EQ(barrier.settled_ns(), 0u);
}

}  // namespace
}  // namespace bmc::cache::test

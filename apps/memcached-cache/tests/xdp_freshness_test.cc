// SPDX-License-Identifier: Apache-2.0
// When an entry that is there may not be served: writes, expiry, flushes, holds, recycled segments; and what
// keeps a request from being answered though every key hits: modes, heartbeat, keep-alive.
#include <net/if.h>

#include <string>

#include "apps/memcached-cache/store/way_kill.h"
#include "apps/memcached-cache/tests/xdp_fixture.h"

namespace bmc::test {
namespace {

constexpr std::uint64_t kSecond = 1000000000u;

class XdpFreshness : public XdpTest {
 protected:
  void SetUp() override {
    XdpTest::SetUp();
    placed_ = store().place({.key = "k", .data = "v"});
  }
  void expect_served() { expect_answer("k", placed_.text); }
  void expect_not_served(cache_counter reason) { expect_no_answer("k", reason); }

  Placed placed_;
};

TEST_F(XdpFreshness, AWriteThatArrivesKillsTheEntry) {
  expect_served();
  const std::uint64_t way = placed_.bucket->way[placed_.way];
  EXPECT_EQ(bucket_kill(placed_.bucket, placed_.hash), 1);
  EXPECT_EQ(placed_.bucket->way[placed_.way], 0u);
  expect_not_served(CACHE_PASS_MISS);
  placed_.bucket->way[placed_.way] = way; /* filled anew */
  expect_served();
}

// Another tag in the same bucket, and another key of the same guard.
TEST_F(XdpFreshness, AWriteOfAnotherKeyDoesNot) {
  EXPECT_EQ(bucket_kill(placed_.bucket, placed_.hash ^ 1ull << 63), 0);
  store().guard_of(placed_.hash).word += GUARD_ARRIVE;
  expect_served();
}

// A fill that has not yet made sure that no write has arrived: nobody's hit, and a write empties its way.
TEST_F(XdpFreshness, APendingWayIsNotServed) {
  auto& way = placed_.bucket->way[placed_.way];
  const std::uint64_t valid = way;
  way = (valid & ~WAY_VALID) | WAY_PENDING;
  expect_not_served(CACHE_PASS_MISS);
  way = valid | WAY_PENDING;
  expect_not_served(CACHE_PASS_MISS);
  way = (valid & ~WAY_VALID) | WAY_PENDING;
  EXPECT_EQ(bucket_kill(placed_.bucket, placed_.hash), 1);
  EXPECT_EQ(way, 0u);
}

// In flight alone says nothing of the value: the entry was filled after that write was seen.
TEST_F(XdpFreshness, InFlightWithoutANewGenerationServes) {
  store().guard_of(placed_.hash).word += 1;
  store().server(0).global += 1;
  expect_served();
}

TEST_F(XdpFreshness, TheEpochKillsEveryEntryOfItsServer) {
  store().serve(1, "192.0.2.2", 11300);
  const auto other = store().place({.key = "o", .data = "v", .server = 1});
  store().server(0).global += GUARD_ARRIVE;
  expect_not_served(CACHE_PASS_DEAD);
  const auto request =
      frame(Ethernet{} / IPv4{.to = "192.0.2.2"} / UDP{.to = 11300} / Memcached{} / Text{"get o\r\n"});
  EXPECT_EQ(run(request).counter, CACHE_TX_HIT);
}

TEST_F(XdpFreshness, OnlyTheLow48BitsOfTheEpochAreCompared) {
  store().server(0).global = ~0ull << GUARD_FLIGHT_BITS;
  expect_not_served(CACHE_PASS_DEAD);
  placed_.entry->epoch_key |= (1ull << 44) - 1;
  expect_served();
  placed_.entry->epoch_key ^= 1ull << 43;
  expect_not_served(CACHE_PASS_DEAD);
}

TEST_F(XdpFreshness, AnUnknownDeadlineIsNeverServed) {
  placed_.entry->deadline = CACHE_DEADLINE_UNKNOWN;
  expect_not_served(CACHE_PASS_DEAD);
}

TEST_F(XdpFreshness, ServesUntilTheDeadlineAndNotAfter) {
  const auto now = deadline_units(monotonic_ns());
  for (const auto ahead :
       std::initializer_list<std::uint32_t>{30u, COARSE_MARGIN_UNITS, COARSE_MARGIN_UNITS + 30u, 1u << 20}) {
    placed_.entry->deadline = now + ahead;
    expect_served();
  }
  for (const auto past : std::initializer_list<std::uint32_t>{0u, 1u, 30u}) {
    placed_.entry->deadline = deadline_units(monotonic_ns()) - past;
    expect_not_served(CACHE_PASS_EXPIRED);
  }
  placed_.entry->deadline = 1;
  expect_not_served(CACHE_PASS_EXPIRED);
}

// Runs up to the very deadline: an answer that was complete before a moment after it is never seen later.
TEST_F(XdpFreshness, NoAnswerLeavesAtOrAfterItsDeadline) {
  const auto request = request_frame("get k\r\n");
  const std::uint32_t deadline = deadline_units(monotonic_ns()) + 2;
  placed_.entry->deadline = deadline;
  const std::uint64_t deadline_ns = std::uint64_t{deadline} << CACHE_DEADLINE_SHIFT;
  int hits = 0;
  for (;;) {
    const std::uint64_t before = monotonic_ns();
    const auto verdict = run_xdp(XdpProgram::get().fd(), request).verdict;
    if (verdict == XDP_TX) {
      ++hits;
      ASSERT_LT(before, deadline_ns);
    } else {
      EXPECT_GE(monotonic_ns(), deadline_ns);
      break;
    }
  }
  EXPECT_GT(hits, 0);
}

TEST_F(XdpFreshness, ADelayedFlushStopsServingFromItsTime) {
  store().server(0).flush_from = deadline_units(monotonic_ns()) + 1000;
  expect_served();
  store().server(0).flush_from = deadline_units(monotonic_ns());
  expect_not_served(CACHE_PASS_DEAD);
  store().server(0).flush_from = 0;
  expect_served();
}

TEST_F(XdpFreshness, AHeldServerIsPassed) {
  for (const std::uint32_t hold :
       {SERVER_BOOT_HOLD, SERVER_DOWN, SERVER_REFUSED, SERVER_DOWN | SERVER_REFUSED}) {
    store().server(0).hold = hold;
    expect_not_served(CACHE_PASS_HELD);
  }
  store().server(0).hold = 0;
  store().server(1).hold = SERVER_DOWN;
  expect_served();
}

TEST_F(XdpFreshness, ARecycledSegmentIsAMiss) {
  store().segment(0).generation = 1;
  expect_not_served(CACHE_PASS_MISS);
  store().segment(0).generation = WAY_GENERATION_MASK + 1; /* the low bits are those of the way again */
  expect_served();
}

TEST_F(XdpFreshness, WaysThatPointNowhereAreMisses) {
  const std::uint64_t way = placed_.bucket->way[placed_.way];
  auto& word = placed_.bucket->way[placed_.way];
  word = way & ~WAY_VALID;
  expect_not_served(CACHE_PASS_MISS);
  word = way | WAY_SEGMENT_MASK << WAY_SEGMENT_SHIFT;
  expect_not_served(CACHE_PASS_MISS);
  word = way | WAY_OFFSET_MASK;
  expect_not_served(CACHE_PASS_MISS);
  word = way ^ 1ull << WAY_TAG_SHIFT;
  expect_not_served(CACHE_PASS_MISS);
  word = way;
  expect_served();
}

TEST_F(XdpFreshness, EntriesOfAnotherKeyLengthOrServerAreMisses) {
  const std::uint64_t epoch_key = placed_.entry->epoch_key;
  placed_.entry->epoch_key = epoch_key + (1ull << CACHE_EPOCH_BITS);
  expect_not_served(CACHE_PASS_MISS);
  placed_.entry->epoch_key = epoch_key + (1ull << 56);
  expect_not_served(CACHE_PASS_MISS);
  placed_.entry->epoch_key = epoch_key;
  placed_.entry->text_len = 14; /* shorter than a VALUE line with this key can be */
  expect_not_served(CACHE_PASS_MISS);
}

// A dead entry and, in a later way, its successor: the dead one does not hide it.
TEST_F(XdpFreshness, LooksBehindADeadEntry) {
  placed_.entry->epoch_key += 1;
  const auto successor = store().place({.key = "k", .data = "newer", .way = placed_.way + 1});
  expect_answer("k", successor.text);
  successor.entry->deadline = 1;
  expect_not_served(CACHE_PASS_EXPIRED);
}

TEST_F(XdpFreshness, BypassAndZeroedMemoryPassEverything) {
  control().mode = CACHE_MODE_BYPASS;
  expect_not_served(CACHE_PASS_BYPASS);
  expect_pass(frame(Ethernet{} / IPv4{.protocol = 6} / Text{"tcp"}), CACHE_PASS_BYPASS);
  control().mode = CACHE_MODE_SERVE;
  expect_served();
  const cache_control kept = control();
  control() = cache_control{};
  expect_not_served(CACHE_PASS_BYPASS);
  control() = kept;
  expect_served();
}

TEST_F(XdpFreshness, ShadowPassesWouldBeHitsOnly) {
  control().mode = CACHE_MODE_SHADOW;
  expect_not_served(CACHE_PASS_SHADOW);
  expect_no_answer("k k", CACHE_PASS_SHADOW);
  expect_no_answer("other", CACHE_PASS_MISS);
}

TEST_F(XdpFreshness, PassesWhenBmcdIsGone) {
  control().heartbeat_limit_ns = 2 * kSecond;
  control().heartbeat_ns = monotonic_ns();
  expect_served();
  control().heartbeat_ns = monotonic_ns() - 3 * kSecond;
  expect_not_served(CACHE_PASS_NO_HEARTBEAT);
  control().heartbeat_ns = monotonic_ns() + kSecond / 2; /* the coarse clock lags behind */
  expect_served();
  control().heartbeat_ns = 0;
  expect_not_served(CACHE_PASS_NO_HEARTBEAT);
}

// The tick is an hour and more: it does not change while the test runs, but once in a lifetime.
constexpr std::uint16_t kShift = 42, kTicks = 14;

TEST_F(XdpFreshness, KeepAlivePassesOneRequestPerPeriod) {
  control().keepalive_shift = kShift;
  control().keepalive_ticks = kTicks;
  const auto tick = cache_keepalive_tick(monotonic_ns(), kShift);
  const auto ago = [tick](int ticks) { return static_cast<std::uint8_t>(tick - ticks); };
  auto& passed = placed_.bucket->passed[placed_.way];
  passed = ago(kTicks);
  expect_not_served(CACHE_PASS_KEEPALIVE);
  EXPECT_EQ(passed, tick);
  expect_served();
  expect_served();
  passed = ago(kTicks - 1);
  expect_served();
  EXPECT_EQ(passed, ago(kTicks - 1)) << "a hit that is answered is none that memcached has seen";
  passed = ago(254);
  expect_not_served(CACHE_PASS_KEEPALIVE);
  passed = ago(-1);  // written by a program whose clock does not lag
  expect_served();
  passed = ago(kTicks);
  control().keepalive_ticks = 0;
  expect_served();
  EXPECT_EQ(passed, ago(kTicks));
}

TEST_F(XdpFreshness, KeepAlivePassesAGetOfManyIfAnyKeyIsDue) {
  control().keepalive_shift = kShift;
  control().keepalive_ticks = kTicks;
  const auto second = store().place({.key = "second", .data = "w"});
  std::uint8_t* const passed[] = {&placed_.bucket->passed[placed_.way], &second.bucket->passed[second.way]};
  const auto tick = cache_keepalive_tick(monotonic_ns(), kShift);
  for (const int due : {0, 1}) {
    *passed[0] = *passed[1] = tick;
    *passed[due] = static_cast<std::uint8_t>(tick - kTicks);
    expect_no_answer("k second", CACHE_PASS_KEEPALIVE);
    EXPECT_EQ(*passed[due], tick);
    expect_answer("k second", placed_.text + second.text);
  }
}

// memcached is shown all of them, so none needs to be shown soon.
TEST_F(XdpFreshness, AGetOfManyThatPassesCountsForAllItsKeys) {
  control().keepalive_shift = kShift;
  control().keepalive_ticks = kTicks;
  const auto second = store().place({.key = "second", .data = "w"});
  const auto third = store().place({.key = "third", .data = "x"});
  const auto tick = cache_keepalive_tick(monotonic_ns(), kShift);
  std::uint8_t* const passed[] = {&placed_.bucket->passed[placed_.way], &second.bucket->passed[second.way],
                                  &third.bucket->passed[third.way]};
  for (int age = 0; std::uint8_t* const each : passed) *each = static_cast<std::uint8_t>(tick - 7 * ++age);
  expect_answer("k", placed_.text);
  expect_no_answer("k second third", CACHE_PASS_KEEPALIVE);
  for (const std::uint8_t* const each : passed) EXPECT_EQ(*each, tick);
  expect_answer("k second third", placed_.text + second.text + third.text);
}

}  // namespace
}  // namespace bmc::test

// SPDX-License-Identifier: Apache-2.0
// Replies to a key that is stored already: comparison, renewal, replacement.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

#include "apps/memcached-cache/tests/fill_fixture.h"

namespace bmc::test {
namespace {

class FillCompareTest : public FillTest {
 protected:
  static std::uint8_t& passed(const std::string& key) {
    return store().bucket_of(store().hash(key)).passed[0];
  }

  // Units of bucket.passed while a deadline is unknown: waits for a new one.
  static void await_next_ask_tick() {
    const auto tick = monotonic_ns() >> 26;
    while (monotonic_ns() >> 26 == tick) std::this_thread::yield();
  }
};

TEST_F(FillCompareTest, EqualIsNotStoredAgain) {
  ASSERT_EQ(fill_for_ever("key", "data"), one(CACHE_FILL_OK));
  const auto used = store().segment(0).used;
  EXPECT_EQ(fill("key", "data"), one(CACHE_COMPARE_EQUAL));
  EXPECT_EQ(store().segment(0).used, used);
  EXPECT_EQ(store().entries("key").size(), 1u);
  EXPECT_TRUE(events().empty());
}

TEST_F(FillCompareTest, ADifferenceKillsTheEntry) {
  const std::string same(300, 'd');
  for (const std::string& other :
       {same.substr(0, 299) + "e", "D" + same.substr(1), same + "d", same.substr(1)}) {
    ASSERT_EQ(fill_for_ever("key", same), one(CACHE_FILL_OK));
    EXPECT_EQ(fill("key", other), one(CACHE_COMPARE_MISMATCH));
    EXPECT_TRUE(store().entries("key").empty());
    const auto told = events();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told.front().kind, CACHE_EVENT_MISMATCH);
    EXPECT_EQ(told.front().key_hash, store().hash("key"));
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(told.front().key), told.front().key_len), "key");
  }
  // Other flags are a difference as well.
  ASSERT_EQ(fill_for_ever("key", same), one(CACHE_FILL_OK));
  arrive("key");
  EXPECT_EQ(run(value_reply("key", same, 1)), one(CACHE_COMPARE_MISMATCH));
  EXPECT_EQ(fill("key", same), one(CACHE_FILL_OK));
}

// The largest text: every word of it is compared.
TEST_F(FillCompareTest, EveryByteCounts) {
  const std::string same(CACHE_TEXT_MAX - value_text("k", 0, "").size() - 3, 'd');
  for (std::size_t at = 0; at < same.size(); at += 97) {
    auto other = same;
    other[at] = 'e';
    ASSERT_EQ(fill_for_ever("k", same), one(CACHE_FILL_OK));
    EXPECT_EQ(fill("k", same), one(CACHE_COMPARE_EQUAL));
    ASSERT_EQ(fill("k", other), one(CACHE_COMPARE_MISMATCH)) << at;
    events();
  }
  auto other = same;
  other.back() = 'e';
  ASSERT_EQ(fill_for_ever("k", same), one(CACHE_FILL_OK));
  ASSERT_EQ(fill("k", other), one(CACHE_COMPARE_MISMATCH));
}

TEST_F(FillCompareTest, AnotherStampIsReplacedInItsWay) {
  ASSERT_EQ(fill_for_ever("key", "old"), one(CACHE_FILL_OK));
  write_arrives("key");
  write_released("key");
  ASSERT_EQ(fill_for_ever("key", "new"), one(CACHE_FILL_OK));
  ASSERT_EQ(store().entries("key").size(), 1u);
  EXPECT_EQ(FillStore::text_of(*store().entries("key").front()), value_text("key", 0, "new"));
  EXPECT_EQ(store().bucket_of(store().hash("key")).way[1], 0u);
}

TEST_F(FillCompareTest, TheSameKeyOfAnotherServerIsAnotherKey) {
  store().server(1).hash_seed = store().server(0).hash_seed;
  ASSERT_EQ(fill_for_ever("key", "zero"), one(CACHE_FILL_OK));
  ASSERT_EQ(arrive("key", {.server = 1, .client = "2001:db8::10"}), LEASE_RECORD_GRANTED);
  EXPECT_EQ(run(frame(Ethernet{} / IPv6{.from = "2001:db8::1", .to = "2001:db8::10"} /
                      UDP{.from = kServerPort, .to = kClientPort} / Memcached{} /
                      Text{value_text("key", 0, "one") + "END\r\n"})),
            one(CACHE_FILL_OK));
  EXPECT_EQ(store().entries("key").size(), 2u);
}

// Keys of one length in one bucket with one tag: only the bytes tell them apart.
TEST_F(FillCompareTest, TheWholeKeyIsCompared) {
  const auto wanted = store().hash("key");
  store().place({.key = "kez", .data = "data", .way = 0});
  store().bucket_of(wanted).way[0] = store().way_word(wanted, 0, 0);
  EXPECT_EQ(fill_for_ever("key", "data"), one(CACHE_FILL_OK));
  EXPECT_EQ(store().bucket_of(wanted).way[0], store().way_word(wanted, 0, 0));
  EXPECT_NE(store().bucket_of(wanted).way[1], 0u);
}

// Two fills at the same moment may leave two entries of one key: the next one removes the second.
TEST_F(FillCompareTest, ASecondEntryOfTheKeyIsRemoved) {
  store().place({.key = "key", .data = "data"});
  store().place({.key = "key", .data = "data"});
  ASSERT_EQ(store().entries("key").size(), 2u);
  EXPECT_EQ(fill("key", "data"), one(CACHE_COMPARE_EQUAL));
  EXPECT_EQ(store().entries("key").size(), 1u);
  EXPECT_NE(store().bucket_of(store().hash("key")).way[0], 0u);
}

// ---- What a comparison does for the entry ------------------------------------------------------

// A tick is 18 minutes.
constexpr std::uint16_t kShift = 40, kTicks = 14;

TEST_F(FillCompareTest, RefreshesTheKeepAlive) {
  store().control().keepalive_shift = kShift;
  store().control().keepalive_ticks = kTicks;
  ASSERT_EQ(fill_for_ever("key", "data"), one(CACHE_FILL_OK));
  passed("key") = static_cast<std::uint8_t>(passed("key") + 90);
  EXPECT_EQ(fill("key", "data"), one(CACHE_COMPARE_EQUAL));
  EXPECT_EQ(passed("key"), cache_keepalive_tick(monotonic_ns(), kShift));
}

// What is stored in one moment is not due in one: any age below the period, some of each.
TEST_F(FillCompareTest, NewEntriesHaveAgesOfTheirOwn) {
  store().control().keepalive_shift = kShift;
  store().control().keepalive_ticks = kTicks;
  std::set<int> ages;
  for (int i = 0; i < 200; i++) {
    const std::string key = "key" + std::to_string(i);
    ASSERT_EQ(fill_for_ever(key, "data"), one(CACHE_FILL_OK));
    const auto age = static_cast<std::uint8_t>(cache_keepalive_tick(monotonic_ns(), kShift) - passed(key));
    ASSERT_LT(age, kTicks);
    ages.insert(age);
  }
  EXPECT_EQ(ages.size(), kTicks);
}

// bmcd's answer may have been lost: a later get asks again, but not every one.
TEST_F(FillCompareTest, AsksAgainWhileTheDeadlineIsUnknown) {
  await_next_ask_tick();
  ASSERT_EQ(fill("key", "data"), one(CACHE_FILL_OK));
  const auto first = events();
  ASSERT_EQ(first.size(), 1u);
  passed("key") = static_cast<std::uint8_t>(passed("key") + 100);  // long ago
  EXPECT_EQ(fill("key", "data"), one(CACHE_COMPARE_EQUAL));
  const auto second = events();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second.front().kind, CACHE_EVENT_TTL);
  EXPECT_EQ(second.front().way, first.front().way);
  EXPECT_EQ(second.front().stamp, first.front().stamp);
  await_next_ask_tick();
  fill("key", "data");
  EXPECT_EQ(events().size(), 1u);
  fill("key", "data");
  fill("key", "data");
  EXPECT_LE(events().size(), 1u);  // another tick may have begun
}

TEST_F(FillCompareTest, TakesAHintThatCameLater) {
  ASSERT_EQ(fill("key", "data"), one(CACHE_FILL_OK));
  hint("key", CACHE_DEADLINE_NEVER);
  EXPECT_EQ(fill("key", "data"), (Counters{{CACHE_COMPARE_EQUAL, 1}, {CACHE_FILL_OK, 1}}));
  ASSERT_EQ(store().entries("key").size(), 1u);
  EXPECT_EQ(store().entries("key").front()->deadline, CACHE_DEADLINE_NEVER);
}

TEST_F(FillCompareTest, MaxStalenessIsRenewedByHalf) {
  store().server(0).deadline_cap = 1000;
  hint("key", CACHE_DEADLINE_NEVER);
  ASSERT_EQ(fill("key", "data"), one(CACHE_FILL_OK));
  EXPECT_EQ(fill("key", "data"), one(CACHE_COMPARE_EQUAL));
  // As if 600 units had passed.
  auto* entry = const_cast<struct entry*>(store().entries("key").front());
  entry->deadline = now_units() + 400;
  EXPECT_EQ(fill("key", "data"), (Counters{{CACHE_COMPARE_EQUAL, 1}, {CACHE_FILL_OK, 1}}));
  ASSERT_EQ(store().entries("key").size(), 1u);
  EXPECT_GE(store().entries("key").front()->deadline, now_units() + 999);
}

// Without max_staleness a deadline is the item's own and stays.
TEST_F(FillCompareTest, AnExpiredEntryIsNotRenewedWithoutACap) {
  hint("key", now_units() - 2);
  ASSERT_EQ(fill("key", "data"), one(CACHE_FILL_OK));
  const auto deadline = store().entries("key").front()->deadline;
  EXPECT_EQ(fill("key", "data"), one(CACHE_COMPARE_EQUAL));
  EXPECT_EQ(store().entries("key").front()->deadline, deadline);
}

}  // namespace
}  // namespace bmc::test

// SPDX-License-Identifier: Apache-2.0
// What becomes of a reply: each reason not to store it with its negative twin, the entry stored, expiry.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>

#include "apps/memcached-cache/tests/fill_fixture.h"

namespace bmc::test {
namespace {

class FillStoreTest : public FillTest {
 protected:
  static const struct entry& only_entry(const std::string& key) {
    const auto found = store().entries(key);
    if (found.size() != 1) throw std::runtime_error(std::to_string(found.size()) + " entries of " + key);
    return *found.front();
  }
};

TEST_F(FillStoreTest, StoresTheEntryOfTheLease) {
  const auto hash = store().hash("key");
  for (int i = 0; i < 3; ++i) {
    write_arrives("key");
    write_released("key");
  }
  store().server(0).global = GUARD_ARRIVE * 5 - 5;
  hint("key", CACHE_DEADLINE_NEVER);
  ASSERT_EQ(arrive("key"), LEASE_RECORD_GRANTED);
  EXPECT_EQ(run(value_reply("key", "some data", 42)), one(CACHE_FILL_OK));
  const auto& entry = only_entry("key");
  EXPECT_EQ(entry.epoch_key, std::uint64_t{5} | 3ull << 48 | 0ull << 56);
  EXPECT_EQ(entry.deadline, CACHE_DEADLINE_NEVER);
  EXPECT_EQ(FillStore::text_of(entry), "VALUE key 42 9\r\nsome data\r\n");
  EXPECT_EQ(entry.text_sum, text_sum(FillStore::text_of(entry)));
  EXPECT_EQ(store().bucket_of(hash).way[0], store().way_word(hash, 0, 0));
  EXPECT_EQ(store().segment(0).used, (16u + 27u + 7u) / 8 * 8);
  EXPECT_EQ(store().segment(0).writers, 0u);
  EXPECT_TRUE(events().empty());
}

// The padding behind an odd text counts as zero, whatever stood there before.
TEST_F(FillStoreTest, SumsOfAllLengths) {
  std::memset(store().log(0), 0xa5, CACHE_SEGMENT_BYTES);
  for (std::size_t length = 0; length < 40; ++length) {
    const auto key = "k" + std::to_string(length);
    ASSERT_EQ(fill_for_ever(key, std::string(length, 'v')), one(CACHE_FILL_OK));
    EXPECT_EQ(only_entry(key).text_sum, text_sum(FillStore::text_of(only_entry(key)))) << length;
  }
}

TEST_F(FillStoreTest, TheLargestTextAndTheLongestKey) {
  const auto frame_bytes = value_text("k", 0, "").size() + 3;
  const std::string most(CACHE_TEXT_MAX - frame_bytes, 'v');
  EXPECT_EQ(fill("k", most), one(CACHE_FILL_OK));
  EXPECT_EQ(only_entry("k").text_len, CACHE_TEXT_MAX);
  EXPECT_EQ(only_entry("k").text_sum, text_sum(FillStore::text_of(only_entry("k"))));
  EXPECT_EQ(fill("l", most + "v"), one(CACHE_FILL_SHAPE));
  const std::string longest(CACHE_KEY_MAX, 'K');
  EXPECT_EQ(fill(longest, "v\r\nEND\r\n"), one(CACHE_FILL_OK));
  EXPECT_EQ(FillStore::text_of(only_entry(longest)), value_text(longest, 0, "v\r\nEND\r\n"));
}

TEST_F(FillStoreTest, NoLease) {
  EXPECT_EQ(run(value_reply("key", "data")), one(CACHE_FILL_NO_LEASE));
  arrive("key");
  EXPECT_EQ(run(reply(value_text("key", 0, "data") + "END\r\n", kRequestId + 1)), one(CACHE_FILL_NO_LEASE));
  EXPECT_EQ(run(value_reply("key", "data")), one(CACHE_FILL_OK));
  EXPECT_EQ(run(value_reply("key", "data")), one(CACHE_FILL_NO_LEASE));
  EXPECT_EQ(store().entries("key").size(), 1u);
}

TEST_F(FillStoreTest, AnotherKeyThanAsked) {
  arrive("key");
  EXPECT_EQ(run(value_reply("kez", "data")), one(CACHE_FILL_NO_LEASE));
  EXPECT_TRUE(store().entries("kez").empty());
  EXPECT_TRUE(store().entries("key").empty());
}

TEST_F(FillStoreTest, RequestsThatMayNotFill) {
  for (const auto wish : {LEASE_WISH_NONE, LEASE_WISH_ONE_REPLY}) {
    EXPECT_EQ(arrive("key", {.wish = wish}), LEASE_RECORD_PLAIN);
    EXPECT_EQ(run(value_reply("key", "data")), one(CACHE_FILL_NO_LEASE));
  }
}

TEST_F(FillStoreTest, Misses) {
  arrive("key");
  EXPECT_EQ(run(reply("END\r\n")), one(CACHE_FILL_MISS));
  EXPECT_EQ(run(reply("END\r\n")), one(CACHE_FILL_NO_LEASE));
}

TEST_F(FillStoreTest, ShapesThatAreNotOneValue) {
  for (const std::string text : {"VALUE key 0 1 5\r\nv\r\nEND\r\n", "VALUE key 0 1\r\nv\r\n",
                                 "VALUE key 0 1\r\nv\r\nVALUE l 0 1\r\nv\r\nEND\r\n", "ERROR\r\n"}) {
    ASSERT_EQ(arrive("key"), LEASE_RECORD_GRANTED);
    EXPECT_EQ(run(reply(text)), one(CACHE_FILL_SHAPE)) << text;
  }
  EXPECT_TRUE(store().entries("key").empty());
}

TEST_F(FillStoreTest, WritesOfTheKeySinceTheLease) {
  arrive("key");
  write_arrives("key");
  EXPECT_EQ(run(value_reply("key", "old")), one(CACHE_FILL_MOVED));
  write_released("key");
  // Released, but this reply is of before.
  EXPECT_EQ(arrive("key"), LEASE_RECORD_GRANTED);
  EXPECT_EQ(run(value_reply("key", "new")), one(CACHE_FILL_OK));
  EXPECT_EQ(FillStore::text_of(only_entry("key")), value_text("key", 0, "new"));
}

TEST_F(FillStoreTest, GlobalWritesAndHoldsSinceTheLease) {
  arrive("key");
  guard_bump(&store().server(0).global);
  EXPECT_EQ(run(value_reply("key", "old")), one(CACHE_FILL_MOVED));
  arrive("key");
  store().server(0).hold = SERVER_DOWN;
  EXPECT_EQ(run(value_reply("key", "old")), one(CACHE_FILL_MOVED));
  store().server(0).hold = 0;
  arrive("key");
  store().server(1).hold = SERVER_DOWN;
  guard_bump(&store().server(1).global);
  EXPECT_EQ(run(value_reply("key", "new")), one(CACHE_FILL_OK));
}

// Its gets are not recorded, so a reply has nothing to do here; what was recorded before the rest stays for
// later.
TEST_F(FillStoreTest, ARestingServersRepliesAreNotLookedAt) {
  __u64 tag = 0;
  const auto& slot = lease_slot({}, &tag);
  ASSERT_EQ(arrive("key"), LEASE_RECORD_GRANTED);
  store().server(0).hold = SERVER_RESTING | SERVER_BOOT_HOLD;
  EXPECT_EQ(run(value_reply("key", "data")), Counters{});
  EXPECT_EQ(slot.tag, tag);
  EXPECT_TRUE(store().entries("key").empty());
  store().server(0).hold = SERVER_BOOT_HOLD;  // awake: looked at, but not stored yet
  EXPECT_EQ(run(value_reply("key", "data")), one(CACHE_FILL_MOVED));
  EXPECT_NE(slot.tag, tag);
  store().server(0).hold = 0;
  store().server(1).hold = SERVER_RESTING | SERVER_BOOT_HOLD;  // another one's rest is its own
  EXPECT_EQ(fill("key", "data"), one(CACHE_FILL_OK));
}

TEST_F(FillStoreTest, MissPathHistogram) {
  EXPECT_EQ(store().miss_path().first, 0u);
  arrive("key");
  lease_slot({}).arrival_ns -= 1000000000;
  run(reply("END\r\n"));
  EXPECT_EQ(store().miss_path(), std::make_pair(std::uint64_t{1}, 29u));  // 2^29 ns = 0.54 s
  arrive("key");
  lease_slot({}).arrival_ns = 1;
  run(reply("END\r\n"));
  const auto since_boot = static_cast<std::uint32_t>(std::bit_width(monotonic_ns()) - 1);
  EXPECT_EQ(store().miss_path().second,
            std::min(since_boot, CACHE_HISTOGRAM_BUCKETS - 1));  // nine minutes or more
  run(reply("END\r\n"));
  EXPECT_EQ(store().miss_path().first, 2u);
}

// ---- Deadlines ------------------------------------------------------------------------------

TEST_F(FillStoreTest, DeadlineFromTheHint) {
  EXPECT_EQ(fill_for_ever("never", "v"), one(CACHE_FILL_OK));
  EXPECT_EQ(only_entry("never").deadline, CACHE_DEADLINE_NEVER);
  hint("soon", 12345678);
  EXPECT_EQ(fill("soon", "v"), one(CACHE_FILL_OK));
  EXPECT_EQ(only_entry("soon").deadline, 12345678u);
  EXPECT_TRUE(events().empty());
}

TEST_F(FillStoreTest, HintsThatDoNotCount) {
  const auto expect_unknown = [&] {
    ASSERT_EQ(fill("key", "v"), one(CACHE_FILL_OK));
    EXPECT_EQ(only_entry("key").deadline, CACHE_DEADLINE_UNKNOWN);
    EXPECT_EQ(events().size(), 1u);
    write_arrives("key");
    write_released("key");
  };
  expect_unknown();
  hint("key", CACHE_DEADLINE_NEVER);
  store().hint_of(store().hash("key")).sequence = 3;  // being written
  expect_unknown();
  hint("key", CACHE_DEADLINE_NEVER);
  store().hint_of(store().hash("key")).stamp -= 1;  // of a write that was not the last
  expect_unknown();
  hint("key", CACHE_DEADLINE_NEVER);
  store().hint_of(store().hash("key")).key_hash ^= 1ull << 63;  // of a key with the same guard
  expect_unknown();
  hint("key", CACHE_DEADLINE_UNKNOWN);
  expect_unknown();
}

// A write on the global guard may have changed this key's expiry too: the hint holds no longer.
TEST_F(FillStoreTest, HintEndsWithItsEpoch) {
  hint("key", CACHE_DEADLINE_NEVER);
  guard_bump(&store().server(0).global);
  EXPECT_EQ(fill("key", "v"), one(CACHE_FILL_OK));
  EXPECT_EQ(only_entry("key").deadline, CACHE_DEADLINE_UNKNOWN);
}

TEST_F(FillStoreTest, CapAndDelayedFlushCutTheDeadline) {
  store().server(0).deadline_cap = 15;
  const auto before = now_units();
  EXPECT_EQ(fill_for_ever("key", "v"), one(CACHE_FILL_OK));
  EXPECT_GE(only_entry("key").deadline, before + 15);
  EXPECT_LE(only_entry("key").deadline, now_units() + 15);
  hint("soon", before + 5);
  EXPECT_EQ(fill("soon", "v"), one(CACHE_FILL_OK));
  EXPECT_EQ(only_entry("soon").deadline, before + 5);
  store().server(0).flush_from = before + 3;
  hint("flushed", CACHE_DEADLINE_NEVER);
  EXPECT_EQ(fill("flushed", "v"), one(CACHE_FILL_OK));
  EXPECT_EQ(only_entry("flushed").deadline, before + 3);
  EXPECT_EQ(fill("unknown", "v"), one(CACHE_FILL_OK));
  EXPECT_EQ(only_entry("unknown").deadline, CACHE_DEADLINE_UNKNOWN);
}

TEST_F(FillStoreTest, AsksBmcdForAnUnknownDeadline) {
  const std::string key(CACHE_KEY_MAX, 'q');
  write_arrives(key);
  write_released(key);
  ASSERT_EQ(fill(key, "v"), one(CACHE_FILL_OK));
  const auto asked = events();
  ASSERT_EQ(asked.size(), 1u);
  const auto& event = asked.front();
  EXPECT_EQ(event.kind, CACHE_EVENT_TTL);
  EXPECT_EQ(event.server, 0);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(event.key), event.key_len), key);
  EXPECT_EQ(event.key_hash, store().hash(key));
  EXPECT_EQ(event.stamp, store().stamp(event.key_hash, 0));
  EXPECT_EQ(event.way, store().way_word(event.key_hash, 0, 0));
  EXPECT_EQ(event.reason, 0u);
  // bmcd's answer.
  EXPECT_TRUE(set_entry_deadline(store().memory(), event.way, 77));
  EXPECT_FALSE(set_entry_deadline(store().memory(), event.way, 78));
  EXPECT_EQ(only_entry(key).deadline, 77u);
  EXPECT_EQ(store().segment(0).writers, 0u);
}

TEST_F(FillStoreTest, EventsThatFindNoRoomAreCounted) {
  std::uint64_t stored = 0, lost = 0;
  for (int i = 0; i < 20; ++i) {
    auto counted = fill("key" + std::to_string(i), "v");
    stored += counted[CACHE_FILL_OK];
    lost += counted[CACHE_EVENT_LOST];
  }
  EXPECT_EQ(stored, 20u);
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(events().size(), 20u - lost);
}

}  // namespace
}  // namespace bmc::test

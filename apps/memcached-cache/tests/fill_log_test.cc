// SPDX-License-Identifier: Apache-2.0
// The log going around and the choice of ways, through the real program; bmcd's side of the pins.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "apps/memcached-cache/tests/fill_fixture.h"

namespace bmc::test {
namespace {

class FillLogTest : public FillTest {
 protected:
  // As if the current segment had just been filled.
  static void fill_segment(std::uint32_t index) { store().segment(index).used = STORE_OFFSET_MAX + 8; }

  // Keys of one bucket.
  static std::vector<std::string> keys_of_one_bucket(std::size_t count) {
    std::vector<std::string> keys;
    const auto* wanted = &store().bucket_of(store().hash("key"));
    for (int i = 0; keys.size() < count; ++i) {
      auto key = "key" + std::to_string(i);
      if (&store().bucket_of(store().hash(key)) == wanted) keys.push_back(std::move(key));
    }
    return keys;
  }

  static bool has(const std::string& key) { return store().entries(key).size() == 1; }
};

TEST_F(FillLogTest, GoesOnToTheNextSegment) {
  ASSERT_EQ(fill_for_ever("first", "v"), one(CACHE_FILL_OK));
  fill_segment(0);
  store().segment(1).used = 4711;
  ASSERT_EQ(fill_for_ever("second", "v"), one(CACHE_FILL_OK));
  EXPECT_EQ(store().head().current, 1u);
  EXPECT_EQ(store().head().advancing, 0u);
  EXPECT_EQ(store().head().recycled, 1u);
  EXPECT_EQ(store().segment(1).generation, 1u);
  EXPECT_EQ(store().segment(1).used, 40u);
  EXPECT_EQ(store().segment(1).writers, 0u);
  EXPECT_TRUE(has("first"));
  EXPECT_TRUE(has("second"));
}

// An entry may begin exactly at the last place, and never behind it.
TEST_F(FillLogTest, TheLastPlaceOfASegment) {
  store().segment(0).used = STORE_OFFSET_MAX;
  const std::string most(CACHE_TEXT_MAX - value_text("k", 0, "").size() - 3, 'v');
  ASSERT_EQ(fill_for_ever("k", most), one(CACHE_FILL_OK));
  EXPECT_EQ(store().head().current, 0u);
  EXPECT_EQ(FillStore::text_of(*store().entries("k").front()), value_text("k", 0, most));
  fill_segment(0);
  ASSERT_EQ(fill_for_ever("l", "v"), one(CACHE_FILL_OK));
  EXPECT_EQ(store().head().current, 1u);
}

TEST_F(FillLogTest, GoesAroundAndForgetsTheOldest) {
  std::vector<std::string> keys;
  for (std::uint32_t i = 0; i < 6; ++i) {
    keys.push_back("round" + std::to_string(i));
    ASSERT_EQ(fill_for_ever(keys.back(), "v"), one(CACHE_FILL_OK));
    fill_segment(store().head().current);
  }
  EXPECT_EQ(store().head().current, 1u);
  EXPECT_EQ(store().segment(0).generation, 1u);
  EXPECT_EQ(store().segment(1).generation, 2u);
  for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(has(keys[i]), i >= 2) << keys[i];
}

TEST_F(FillLogTest, APinnedSegmentIsLeftOut) {
  fill_segment(0);
  {
    const SegmentPin pin(store().segment(1));
    ASSERT_EQ(fill_for_ever("key", "v"), one(CACHE_FILL_OK));
  }
  EXPECT_EQ(store().head().current, 2u);
  EXPECT_EQ(store().segment(1).generation, 1u);  // what it held is dead all the same
  EXPECT_EQ(store().segment(1).writers, 0u);
}

TEST_F(FillLogTest, NoSpaceWhileTheNextOnesArePinned) {
  ASSERT_EQ(fill_for_ever("old", "v"), one(CACHE_FILL_OK));
  fill_segment(0);
  const auto used = store().segment(0).used;
  {
    const SegmentPin first(store().segment(1)), second(store().segment(2));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(fill_for_ever("key", "v"), one(CACHE_FILL_NO_SPACE));
  }
  EXPECT_EQ(store().segment(0).used, used);  // tries that fail do not add up
  EXPECT_TRUE(has("old"));
  EXPECT_FALSE(has("key"));
  EXPECT_EQ(fill_for_ever("key", "v"), one(CACHE_FILL_OK));
}

TEST_F(FillLogTest, NoSpaceWhileAnotherAdvances) {
  fill_segment(0);
  store().head().advancing = 1;
  EXPECT_EQ(fill_for_ever("key", "v"), one(CACHE_FILL_NO_SPACE));
  store().head().advancing = 0;
  EXPECT_EQ(fill_for_ever("key", "v"), one(CACHE_FILL_OK));
}

TEST_F(FillLogTest, TheGenerationInAWayIsItsLowBits) {
  fill_segment(0);
  store().segment(1).generation = WAY_GENERATION_MASK;
  ASSERT_EQ(fill_for_ever("key", "v"), one(CACHE_FILL_OK));
  EXPECT_EQ(store().segment(1).generation, WAY_GENERATION_MASK + 1);
  EXPECT_TRUE(has("key"));
  EXPECT_EQ(fill("key", "v"), one(CACHE_COMPARE_EQUAL));
}

// ---- Ways -------------------------------------------------------------------------------------

TEST_F(FillLogTest, AFullBucketGivesUpItsOldest) {
  const auto keys = keys_of_one_bucket(10);
  for (std::size_t i = 0; i < 7; ++i) {
    ASSERT_EQ(fill_for_ever(keys[i], "v"), one(CACHE_FILL_OK));
    if (i == 2) fill_segment(0);
  }
  for (std::size_t i = 7; i < 10; ++i) {
    ASSERT_EQ(fill_for_ever(keys[i], "v"), one(CACHE_FILL_OK));
    for (std::size_t j = 0; j <= i; ++j) EXPECT_EQ(has(keys[j]), j + 7 > i) << i << " " << j;
  }
}

TEST_F(FillLogTest, DeadWaysAreUsedBeforeLivingOnes) {
  const auto keys = keys_of_one_bucket(8);
  for (std::size_t i = 0; i < 7; ++i) {
    ASSERT_EQ(fill_for_ever(keys[i], "v"), one(CACHE_FILL_OK));
    if (i == 3) fill_segment(0);
  }
  store().segment(1).generation += 1;  // keys 4, 5 and 6 are dead, though younger
  ASSERT_EQ(fill_for_ever(keys[7], "v"), one(CACHE_FILL_OK));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(has(keys[i]));
  EXPECT_TRUE(has(keys[7]));
}

// The oldest is told by the order in which segments were filled, not by their numbers.
TEST_F(FillLogTest, AgeGoesAroundWithTheLog) {
  const auto keys = keys_of_one_bucket(8);
  store().head().current = 3;
  for (std::size_t i = 0; i < 7; ++i) {
    ASSERT_EQ(fill_for_ever(keys[i], "v"), one(CACHE_FILL_OK));
    if (i == 1) fill_segment(3);  // 0 and 1 in segment 3, the rest in segment 0
  }
  EXPECT_EQ(store().head().current, 0u);
  ASSERT_EQ(fill_for_ever(keys[7], "v"), one(CACHE_FILL_OK));
  EXPECT_FALSE(has(keys[0]));
  for (std::size_t i = 1; i < 8; ++i) EXPECT_TRUE(has(keys[i]));
}

// ---- bmcd's side ------------------------------------------------------------------------------

TEST_F(FillLogTest, NoDeadlineForARecycledEntry) {
  ASSERT_EQ(fill("key", "v"), one(CACHE_FILL_OK));
  const auto event = events().front();
  store().segment(0).generation += 1;
  EXPECT_FALSE(set_entry_deadline(store().memory(), event.way, 5));
  EXPECT_EQ(store().segment(0).writers, 0u);
  store().segment(0).generation -= 1;
  EXPECT_TRUE(set_entry_deadline(store().memory(), event.way, 5));
}

TEST_F(FillLogTest, NoDeadlineForAnImpossibleWay) {
  ASSERT_EQ(fill("key", "v"), one(CACHE_FILL_OK));
  const auto event = events().front();
  const auto memory = store().memory();
  EXPECT_FALSE(set_entry_deadline(memory, event.way & ~WAY_VALID, 5));
  EXPECT_FALSE(set_entry_deadline(memory, event.way | WAY_OFFSET_MASK, 5));
  EXPECT_FALSE(set_entry_deadline(memory, event.way | std::uint64_t{4} << WAY_SEGMENT_SHIFT, 5));
  EXPECT_TRUE(set_entry_deadline(memory, event.way, 5));
}

TEST_F(FillLogTest, LeakedPinsAreTakenBack) {
  shared_add_u32(&store().segment(2).writers, SEGMENT_PIN_DAEMON + SEGMENT_PIN_FILL);
  release_leaked_pins(store().memory());
  EXPECT_EQ(store().segment(2).writers, SEGMENT_PIN_FILL);
  EXPECT_EQ(store().segment(1).writers, 0u);
}

}  // namespace
}  // namespace bmc::test

// SPDX-License-Identifier: Apache-2.0
// Intended times of an open loop.
#include "loadgen/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace bmc::loadgen {
namespace {

constexpr std::uint64_t kStart = 1'000'000'000'000;

TEST(Schedule, IsEvenAndDoesNotDrift) {
  const Schedule schedule(3, kStart);
  EXPECT_EQ(schedule.intended_ns(0), kStart);
  EXPECT_EQ(schedule.intended_ns(1), kStart + 333'333'333);
  EXPECT_EQ(schedule.intended_ns(3), kStart + 1'000'000'000);
  // A day later to the nanosecond.
  EXPECT_EQ(schedule.intended_ns(3 * 86400), kStart + 86400ull * 1'000'000'000);
  const Schedule fast(7'000'000, kStart);
  EXPECT_EQ(fast.intended_ns(7'000'000ull * 3600), kStart + 3600ull * 1'000'000'000);
}

TEST(Schedule, DueCountsWhatWasIntendedBefore) {
  const Schedule schedule(1000, kStart);
  EXPECT_EQ(schedule.due(kStart - 1), 0u);
  EXPECT_EQ(schedule.due(kStart), 0u);
  EXPECT_EQ(schedule.due(kStart + 1), 1u);
  EXPECT_EQ(schedule.due(kStart + 1'000'000), 1u);
  EXPECT_EQ(schedule.due(kStart + 1'000'001), 2u);
  for (std::uint64_t number = 0; number < 5000; number += 7) {
    const std::uint64_t intended = schedule.intended_ns(number);
    ASSERT_EQ(schedule.due(intended), number);
    ASSERT_EQ(schedule.due(intended + 1), number + 1);
  }
}

// Who is late sends what is due at once, and measures each from its own time: the schedule does not wait.
TEST(Schedule, APauseMovesNothing) {
  const Schedule schedule(1000, kStart);
  const std::uint64_t after_pause = kStart + 500'000'001;
  EXPECT_EQ(schedule.due(after_pause), 501u);
  EXPECT_EQ(after_pause - schedule.intended_ns(0), 500'000'001u);
  EXPECT_EQ(after_pause - schedule.intended_ns(499), 1'000'001u);
}

TEST(Schedule, PartsInterleaveToTheWhole) {
  const Schedule whole(1000, kStart);
  std::vector<std::uint64_t> times;
  for (std::uint32_t part = 0; part < 4; ++part) {
    const Schedule mine(1000, kStart, part, 4);
    for (std::uint64_t number = 0; number < 25; ++number) times.push_back(mine.intended_ns(number));
  }
  std::sort(times.begin(), times.end());
  for (std::uint64_t number = 0; number < 100; ++number) ASSERT_EQ(times[number], whole.intended_ns(number));
}

}  // namespace
}  // namespace bmc::loadgen

// SPDX-License-Identifier: Apache-2.0
// KeepalivePace: its ticks, when it takes its time and when it does not.
#include "apps/memcached-cache/daemon/keepalive_pace.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bmc::cache::test {
namespace {

using namespace std::chrono_literals;

constexpr int kCalm = static_cast<int>(KeepalivePace::kCalmNs / kSecondNs);

Stats stats_of(std::uint64_t bytes, std::uint64_t limit, std::uint64_t evictions) {
  return {{"bytes", std::to_string(bytes)},
          {"limit_maxbytes", std::to_string(limit)},
          {"evictions", std::to_string(evictions)}};
}

class KeepalivePaceTest : public testing::Test {
 protected:
  void seconds(int count) {
    std::vector<const Stats*> told;
    for (const Stats& each : servers_) told.push_back(&each);
    for (int i = 0; i < count; i++) pace_.step(now_ns_ += kSecondNs, told);
  }
  bool is_stretched() const { return pace_.ticks() == base_ * KeepalivePace::kStretch; }

  KeepalivePace pace_{60s};
  const int base_ = pace_.ticks();
  std::vector<Stats> servers_{stats_of(40, 100, 7)};
  std::uint64_t now_ns_ = 1000 * kSecondNs;
};

TEST(KeepalivePaceTicks, AreRightToASixteenth) {
  for (const std::chrono::nanoseconds after : {1ns, 15ns, 17ns, 999ns, 200'000'000ns, 1'000'000'000ns,
                                               60'000'000'000ns, 3'600'000'000'000ns, 86'400'000'000'000ns}) {
    const KeepalivePace pace(after);
    const double made = static_cast<double>(std::uint64_t{pace.ticks()} << pace.shift());
    const auto asked = static_cast<double>(after.count());
    EXPECT_NEAR(made, asked, asked / 16) << after.count();
    // Ages up to the longest are told apart in 8 bits, with room for a clock that lags.
    EXPECT_LE(pace.ticks() * KeepalivePace::kStretch, 128) << after.count();
  }
}

TEST(KeepalivePaceTicks, NoneIsNone) {
  KeepalivePace pace(0s);
  const Stats calm = stats_of(0, 100, 0);
  const Stats* const told[] = {&calm};
  for (std::uint64_t s = 1; s < 200; s++) pace.step(s * kSecondNs, told);
  EXPECT_EQ(pace.ticks(), 0);
}

TEST_F(KeepalivePaceTest, TakesItsTimeAfterAMinuteOfCalm) {
  seconds(1);  // the first evictions that are told are no calm
  seconds(kCalm);
  EXPECT_EQ(pace_.ticks(), base_);
  seconds(1);
  EXPECT_TRUE(is_stretched());
}

TEST_F(KeepalivePaceTest, AtOnceWhereNothingWasEverEvicted) {
  servers_[0] = stats_of(40, 100, 0);
  seconds(1);
  EXPECT_TRUE(is_stretched());
  servers_[0] = stats_of(77, 100, 0);
  seconds(1);
  EXPECT_FALSE(is_stretched()) << "less than a quarter of it was free";
  servers_[0] = stats_of(40, 100, 1);
  seconds(kCalm);
  EXPECT_FALSE(is_stretched()) << "it has evicted now";
}

TEST_F(KeepalivePaceTest, NotWhereMoreThanThreeQuartersAreInUse) {
  servers_[0] = stats_of(77, 100, 7);
  seconds(5 * kCalm);
  EXPECT_EQ(pace_.ticks(), base_);
}

TEST_F(KeepalivePaceTest, NotWhereOneOfTheServersEvicts) {
  servers_.push_back(stats_of(10, 100, 0));
  for (int i = 0; i < 5 * kCalm; i++) {
    servers_[1] = stats_of(10, 100, static_cast<std::uint64_t>(i));
    seconds(1);
    ASSERT_EQ(pace_.ticks(), base_);
  }
}

TEST_F(KeepalivePaceTest, NotWhereItIsNotTold) {
  for (const char* name : {"bytes", "limit_maxbytes", "evictions"}) {
    servers_[0] = stats_of(10, 100, 0);
    servers_[0].erase(name);
    seconds(3 * kCalm);
    EXPECT_EQ(pace_.ticks(), base_) << name;
  }
  servers_.clear();
  seconds(3 * kCalm);
  EXPECT_EQ(pace_.ticks(), base_) << "nobody is served";
}

TEST_F(KeepalivePaceTest, ComesBackATickASecond) {
  seconds(kCalm + 2);
  ASSERT_TRUE(is_stretched());
  servers_[0] = stats_of(90, 100, 7);
  const int most = pace_.ticks();
  for (int i = 1; i <= most - base_; i++) {
    seconds(1);
    ASSERT_EQ(pace_.ticks(), most - i);
  }
  seconds(100);
  EXPECT_EQ(pace_.ticks(), base_);
}

TEST_F(KeepalivePaceTest, AnEvictionIsEnough) {
  seconds(kCalm + 2);
  ASSERT_TRUE(is_stretched());
  servers_[0] = stats_of(40, 100, 8);
  seconds(1);
  EXPECT_FALSE(is_stretched());
  seconds(kCalm);
  EXPECT_FALSE(is_stretched()) << "and a minute of calm from then on";
}

}  // namespace
}  // namespace bmc::cache::test

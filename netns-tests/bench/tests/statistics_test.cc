// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the benchmarks, against numbers worked out by hand.
#include "netns-tests/bench/statistics.h"

#include <gtest/gtest.h>

#include "loadgen/workload.h"

namespace bmc::bench {
namespace {

TEST(MedianTest, IsTheMiddleOne) {
  EXPECT_EQ(median_of({}), 0);
  EXPECT_EQ(median_of({7}), 7);
  EXPECT_EQ(median_of({9, 1, 5}), 5);
  EXPECT_EQ(median_of({4, 1, 3, 2}), 3) << "the upper of two";
}

TEST(MedianTest, OneWildRunDoesNotMoveIt) { EXPECT_EQ(median_of({10, 11, 12, 1e9, 13}), 12); }

TEST(IdealLfuTest, HoldsWhatIsAskedMost) {
  // Room for two of ten bytes each: 5 and 3 of 10.
  EXPECT_DOUBLE_EQ(ideal_lfu_hit_rate({1, 5, 1, 3}, 20, 10), 0.8);
  EXPECT_DOUBLE_EQ(ideal_lfu_hit_rate({1, 5, 1, 3}, 29, 10), 0.8) << "no part of a third";
  EXPECT_DOUBLE_EQ(ideal_lfu_hit_rate({1, 5, 1, 3}, 30, 10), 0.9);
}

TEST(IdealLfuTest, KnowsItsBounds) {
  EXPECT_EQ(ideal_lfu_hit_rate({1, 2}, 9, 10), 0) << "not one fits";
  EXPECT_DOUBLE_EQ(ideal_lfu_hit_rate({1, 2}, 1000, 10), 1) << "all fit";
  EXPECT_EQ(ideal_lfu_hit_rate({}, 1000, 10), 0);
  EXPECT_EQ(ideal_lfu_hit_rate({1}, 1000, 0), 0);
}

TEST(IdealLfuTest, OfZipfIsAQuotientOfHarmonicNumbers) {
  // H(10) / H(100) for exponent 1.
  EXPECT_NEAR(ideal_lfu_hit_rate(loadgen::zipf_weights(100, 1), 10, 1), 2.9289682540 / 5.1873775176, 1e-9);
}

TEST(AmdahlTest, IsOneOfBothWhereThereIsNoOther) {
  EXPECT_DOUBLE_EQ(amdahl_rate(0, 100, 1000), 1000);
  EXPECT_DOUBLE_EQ(amdahl_rate(1, 100, 1000), 100);
}

TEST(AmdahlTest, TimesAddUp) {
  // Half at 100/s, half at 400/s: 5 ms + 1.25 ms for one.
  EXPECT_DOUBLE_EQ(amdahl_rate(0.5, 100, 400), 160);
  EXPECT_EQ(amdahl_rate(0.5, 0, 400), 0) << "never done";
}

}  // namespace
}  // namespace bmc::bench

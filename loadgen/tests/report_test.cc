// SPDX-License-Identifier: Apache-2.0
// Histogram and report.
#include "loadgen/report.h"

#include <gtest/gtest.h>

#include "loadgen/workload_abi.h"

namespace bmc::loadgen {
namespace {

TEST(Buckets, FollowEachOtherWithoutGap) {
  for (std::uint32_t bucket = 0; bucket + 1 < LOADGEN_BUCKETS; ++bucket) {
    const std::uint64_t floor = workload_bucket_floor(bucket), next = workload_bucket_floor(bucket + 1);
    ASSERT_EQ(workload_bucket(floor), bucket);
    ASSERT_EQ(workload_bucket(next - 1), bucket);
    ASSERT_LE(static_cast<double>(next - floor), std::max(1.0, static_cast<double>(floor) / 32));
  }
  EXPECT_EQ(workload_bucket((1ull << 36) - 1), LOADGEN_BUCKETS - 1);
  EXPECT_EQ(workload_bucket(1ull << 36), LOADGEN_BUCKETS - 1);
  EXPECT_EQ(workload_bucket(~0ull), LOADGEN_BUCKETS - 1);
}

TEST(Latency, QuantilesAreWithinTheWidthOfABucket) {
  Latency latency;
  EXPECT_EQ(latency.quantile_ns(0.5), 0);
  for (std::uint64_t us = 1; us <= 1000; ++us) latency.add(us * 1000);
  EXPECT_EQ(latency.count(), 1000u);
  EXPECT_NEAR(latency.quantile_ns(0.5), 500e3, 500e3 * 0.04);
  EXPECT_NEAR(latency.quantile_ns(0.99), 990e3, 990e3 * 0.04);
  EXPECT_NEAR(latency.quantile_ns(1), 1000e3, 1000e3 * 0.04);
}

TEST(Report, CountsWrongAndLostApart) {
  RunReport report;
  report.seconds = 2;
  report.sent = 1000;
  report.counter[LOADGEN_ANSWERED] = 900;
  report.counter[LOADGEN_WRONG_VALUE] = 30;
  report.counter[LOADGEN_WRONG_END] = 20;
  report.counter[LOADGEN_LATE] = 10;
  EXPECT_EQ(report.wrong(), 50u);
  EXPECT_EQ(report.lost(), 50u);
  EXPECT_DOUBLE_EQ(report.loss(), 0.05);
  EXPECT_DOUBLE_EQ(report.rps(), 450);
  EXPECT_EQ(report.late(), 10u);
  EXPECT_EQ(report.unanswered(), 40u);
}

TEST(Report, MoreWrongRepliesThanRequestsLoseNothing) {
  RunReport report;
  report.sent = 10;
  report.counter[LOADGEN_WRONG_VALUE] = 20;
  EXPECT_EQ(report.lost(), 0u);
}

TEST(Report, AReplyNobodyAskedForHidesNoLoss) {
  RunReport report;
  report.sent = 10;
  report.counter[LOADGEN_ANSWERED] = 9;
  report.counter[LOADGEN_WRONG_UNASKED] = 20;
  EXPECT_EQ(report.lost(), 1u);
  EXPECT_EQ(report.wrong(), 20u);
}

TEST(Report, PartsAddUp) {
  RunReport left, right;
  left.sent = 3;
  left.seconds = 2;
  left.counter[LOADGEN_ANSWERED] = 2;
  left.sets.count = 2;
  left.sets.latency.add(1000);
  right.sent = 4;
  right.counter[LOADGEN_ANSWERED] = 4;
  right.gets.hits = 5;
  right.sets.latency.add(3000);
  left.add(right);
  EXPECT_EQ(left.sent, 7u);
  EXPECT_EQ(left.answered(), 6u);
  EXPECT_EQ(left.gets.hits, 5u);
  EXPECT_EQ(left.sets.latency.count(), 2u);
  EXPECT_NEAR(left.sets.latency.mean_ns(), 2000, 60);
  EXPECT_DOUBLE_EQ(left.seconds, 2);
}

}  // namespace
}  // namespace bmc::loadgen

// SPDX-License-Identifier: Apache-2.0
// The result as JSON (docs/loadgen.md) and as a table.
#include "loadgen/result.h"

#include <gtest/gtest.h>

namespace bmc::loadgen {
namespace {

// 2 s: 100 sets of 1..100 us, 899 gets of 10 us, one late, 5 lost, 3 wrong of which one nobody asked for.
RunResult sample() {
  RunResult result;
  result.label = "sample";
  RunReport& report = result.report;
  report.seconds = 2;
  report.offered_rps = 1000;
  report.sent = 1007;
  report.counter[LOADGEN_ANSWERED] = 999;
  report.counter[LOADGEN_LATE] = 1;
  report.counter[LOADGEN_CHECKED] = 1002;
  report.counter[LOADGEN_WRONG_STALE] = 2;
  report.counter[LOADGEN_WRONG_UNASKED] = 1;
  report.counter[LOADGEN_HIT] = 800;
  report.counter[LOADGEN_MISS] = 100;
  report.sets.count = 100;
  report.gets.count = 900;
  report.gets.hits = 800;
  report.gets.misses = 100;
  report.gets.bytes = 40000;
  for (std::uint64_t us = 1; us <= 100; ++us) report.sets.latency.add(us * 1000);
  for (int count = 0; count < 900; ++count) report.gets.latency.add(10000);
  return result;
}

TEST(ResultJson, CountsEachRequestOnce) {
  const auto json = result_json(sample());
  EXPECT_EQ(json["format"], "bmc-loadgen");
  EXPECT_EQ(json["version"], 1);
  const auto& requests = json["requests"];
  EXPECT_EQ(requests["sent"], 1007);
  EXPECT_EQ(requests["answered"], 999);
  EXPECT_EQ(requests["wrong"], 2);
  EXPECT_EQ(requests["late"], 1);
  EXPECT_EQ(requests["lost"], 5);
  EXPECT_NEAR(requests["loss"].get<double>(), 6.0 / 1007, 1e-9);
  EXPECT_EQ(json["replies"]["wrong_stale"], 2);
  EXPECT_EQ(json["replies"]["wrong_unasked"], 1);
  EXPECT_EQ(json["replies"]["checked"], 1002);
  EXPECT_EQ(json["open_loop"], true);
  EXPECT_EQ(json["offered_rps"], 1000);
  EXPECT_EQ(json["rps"], 499.5);
  EXPECT_TRUE(json["find_max"].is_null());
}

TEST(ResultJson, AClosedLoopOffersNothing) {
  RunResult result = sample();
  result.report.offered_rps = 0;
  EXPECT_EQ(result_json(result)["open_loop"], false);
  EXPECT_TRUE(result_json(result)["offered_rps"].is_null());
}

TEST(ResultJson, RowsHaveRatesAndLatency) {
  RunResult result = sample();
  result.percentiles = {75, 99.99};
  const auto rows = result_json(result)["operations"];
  EXPECT_EQ(rows["sets"]["count"], 100);
  EXPECT_EQ(rows["sets"]["ops_per_s"], 50);
  EXPECT_EQ(rows["gets"]["hits_per_s"], 400);
  EXPECT_EQ(rows["gets"]["misses_per_s"], 50);
  EXPECT_EQ(rows["gets"]["kb_per_s"], 20);
  EXPECT_EQ(rows["totals"]["count"], 1000);
  const auto& latency = rows["sets"]["latency_us"];
  EXPECT_NEAR(latency["avg"].get<double>(), 50.5, 1);
  EXPECT_NEAR(latency["p50"].get<double>(), 50, 2);
  EXPECT_NEAR(latency["p75"].get<double>(), 75, 2.5);
  EXPECT_NEAR(latency["p9999"].get<double>(), 100, 3);
  EXPECT_NEAR(latency["min"].get<double>(), 1, 0.05);
  EXPECT_NEAR(latency["max"].get<double>(), 100, 3);
}

TEST(ResultJson, WithoutDataThereIsNoLatency) {
  const auto rows = result_json(RunResult{})["operations"];
  EXPECT_TRUE(rows["sets"]["latency_us"].is_null());
  EXPECT_TRUE(rows["sets"]["distribution"].empty());
}

TEST(ResultJson, TheSearchShowsItsWindows) {
  RunResult result = sample();
  FindMaxOutcome search;
  search.confirmed = true;
  search.tried.push_back({20000, 19990, 19980, 0.0005, 12000, 30000, true});
  search.tried.push_back({40000, 39990, 20000, 0.5, 12000, 30000, false});
  result.search = search;
  const auto json = result_json(result)["find_max"];
  EXPECT_EQ(json["confirmed"], true);
  ASSERT_EQ(json["windows"].size(), 2u);
  EXPECT_EQ(json["windows"][0]["offered_rps"], 20000);
  EXPECT_EQ(json["windows"][0]["p50_us"], 12);
  EXPECT_EQ(json["windows"][0]["held"], true);
  EXPECT_EQ(json["windows"][1]["held"], false);
}

TEST(Distribution, AscendsToTheLastAndClaimsNoMoreThanTheDataHas) {
  Latency latency;
  for (std::uint64_t us = 1; us <= 1000; ++us) latency.add(us * 1000);
  const auto points = distribution(latency);
  for (std::size_t at = 1; at < points.size(); ++at) {
    EXPECT_GT(points[at].percent, points[at - 1].percent);
    EXPECT_GE(points[at].us, points[at - 1].us);
  }
  EXPECT_EQ(points.front().percent, 0);
  EXPECT_EQ(points.back().percent, 100);
  // A thousand values have a 99.9th percentile, but no 99.95th.
  EXPECT_DOUBLE_EQ(points[points.size() - 2].percent, 99.9);
  EXPECT_TRUE(distribution(Latency()).empty());
}

TEST(PercentileName, IsWhatPeopleWrite) {
  EXPECT_EQ(percentile_name(50), "p50");
  EXPECT_EQ(percentile_name(99), "p99");
  EXPECT_EQ(percentile_name(99.9), "p999");
  EXPECT_EQ(percentile_name(99.99), "p9999");
  EXPECT_EQ(percentile_name(0.5), "p0.5");
  EXPECT_EQ(percentile_name(100), "p100");
}

TEST(ResultTable, HasMemtiersRowsAndTheThreeNumbers) {
  const std::string text = result_table(sample(), true);
  for (const char* part : {"Sets", "Gets", "Totals", "Ops/sec", "Hits/sec", "p999 us", "KB/sec", "lost 5",
                           "wrong 3", "late 1", "wrong_stale 2", "percent"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  EXPECT_EQ(result_table(sample(), false).find("percent "), std::string::npos);
}

}  // namespace
}  // namespace bmc::loadgen

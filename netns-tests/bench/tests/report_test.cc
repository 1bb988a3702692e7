// SPDX-License-Identifier: Apache-2.0
// The report: medians, quotients, targets, and what is absent where it was not measured.
#include "netns-tests/bench/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bmc::bench {
namespace {

Case hit_case() {
  return {"hits",
          "replies/s",
          "",
          "",
          {Side::kPlain, Side::kBmcd, Side::kLimit},
          {},
          {">= 5 x", [](const Outcome& o) { return o.ratio() >= 5; }}};
}

Results results_of(const Case& each, const std::map<Side, std::vector<Sample>>& samples) {
  Results results;
  results.cases.emplace_back(each, Outcome{samples});
  return results;
}

nlohmann::json only_benchmark(const Results& results) {
  return nlohmann::json::parse(json(results))["benchmarks"][0];
}

TEST(BenchReportTest, MediansAndQuotients) {
  const auto out = only_benchmark(results_of(hit_case(), {{Side::kPlain, {{10}, {30}, {20}}},
                                                          {Side::kBmcd, {{100}, {120}, {90}}},
                                                          {Side::kLimit, {{400}, {200}, {200}}}}));
  EXPECT_EQ(out["name"], "hits");
  EXPECT_EQ(out["unit"], "replies/s");
  EXPECT_EQ(out["plain"], 20);
  EXPECT_EQ(out["bmcd"], 100);
  EXPECT_EQ(out["limit"], 200);
  EXPECT_EQ(out["ratio"], 5);
  EXPECT_EQ(out["of_limit"], 0.5);
  EXPECT_EQ(out["met"], true);
  EXPECT_EQ(out["runs"]["plain"], nlohmann::json({10, 30, 20}));
}

TEST(BenchReportTest, AMissedTargetIsSaid) {
  const Results results =
      results_of(hit_case(), {{Side::kPlain, {{25}}}, {Side::kBmcd, {{100}}}, {Side::kLimit, {{200}}}});
  EXPECT_EQ(only_benchmark(results)["met"], false);
  EXPECT_NE(table(results).find(">= 5 x: MISSED"), std::string::npos) << table(results);
}

TEST(BenchReportTest, WhatWasNotMeasuredIsAbsent) {
  const Results results = results_of(hit_case(), {{Side::kBmcd, {{100}}}});
  const auto out = only_benchmark(results);
  for (const char* absent : {"plain", "limit", "ratio", "of_limit", "met"})
    EXPECT_FALSE(out.contains(absent)) << absent;
  EXPECT_EQ(table(results).find("MISSED"), std::string::npos) << "a target needs all sides";
}

TEST(BenchReportTest, FurtherFiguresAreMediansToo) {
  const Results results = results_of(
      hit_case(),
      {{Side::kBmcd, {{1, {{"loss", 0.1}}}, {1, {{"loss", 0.3}}}, {1, {{"loss", 0.2}, {"late", 1}}}}}});
  EXPECT_EQ(only_benchmark(results)["figures"]["bmcd"]["loss"], 0.2);
  EXPECT_EQ(only_benchmark(results)["figures"]["bmcd"]["late"], 0) << "in one round of three only";
}

TEST(BenchReportTest, WrongRepliesAreNamed) {
  Results results;
  results.total.counter[LOADGEN_CHECKED] = 10;
  EXPECT_EQ(table(results).find("WRONG REPLIES"), std::string::npos);
  results.total.counter[LOADGEN_WRONG_VALUE] = 2;
  EXPECT_NE(table(results).find("WRONG REPLIES"), std::string::npos);
  EXPECT_NE(table(results).find("wrong_value: 2"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(json(results))["wrong"], 2);
}

}  // namespace
}  // namespace bmc::bench

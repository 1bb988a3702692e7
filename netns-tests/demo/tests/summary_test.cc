// SPDX-License-Identifier: Apache-2.0
// What the demo prints, and how it reads bmcd's metrics.
#include "netns-tests/demo/summary.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "netns-tests/demo/bmcd_process.h"

namespace bmc::demo {
namespace {

Summary full() {
  Summary summary;
  summary.plain = {.rps = 140000.4, .p50_us = 44.123, .p99_us = 60, .checked = 1000};
  summary.bmcd =
      Measured{.rps = 2100000, .p50_us = 5.3099, .p99_us = 9, .kernel_hit_rate = 0.99987, .checked = 2000};
  summary.checked = 3000;
  return summary;
}

TEST(Json, HasTheAgreedShape) {
  const auto out = nlohmann::ordered_json::parse(json(full()));
  EXPECT_EQ(out.dump(), R"({"plain":{"rps":140000,"p50_us":44.12,"p99_us":60.0},)"
                        R"("bmcd":{"rps":2100000,"p50_us":5.31,"p99_us":9.0,"kernel_hit_rate":0.9999},)"
                        R"("ratio":15.0,"checked":3000,"wrong":0})");
}

TEST(Json, IsOneLine) { EXPECT_EQ(json(full()).find('\n'), std::string::npos); }

TEST(Table, SaysWhenRepliesWereWrong) {
  Summary summary = full();
  EXPECT_EQ(table(summary).find("WRONG"), std::string::npos);
  summary.wrong = 1;
  EXPECT_NE(table(summary).find("WRONG"), std::string::npos);
}

TEST(Table, SaysWhenANumberIsNotWhatItSeems) {
  Summary summary = full();
  EXPECT_EQ(table(summary).find("busy"), std::string::npos);
  summary.plain.steady = false;
  summary.bmcd->limited_by_load = true;
  EXPECT_NE(table(summary).find("memcached alone: no rate held"), std::string::npos) << table(summary);
  EXPECT_NE(table(summary).find("with bmcd: the load generator could send no more"), std::string::npos);
}

TEST(Table, HoldsTheNumbers) {
  const std::string text = table(full());
  for (const char* part : {"140,000", "2,100,000", "44.1 us", "99.99 %", "15.0 times"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
}

TEST(Grouped, CountsFromTheRight) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567.6), "1,234,568");
  EXPECT_EQ(grouped(-1000), "-1,000");
  EXPECT_EQ(grouped(-100), "-100");
}

TEST(Metric, IsFoundByNameAndLabels) {
  const std::string text =
      "# HELP bmcd_packets_total packets\n# TYPE bmcd_packets_total counter\n"
      "bmcd_packets_total{reason=\"hit\",verdict=\"tx\",where=\"xdp\"} 41\n"
      "bmcd_packets_total{reason=\"miss\",verdict=\"pass\",where=\"xdp\"} 7\n"
      "bmcd_packets_totals{reason=\"hit\",verdict=\"tx\",where=\"xdp\"} 1000\n"
      "bmcd_up 1\n";
  EXPECT_EQ(metric_value(text, "bmcd_packets_total", {"where=\"xdp\"", "verdict=\"tx\"", "reason=\"hit\""}),
            41);
  EXPECT_EQ(metric_value(text, "bmcd_packets_total", {}), 48);
  EXPECT_EQ(metric_value(text, "bmcd_up", {}), 1);
  EXPECT_LT(metric_value(text, "bmcd_packets_total", {"reason=\"none\""}), 0);
  EXPECT_LT(metric_value("", "bmcd_up", {}), 0);
}

}  // namespace
}  // namespace bmc::demo

// SPDX-License-Identifier: Apache-2.0
// The page of `bmc-loadgen report`: that every run is on it, that nothing foreign gets into the HTML, that
// files of anything else are refused by field, and the axes.
#include "loadgen/report_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "loadgen/report_page/markup.h"
#include "loadgen/report_page/runs.h"
#include "loadgen/report_page/scale.h"

namespace bmc::loadgen {
namespace {

using nlohmann::json;

// A whole run, as docs/loadgen.md has it.
json run_json(const std::string& label, double rps) {
  return {{"format", "bmc-loadgen"},
          {"version", 1},
          {"label", label},
          {"options", {{"transport", "kernel"}}},
          {"started", "2025-01-31T12:00:00Z"},
          {"seconds", 5.0},
          {"offered_rps", rps * 1.1},
          {"rps", rps},
          {"requests", {{"lost", 41}, {"wrong", 0}, {"late", 43}, {"loss", 0.0005}}},
          {"replies", {{"checked", 1000}, {"wrong_value", 0}, {"wrong_key", 0}}},
          {"operations",
           {{"totals",
             {{"latency_us", {{"p50", 5.25}, {"p99", 7.5}, {"p999", 12.5}, {"max", 2500}}},
              {"distribution",
               {{{"percent", 50}, {"us", 5.25}},
                {{"percent", 99.9}, {"us", 12.5}},
                {{"percent", 100}, {"us", 2500}}}}}}}},
          {"find_max", nullptr},
          {"interrupted", false},
          {"remarks", json::array()}};
}

json search_json() {
  json run = run_json("searched", 500000);
  run["find_max"] = {
      {"confirmed", true},
      {"windows",
       {{{"offered_rps", 400000}, {"rps", 400000}, {"loss", 0}, {"p50_us", 5}, {"p99_us", 8}, {"held", true}},
        {{"offered_rps", 800000},
         {"rps", 510000},
         {"loss", 0.36},
         {"p50_us", nullptr},
         {"p99_us", nullptr},
         {"held", false}}}}};
  return run;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::string page_of(const json& file) {
  auto page = report_page({{"results/today.json", file.dump()}});
  EXPECT_TRUE(page) << page.error().what;
  return page ? *page : "";
}

std::string error_of(const std::string& text) {
  auto runs = read_runs("today.json", text);
  return runs ? "" : runs.error().what;
}

// The error about a good run in which the field at `pointer` has another value; without one it is absent.
std::string error_with(const char* pointer, std::optional<json> value) {
  json run = search_json();
  const json::json_pointer at(pointer);
  if (value)
    run[at] = *value;
  else
    run[at.parent_pointer()].erase(at.back());
  return error_of(run.dump());
}

TEST(ReportPage, HoldsEveryRunOfEveryFile) {
  const json sweep = {run_json("bmcd", 100000), run_json("bmcd", 564442)};
  auto page = report_page({{"a.json", run_json("memcached", 66659).dump()}, {"b.json", sweep.dump()}});
  ASSERT_TRUE(page);
  EXPECT_EQ(count(*page, "<tr data-series=\"0\">"), 1u);
  EXPECT_EQ(count(*page, "<tr data-series=\"1\">"), 2u);  // of one name and transport: one series
  EXPECT_EQ(count(*page, "<button"), 2u);
  for (const char* cell : {">66,659<", ">100,000<", ">564,442<", ">5.2<", ">7.5<", ">12.5<", ">2,500.0<",
                           ">41<", ">43<", ">0.05<"})
    EXPECT_NE(page->find(cell), std::string::npos) << cell;
  EXPECT_NE(page->find("3 runs from 2 files"), std::string::npos);
  EXPECT_EQ(count(*page, "99.9% at or below 12.5 µs"), 3u);  // once on each run's curve
}

TEST(ReportPage, NeedsNothingElse) {
  const std::string page = page_of(run_json("bmcd", 1000));
  for (const char* foreign : {"http:", "https:", "src=", "<link", "@import", "url("})
    EXPECT_EQ(page.find(foreign), std::string::npos) << foreign;
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

TEST(ReportPage, EscapesAllText) {
  json run = run_json("</title><script>alert('1')</script>", 1000);
  run["options"]["transport"] = "\"><img onerror=x>";
  run["started"] = "<s>";
  run["remarks"] = {"<b>&"};
  run["replies"]["wrong_<u>"] = 3;
  auto page = report_page({{"<i>.json", run.dump()}});
  ASSERT_TRUE(page);
  for (const char* tag : {"<script>alert", "<img", "<s>", "<b>", "<u>", "<i>"})
    EXPECT_EQ(page->find(tag), std::string::npos) << tag;
  EXPECT_NE(page->find("&lt;script&gt;alert(&#39;1&#39;)"), std::string::npos);
  EXPECT_NE(page->find("&lt;b&gt;&amp;"), std::string::npos);
  EXPECT_EQ(count(*page, "<script>"), 1u);
}

TEST(ReportPage, ShowsTheWindowsOfASearch) {
  const std::string page = page_of(search_json());
  EXPECT_NE(page.find("find-max, 2 windows"), std::string::npos);
  EXPECT_EQ(count(page, "800k/s offered, 510k/s answered"), 1u);  // without latencies: in one plot only
  EXPECT_EQ(count(page, "400k/s offered, 400k/s answered"), 3u);  // its p50 and p99 in the other
  EXPECT_EQ(count(page, "point cross"), 1u);
}

TEST(ReportPage, ShowsRunsWithoutAnswers) {
  json run = run_json("dead", 0);
  run["offered_rps"] = 0;
  run["requests"]["loss"] = 1;
  run["operations"]["totals"] = {{"latency_us", nullptr}, {"distribution", json::array()}};
  const std::string page = page_of(run);
  EXPECT_NE(page.find(">100<"), std::string::npos);
  for (const char* number : {"nan", "inf"}) EXPECT_EQ(page.find(number), std::string::npos) << number;
}

TEST(ReportPage, RatesFarApartStandOnLogarithmicAxes) {
  const std::string zero = ">0</text>";  // only a linear axis has it
  EXPECT_EQ(count(page_of({run_json("a", 1000), run_json("b", 4000)}), zero), 3u);
  EXPECT_EQ(count(page_of({run_json("a", 1000), run_json("b", 20000)}), zero), 2u);
  EXPECT_EQ(count(page_of({run_json("a", 1000), run_json("b", 40000)}), zero), 0u);
}

TEST(ReportPage, SaysWhichReplyWasWrong) {
  json run = run_json("bmcd", 1000);
  EXPECT_EQ(page_of(run).find("bad\">"), std::string::npos);
  run["requests"]["wrong"] = 1;
  EXPECT_NE(page_of(run).find("<td class=\"bad\">1<"), std::string::npos);
  run["replies"]["wrong_unasked"] = 3;
  EXPECT_NE(page_of(run).find("wrong replies, unasked: 3<"), std::string::npos);
}

TEST(ReportPage, RefusesNoRun) {
  EXPECT_FALSE(report_page({}));
  EXPECT_FALSE(report_page({{"a.json", "[]"}}));
}

TEST(ReportPage, OneBadFileRefusesAll) {
  auto page = report_page({{"a.json", run_json("a", 1).dump()}, {"b.json", "{}"}});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().what.find("b.json: format"), 0u) << page.error().what;
}

TEST(WriteReportPage, SaysWhichFileCannotBeRead) {
  auto written = write_report_page({"/nonexistent/a.json"}, "-");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ENOENT);
  EXPECT_NE(written.error().what.find("/nonexistent/a.json"), std::string::npos);
}

TEST(WriteReportPage, SaysWhichFileCannotBeWritten) {
  const std::string input = testing::TempDir() + "report_page_test.json";
  std::ofstream(input) << run_json("mine", 1000);
  auto written = write_report_page({input}, "/dev/full");
  std::remove(input.c_str());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ENOSPC);
  EXPECT_NE(written.error().what.find("/dev/full"), std::string::npos);
}

TEST(ReadRuns, NameRunsWithoutALabelAfterTheirFile) {
  auto runs = read_runs("results/today.json", run_json("kernel", 1).dump());
  ASSERT_TRUE(runs);
  EXPECT_EQ(runs->front().name, "today");
  runs = read_runs("results/today.json", run_json("mine", 1).dump());
  ASSERT_TRUE(runs);
  EXPECT_EQ(runs->front().name, "mine");
}

TEST(ReadRuns, ReadAClosedLoop) {
  json run = run_json("mine", 1);
  run["offered_rps"] = nullptr;
  auto runs = read_runs("a.json", run.dump());
  ASSERT_TRUE(runs);
  EXPECT_FALSE(runs->front().load.offered_rps);
}

TEST(ReadRuns, RefuseWhatIsNotJson) {
  for (const std::string text : {"", "{", "{\"label\": 1e999}", "\"\xff\"", "{} {}"})
    EXPECT_EQ(error_of(text).find("today.json: this is not JSON"), 0u) << text;
  EXPECT_NE(error_of(std::string(100000, '[')), "");
  EXPECT_EQ(error_of("1"), "today.json: the file must be an object");
  EXPECT_EQ(error_of("[1]"), "today.json: [0] must be an object");
}

TEST(ReadRuns, NameTheFieldThatIsAbsent) {
  ASSERT_EQ(error_of(search_json().dump()), "");
  for (const char* field : {"/format",
                            "/version",
                            "/label",
                            "/options",
                            "/options/transport",
                            "/started",
                            "/seconds",
                            "/offered_rps",
                            "/rps",
                            "/requests",
                            "/requests/lost",
                            "/requests/loss",
                            "/replies",
                            "/operations/totals",
                            "/operations/totals/latency_us",
                            "/operations/totals/latency_us/p999",
                            "/operations/totals/distribution",
                            "/find_max",
                            "/find_max/confirmed",
                            "/find_max/windows",
                            "/remarks",
                            "/interrupted"}) {
    std::string path = std::string(field).substr(1);
    std::replace(path.begin(), path.end(), '/', '.');
    EXPECT_NE(error_with(field, std::nullopt).find("today.json: " + path), std::string::npos)
        << field << ": " << error_with(field, std::nullopt);
  }
}

TEST(ReadRuns, NameTheFieldOfAnotherType) {
  EXPECT_EQ(error_with("/rps", "12"), "today.json: rps must be a number that is not negative");
  EXPECT_EQ(error_with("/rps", -1), "today.json: rps must be a number that is not negative");
  EXPECT_EQ(error_with("/rps", 1e300), "today.json: rps must be a number that is not negative");
  EXPECT_EQ(error_with("/label", 1), "today.json: label must be a string");
  EXPECT_EQ(error_with("/interrupted", 1), "today.json: interrupted must be true or false");
  EXPECT_EQ(error_with("/requests", json::array()), "today.json: requests must be an object");
  EXPECT_EQ(error_with("/remarks", json{1}), "today.json: remarks[0] must be a string");
  EXPECT_EQ(error_with("/find_max/windows/1/held", nullptr),
            "today.json: find_max.windows[1].held must be true or false");
  EXPECT_NE(error_with("/version", 2).find("today.json: version must be 1"), std::string::npos);
  EXPECT_NE(error_with("/operations/totals/distribution/1/percent", 20), "");
  EXPECT_NE(error_with("/operations/totals/distribution/2/percent", 101), "");
  EXPECT_NE(error_with("/operations/totals/distribution/1/us", 1), "");
  const json list = {run_json("a", 1), 5};
  EXPECT_EQ(error_of(list.dump()), "today.json: [1] must be an object");
}

TEST(Scale, LinearEndsAtARoundNumber) {
  const Scale scale = Scale::linear(Unit::kPerSecond, 564442);
  EXPECT_DOUBLE_EQ(scale.at(0), 0);
  EXPECT_DOUBLE_EQ(scale.at(600000), 1);
  EXPECT_DOUBLE_EQ(scale.at(300000), 0.5);
  EXPECT_DOUBLE_EQ(scale.at(700000), 1);
  ASSERT_EQ(scale.ticks().size(), 7u);
  EXPECT_EQ(scale.ticks().front().label, "0");
  EXPECT_EQ(scale.ticks().back().label, "600k/s");
  EXPECT_DOUBLE_EQ(Scale::linear(Unit::kPerSecond, 0).at(0), 0);
  EXPECT_DOUBLE_EQ(Scale::linear(Unit::kPerSecond, 1000).at(1000), 1);
}

TEST(Scale, LogarithmicHasDecadesOfOneWidth) {
  const Scale scale = Scale::logarithmic(Unit::kMicroseconds, 1, 1000);
  EXPECT_NEAR(scale.at(10), 1 / 3.0, 1e-9);
  EXPECT_NEAR(scale.at(100), 2 / 3.0, 1e-9);
  EXPECT_DOUBLE_EQ(scale.at(0), 0);
  EXPECT_EQ(scale.ticks().size(), 10u);  // 1, 2, 5, 10 … 1000
  EXPECT_EQ(scale.ticks()[3].label, "10 µs");
  EXPECT_EQ(scale.ticks().back().label, "1 ms");
  EXPECT_EQ(Scale::logarithmic(Unit::kMicroseconds, 3, 40).ticks().front().label, "2 µs");
  EXPECT_EQ(Scale::logarithmic(Unit::kMicroseconds, 3, 40).ticks().back().label, "50 µs");
}

TEST(Scale, LogarithmicStandsAnyRange) {
  EXPECT_DOUBLE_EQ(Scale::logarithmic(Unit::kMicroseconds, 5, 5).at(5), 1);
  const Scale scale = Scale::logarithmic(Unit::kMicroseconds, 5e-324, 1e18);
  EXPECT_EQ(scale.ticks().size(), 10u);
  EXPECT_DOUBLE_EQ(scale.at(1e18), 1);
  EXPECT_DOUBLE_EQ(scale.at(5e-324), 0);
}

TEST(Scale, EachNineIsAsWideAsTheOneBefore) {
  const Scale scale = Scale::nines(0.9999);
  EXPECT_DOUBLE_EQ(scale.at(0), 0);
  for (const auto& [share, place] : {std::pair{0.9, 1}, {0.99, 2}, {0.999, 3}, {0.9999, 4}})
    EXPECT_NEAR(scale.at(share), place / 5.0, 1e-9);
  EXPECT_DOUBLE_EQ(scale.at(1), 1);
  std::string labels;
  for (const Tick& tick : scale.ticks()) labels += tick.label + " ";
  EXPECT_EQ(labels, "0% 50% 90% 99% 99.9% 99.99% max ");
  EXPECT_EQ(Scale::nines(1).ticks().back().label, "max");
}

TEST(Markup, WritesNumbersForAPerson) {
  EXPECT_EQ(quantity(Unit::kPerSecond, 999), "999/s");
  EXPECT_EQ(quantity(Unit::kPerSecond, 999999), "1M/s");
  EXPECT_EQ(quantity(Unit::kPerSecond, 564442), "564.4k/s");
  EXPECT_EQ(quantity(Unit::kMicroseconds, 0.25), "0.25 µs");
  EXPECT_EQ(quantity(Unit::kMicroseconds, 2500000), "2.5 s");
  EXPECT_EQ(quantity(Unit::kShare, 0.999999), "99.9999%");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(34000000), "34,000,000");
  EXPECT_EQ(grouped(1234.56, 1), "1,234.6");
}

TEST(Markup, EscapesWhatHtmlReads) {
  EXPECT_EQ(escaped("<a href=\"x\">&'\n"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\n");
  EXPECT_EQ(escaped(std::string_view("\0\x1b", 2)), "\uFFFD\uFFFD");
}

}  // namespace
}  // namespace bmc::loadgen

// SPDX-License-Identifier: Apache-2.0
// See result.h; docs/loadgen.md is the description of every field.
#include <cmath>
#include <cstdio>

#include "loadgen/result.h"

namespace bmc::loadgen {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kPoints[] = {0,    1,     2,    5,     10,    20,     25,     30,     40,   50,
                              60,   70,    75,   80,    85,    90,     92.5,   95,     97.5, 99,
                              99.5, 99.75, 99.9, 99.95, 99.99, 99.995, 99.999, 99.9999};

// To so many parts of one: the quotient of whole numbers prints short.
double rounded(double value, double parts) { return std::round(value * parts) / parts; }

double us(double ns) { return rounded(ns / 1000, 100); }

double per_second(double count, const RunReport& report) {
  return report.seconds > 0 ? rounded(count / report.seconds, 10) : 0;
}

Json latency_json(const Latency& latency, const std::vector<double>& percentiles) {
  if (latency.count() == 0) return nullptr;
  Json out;
  out["min"] = us(latency.quantile_ns(0));
  out["avg"] = us(latency.mean_ns());
  for (const double percent : {50.0, 90.0, 99.0, 99.9})
    out[percentile_name(percent)] = us(latency.quantile_ns(percent / 100));
  for (const double percent : percentiles)
    out[percentile_name(percent)] = us(latency.quantile_ns(percent / 100));
  out["max"] = us(latency.quantile_ns(1));
  return out;
}

Json row_json(const OperationReport& row, const RunResult& result) {
  const RunReport& report = result.report;
  Json out;
  out["count"] = row.count;
  out["ops_per_s"] = per_second(static_cast<double>(row.count), report);
  out["hits_per_s"] = per_second(static_cast<double>(row.hits), report);
  out["misses_per_s"] = per_second(static_cast<double>(row.misses), report);
  out["kb_per_s"] = per_second(static_cast<double>(row.bytes) / 1000, report);
  out["latency_us"] = latency_json(row.latency, result.percentiles);
  out["distribution"] = Json::array();
  for (const DistributionPoint& point : distribution(row.latency))
    out["distribution"].push_back({{"percent", point.percent}, {"us", point.us}});
  return out;
}

Json requests_json(const RunReport& report) {
  const std::uint64_t wrong = report.wrong() - report.counter[LOADGEN_WRONG_UNASKED];
  return {{"sent", report.sent},   {"answered", report.answered()}, {"wrong", std::min(wrong, report.sent)},
          {"late", report.late()}, {"lost", report.unanswered()},   {"stalled", report.stalled},
          {"loss", report.loss()}};
}

Json replies_json(const RunReport& report) {
  Json out = {{"checked", report.checked()}};
  for (std::size_t reason = LOADGEN_FIRST_WRONG; reason < LOADGEN_COUNTER_COUNT; ++reason)
    out[counter_label(reason)] = report.counter[reason];
  return out;
}

Json search_json(const FindMaxOutcome& search) {
  Json windows = Json::array();
  for (const FindMaxWindow& window : search.tried)
    windows.push_back({{"offered_rps", rounded(window.offered_rps, 10)},
                       {"sent_rps", rounded(window.sent_rps, 10)},
                       {"rps", rounded(window.rps, 10)},
                       {"loss", window.loss},
                       {"p50_us", us(window.p50_ns)},
                       {"p99_us", us(window.p99_ns)},
                       {"held", window.held}});
  return {{"confirmed", search.confirmed}, {"limited_by_load", search.limited_by_load}, {"windows", windows}};
}

}  // namespace

std::string percentile_name(double percent) {
  char text[32];
  std::snprintf(text, sizeof text, "p%.6g", percent);
  std::string name = text;
  // As people write them: p99.9 is p999.
  if (percent >= 90) std::erase(name, '.');
  return name;
}

std::vector<DistributionPoint> distribution(const Latency& latency) {
  std::vector<DistributionPoint> points;
  const auto count = static_cast<double>(latency.count());
  if (count == 0) return points;
  for (const double percent : kPoints)
    if (count * (100 - percent) >= 99.999)
      points.push_back({percent, us(latency.quantile_ns(percent / 100))});
  points.push_back({100, us(latency.quantile_ns(1))});
  return points;
}

Json result_json(const RunResult& result) {
  const RunReport& report = result.report;
  OperationReport totals = report.sets;
  totals.add(report.gets);
  Json out;
  out["format"] = "bmc-loadgen";
  out["version"] = 1;
  out["label"] = result.label;
  out["options"] = result.options;
  out["started"] = result.started;
  out["seconds"] = rounded(report.seconds, 1000);
  out["open_loop"] = report.offered_rps > 0;
  out["offered_rps"] = report.offered_rps > 0 ? Json(rounded(report.offered_rps, 10)) : Json(nullptr);
  out["sent_rps"] = rounded(report.sent_rps(), 10);
  out["rps"] = rounded(report.rps(), 10);
  out["kb_per_s"] = per_second(static_cast<double>(totals.bytes) / 1000, report);
  out["requests"] = requests_json(report);
  out["replies"] = replies_json(report);
  out["keys"] = {{"hit", report.counter[LOADGEN_HIT]}, {"missed", report.counter[LOADGEN_MISS]}};
  out["operations"] = {{"sets", row_json(report.sets, result)},
                       {"gets", row_json(report.gets, result)},
                       {"totals", row_json(totals, result)}};
  out["find_max"] = result.search ? search_json(*result.search) : Json(nullptr);
  out["interrupted"] = result.interrupted;
  out["remarks"] = result.remarks;
  return out;
}

}  // namespace bmc::loadgen

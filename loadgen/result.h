// SPDX-License-Identifier: Apache-2.0
// What a run of bmc-loadgen has found, as a table for people and as JSON for programs (docs/loadgen.md). Made
// by run.cc, shown by main.cc.
#ifndef BMC_LOADGEN_RESULT_H
#define BMC_LOADGEN_RESULT_H

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/find_max.h"
#include "loadgen/report.h"

namespace bmc::loadgen {

struct RunResult {
  std::string label;
  std::string started;             // UTC, "2025-01-31T12:00:00Z"
  nlohmann::ordered_json options;  // as used, by their long names
  RunReport report;
  std::vector<double> percentiles = {50, 99, 99.9};  // columns of the table, 0..100
  std::optional<FindMaxOutcome> search;
  bool interrupted = false;
  std::vector<std::string> remarks;
};

nlohmann::ordered_json result_json(const RunResult& result);

// Rows Sets, Gets and Totals, then lost, wrong and late; the latency distribution unless `histogram` is
// false.
std::string result_table(const RunResult& result, bool histogram);

// A point of the distribution: so many percent took no longer.
struct DistributionPoint {
  double percent;
  double us;
};
// Points that the data can tell, the last at 100; empty without data.
std::vector<DistributionPoint> distribution(const Latency& latency);

// 50 -> "p50", 99.9 -> "p999", 99.99 -> "p9999", 0.5 -> "p0.5": as in JSON and the table's head.
std::string percentile_name(double percent);

}  // namespace bmc::loadgen

#endif

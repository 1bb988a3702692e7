// SPDX-License-Identifier: Apache-2.0
// What the page's three plots show of the runs. Used by report_page.cc.
#ifndef BMC_LOADGEN_REPORT_PAGE_CHARTS_H
#define BMC_LOADGEN_REPORT_PAGE_CHARTS_H

#include <string>
#include <vector>

#include "loadgen/report_page/plot.h"
#include "loadgen/report_page/runs.h"

namespace bmc::loadgen {

// Runs of the same thing, at other rates or at another time: one colour, shape and legend.
struct Series {
  std::string name;
  std::string transport;
  std::vector<Run> runs;
};

// Latency over its percentile, a line for each run; the fainter, the lower its offered rate.
Plot percentile_plot(const std::vector<Series>& all);

// Answers a second over requests a second: runs and the windows of searches. A closed loop offers what it
// gets.
Plot throughput_plot(const std::vector<Series>& all);

// p50 and p99 over requests a second, of the same runs and windows.
Plot latency_plot(const std::vector<Series>& all);

}  // namespace bmc::loadgen

#endif

// SPDX-License-Identifier: Apache-2.0
// See result.h. The table has the rows and columns of memtier_benchmark's.
#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "loadgen/result.h"

namespace bmc::loadgen {
namespace {

constexpr int kColumn = 12;
constexpr std::size_t kBar = 40;  // characters of a whole histogram

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(line, sizeof line, pattern, arguments);
  va_end(arguments);
  return line;
}

std::string cell(double value, int decimals) { return format("%*.*f", kColumn, decimals, value); }

std::string heading(const RunResult& result) {
  std::string line = format("%-7s", "Type");
  for (const char* name : {"Ops/sec", "Hits/sec", "Misses/sec", "Avg us"})
    line += format("%*s", kColumn, name);
  for (const double percent : result.percentiles)
    line += format("%*s", kColumn, (percentile_name(percent) + " us").c_str());
  return line + format("%*s\n", kColumn, "KB/sec");
}

std::string row(const char* name, const OperationReport& row, const RunResult& result) {
  const double seconds = std::max(result.report.seconds, 1e-9);
  std::string line = format("%-7s", name);
  for (const std::uint64_t count : {row.count, row.hits, row.misses})
    line += cell(static_cast<double>(count) / seconds, 1);
  line += cell(row.latency.mean_ns() / 1000, 1);
  for (const double percent : result.percentiles)
    line += cell(row.latency.quantile_ns(percent / 100) / 1000, 1);
  return line + cell(static_cast<double>(row.bytes) / 1000 / seconds, 1) + "\n";
}

std::string counts(const RunResult& result) {
  const RunReport& report = result.report;
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::string text =
      format("\n%llu requests in %.2f s", number(report.sent), report.seconds) +
      (report.offered_rps > 0 ? format(" (%.0f/s of %.0f/s asked for)", report.sent_rps(), report.offered_rps)
                              : "") +
      format(": lost %llu, wrong %llu, late %llu (%.3f %% lost or late)", number(report.unanswered()),
             number(report.wrong()), number(report.late()), report.loss() * 100);
  if (report.stalled > 0) text += format(", %llu never sent for want of answers", number(report.stalled));
  text += format("\n%llu replies checked in every byte\n", number(report.checked()));
  for (std::size_t reason = LOADGEN_FIRST_WRONG; reason < LOADGEN_COUNTER_COUNT; ++reason)
    if (report.counter[reason] > 0)
      text += format("  %s %llu\n", counter_label(reason), number(report.counter[reason]));
  return text;
}

std::string histogram(const OperationReport& totals) {
  std::string text = "\n  percent        us\n";
  for (const DistributionPoint& point : distribution(totals.latency))
    text += format("%9.4f %9.1f  %s\n", point.percent, point.us,
                   std::string(static_cast<std::size_t>(point.percent / 100 * kBar), '#').c_str());
  return text;
}

}  // namespace

std::string result_table(const RunResult& result, bool with_histogram) {
  const RunReport& report = result.report;
  OperationReport totals = report.sets;
  totals.add(report.gets);
  std::string text = heading(result);
  text += row("Sets", report.sets, result) + row("Gets", report.gets, result) + row("Totals", totals, result);
  text += counts(result);
  for (const std::string& remark : result.remarks) text += remark + "\n";
  if (with_histogram && totals.latency.count() > 0) text += histogram(totals);
  return text;
}

}  // namespace bmc::loadgen

// SPDX-License-Identifier: Apache-2.0
// See summary.h.
#include "netns-tests/demo/summary.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

namespace bmc::demo {
namespace {

std::string fixed(double value, const char* unit, int digits = 1) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f%s", digits, value, unit);
  return text;
}

// To so many parts of one: the quotient of whole numbers prints short.
double rounded(double value, double parts) { return std::round(value * parts) / parts; }

struct Column {
  std::string title;
  const Measured& measured;
  bool has_latency;
  bool has_cache;
};

std::string row(const std::string& name, const std::vector<Column>& columns,
                const std::function<std::string(const Column&)>& cell) {
  char text[64];
  std::snprintf(text, sizeof text, "%-26s", name.c_str());
  std::string line = text;
  for (const Column& column : columns) {
    std::snprintf(text, sizeof text, "%18s", cell(column).c_str());
    line += text;
  }
  return line + "\n";
}

nlohmann::ordered_json numbers(const Measured& measured) {
  return {{"rps", std::llround(measured.rps)},
          {"p50_us", rounded(measured.p50_us, 100)},
          {"p99_us", rounded(measured.p99_us, 100)}};
}

std::string remarks(const Summary& summary, const std::vector<Column>& columns) {
  std::string text;
  for (const Column& column : columns) {
    if (!column.measured.steady)
      text += column.title + ": no rate held without loss (" +
              fixed(column.measured.loss * 100, " % lost", 2) + "); is this machine busy?\n";
    if (column.measured.limited_by_load) text += column.title + ": the load generator could send no more.\n";
  }
  if (summary.wrong > 0) text += "WRONG REPLIES WERE SEEN: this is a defect, please report it.\n";
  return text;
}

}  // namespace

double Summary::ratio() const { return bmcd && plain.rps > 0 ? bmcd->rps / plain.rps : 0; }

std::string table(const Summary& summary) {
  std::vector<Column> columns = {{"memcached alone", summary.plain, true, false}};
  if (summary.bmcd) columns.push_back({"with bmcd", *summary.bmcd, true, true});
  if (summary.limit) columns.push_back({"limit (echo)", *summary.limit, false, false});
  const auto latency = [](const Column& column, double us) {
    return column.has_latency ? fixed(us, " us") : std::string("-");
  };
  std::string text = row("", columns, [](const Column& column) { return column.title; });
  text += row("requests/s", columns, [](const Column& column) { return grouped(column.measured.rps); });
  text += row("latency p50, one request", columns,
              [&](const Column& column) { return latency(column, column.measured.p50_us); });
  text += row("latency p99, one request", columns,
              [&](const Column& column) { return latency(column, column.measured.p99_us); });
  text += row("answered in the kernel", columns, [](const Column& column) {
    return column.has_cache ? fixed(column.measured.kernel_hit_rate * 100, " %", 2) : std::string("-");
  });
  text += row("replies checked", columns,
              [](const Column& column) { return grouped(static_cast<double>(column.measured.checked)); });
  text += row("replies wrong", columns,
              [](const Column& column) { return grouped(static_cast<double>(column.measured.wrong)); });
  if (summary.bmcd) text += "\n" + fixed(summary.ratio(), " times the requests of memcached alone") + "\n";
  return text + remarks(summary, columns);
}

std::string json(const Summary& summary) {
  nlohmann::ordered_json out;
  out["plain"] = numbers(summary.plain);
  if (summary.bmcd) {
    out["bmcd"] = numbers(*summary.bmcd);
    out["bmcd"]["kernel_hit_rate"] = rounded(summary.bmcd->kernel_hit_rate, 10000);
    out["ratio"] = rounded(summary.ratio(), 100);
  }
  if (summary.limit) out["limit"] = {{"rps", std::llround(summary.limit->rps)}};
  out["checked"] = summary.checked;
  out["wrong"] = summary.wrong;
  return out.dump();
}

}  // namespace bmc::demo

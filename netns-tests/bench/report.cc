// SPDX-License-Identifier: Apache-2.0
// See report.h.
#include "netns-tests/bench/report.h"

#include <cmath>
#include <cstdio>
#include <set>

#include "netns-tests/bench/machine.h"
#include "netns-tests/demo/progress.h"

namespace bmc::bench {
namespace {

// Four digits are more than a measurement has.
double rounded(double value) {
  if (value == 0) return 0;
  const double scale = std::pow(10, 3 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

std::string figure(double value) {
  if (std::abs(value) >= 1000) return demo::grouped(value);
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string cell(const Outcome& outcome, Side side) {
  return outcome.has(side) ? figure(outcome.value(side)) : "-";
}

std::string cell(std::optional<double> quotient, double scale, const char* unit) {
  if (!quotient) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f%s", *quotient * scale < 10 ? 2 : 1, *quotient * scale, unit);
  return text;
}

// A target is judged where every side that the case names was measured.
std::optional<bool> met(const Case& each, const Outcome& outcome) {
  if (each.target.text.empty()) return {};
  for (const Side side : each.sides)
    if (!outcome.has(side)) return {};
  return each.target.met(outcome);
}

std::string row(const std::string& name, const std::string& unit, const std::string (&columns)[5],
                const std::string& target) {
  char text[300];
  std::snprintf(text, sizeof text, "%-26s %-10s %12s %12s %12s %8s %9s   %s\n", name.c_str(), unit.c_str(),
                columns[0].c_str(), columns[1].c_str(), columns[2].c_str(), columns[3].c_str(),
                columns[4].c_str(), target.c_str());
  return text;
}

// Names of the further figures of a side; not every round has all.
std::set<std::string> names_of(const std::vector<Sample>& samples) {
  std::set<std::string> names;
  for (const Sample& sample : samples)
    for (const auto& [name, value] : sample.more) names.insert(name);
  return names;
}

// The further figures of the sides, in one line each.
std::string details(const Outcome& outcome) {
  std::string text;
  for (const auto& [side, samples] : outcome.samples) {
    std::string line;
    for (const std::string& name : names_of(samples))
      line += (line.empty() ? "" : ", ") + name + " " + figure(outcome.more(side, name));
    if (!line.empty()) text += std::string("    ") + name_of(side) + ": " + line + "\n";
  }
  return text;
}

nlohmann::ordered_json benchmark(const Case& each, const Outcome& outcome) {
  nlohmann::ordered_json out{{"name", each.name}, {"unit", each.unit}};
  for (const Side side : kSides)
    if (outcome.has(side)) out[name_of(side)] = rounded(outcome.value(side));
  if (outcome.ratio()) out["ratio"] = rounded(*outcome.ratio());
  if (outcome.of_limit()) out["of_limit"] = rounded(*outcome.of_limit());
  if (!each.target.text.empty()) out["target"] = each.target.text;
  if (const auto reached = met(each, outcome)) out["met"] = *reached;
  for (const auto& [side, samples] : outcome.samples) {
    for (const Sample& sample : samples) out["runs"][name_of(side)].push_back(rounded(sample.value));
    for (const std::string& name : names_of(samples))
      out["figures"][name_of(side)][name] = rounded(outcome.more(side, name));
  }
  return out;
}

}  // namespace

std::string table(const Results& results) {
  std::string text = row("case", "unit", {"memcached", "with bmcd", "limit", "ratio", "of limit"}, "target");
  for (const auto& [each, outcome] : results.cases) {
    const auto reached = met(each, outcome);
    const std::string verdict = !reached ? "" : *reached ? ": met" : ": MISSED";
    text += row(each.name, each.unit,
                {cell(outcome, Side::kPlain), cell(outcome, Side::kBmcd), cell(outcome, Side::kLimit),
                 cell(outcome.ratio(), 1, ""), cell(outcome.of_limit(), 100, " %")},
                each.target.text + verdict);
    text += details(outcome);
  }
  text += demo::grouped(static_cast<double>(results.total.checked())) + " replies checked, " +
          demo::grouped(static_cast<double>(results.total.wrong())) + " wrong\n";
  for (std::size_t kind = LOADGEN_FIRST_WRONG; kind < LOADGEN_COUNTER_COUNT; ++kind)
    if (results.total.counter[kind] > 0)
      text += std::string("    ") + loadgen::counter_label(kind) + ": " +
              std::to_string(results.total.counter[kind]) + "\n";
  if (results.total.wrong() > 0) text += "WRONG REPLIES WERE SEEN: this is a defect, please report it.\n";
  return text;
}

std::string json(const Results& results) {
  nlohmann::ordered_json out{{"machine", describe_machine()}, {"benchmarks", nlohmann::json::array()}};
  for (const auto& [each, outcome] : results.cases) out["benchmarks"].push_back(benchmark(each, outcome));
  out["checked"] = results.total.checked();
  out["wrong"] = results.total.wrong();
  return out.dump();
}

}  // namespace bmc::bench

// SPDX-License-Identifier: Apache-2.0
// The figures for people and for programs; see measurement.h.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "netns-tests/bench/machine.h"
#include "netns-tests/paxos/bench/measurement.h"

namespace bmc::bench {
namespace {

double all_packets(const Case& each, const Figures& median) {
  return median.leader_packets + median.client_packets +
         median.backup_packets * static_cast<double>(each.cluster.replicas - 1);
}

}  // namespace

std::string table(const std::vector<Case>& cases) {
  char line[200];
  std::snprintf(line, sizeof(line), "%-40s %10s %9s %9s   %21s   %9s\n", "", "requests", "p50", "p99",
                "CPU us/request", "datagrams");
  std::string text = line;
  std::snprintf(line, sizeof(line), "%-40s %10s %9s %9s   %6s %6s %7s   %9s\n", "case", "/s", "us", "us",
                "leader", "backup", "client", "/request");
  text += line;
  for (const Case& each : cases) {
    const Figures median = each.median();
    std::snprintf(line, sizeof(line), "%-40s %10.0f %9.1f %9.1f   %6.1f %6.1f %7.1f   %9.2f\n",
                  each.name().c_str(), median.per_second, median.p50_us, median.p99_us, median.leader_cpu_us,
                  median.backup_cpu_us, median.client_cpu_us, all_packets(each, median));
    text += line;
  }
  return text;
}

std::string json(const std::vector<Case>& cases, double sync_us) {
  nlohmann::json benchmarks = nlohmann::json::array();
  for (const Case& each : cases) {
    const Figures median = each.median();
    std::vector<double> rates;
    for (const Figures& run : each.runs) rates.push_back(run.per_second);
    benchmarks.push_back({{"name", each.name()},
                          {"unit", "requests/s"},
                          {"value", median.per_second},
                          {"runs", rates},
                          {"p50_us", median.p50_us},
                          {"p99_us", median.p99_us},
                          {"cpu_us_per_request",
                           {{"leader", median.leader_cpu_us},
                            {"backup", median.backup_cpu_us},
                            {"client", median.client_cpu_us}}},
                          {"datagrams_per_request",
                           {{"leader", median.leader_packets},
                            {"backup", median.backup_packets},
                            {"client", median.client_packets},
                            {"all", all_packets(each, median)}}}});
  }
  nlohmann::json machine = describe_machine();
  machine["fdatasync_us"] = sync_us;
  return nlohmann::json{{"machine", machine}, {"benchmarks", benchmarks}}.dump();
}

}  // namespace bmc::bench

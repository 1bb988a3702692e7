// SPDX-License-Identifier: Apache-2.0
// The figures for people and for programs; see measurement.h.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "netns-tests/bench/machine.h"
#include "netns-tests/paxos/bench/comparison.h"
#include "netns-tests/paxos/bench/measurement.h"

namespace bmc::bench {
namespace {

double all_packets(const Case& each, const Figures& median) {
  return median.leader.packets + median.client_packets +
         median.backup.packets * static_cast<double>(each.cluster.replicas - 1);
}

template <typename... Values>
std::string printed(const char* format, Values... values) {
  char line[240];
  std::snprintf(line, sizeof(line), format, values...);
  return line;
}

std::string library_head() {
  return printed("%-40s %10s %9s %9s   %21s   %9s\n", "", "requests", "p50", "p99", "CPU us/request",
                 "datagrams") +
         printed("%-40s %10s %9s %9s   %6s %6s %7s   %9s\n", "case", "/s", "us", "us", "leader", "backup",
                 "client", "/request");
}

std::string library_line(const Case& each) {
  const Figures median = each.median();
  return printed("%-40s %10.0f %9.1f %9.1f   %6.1f %6.1f %7.1f   %9.2f\n", each.name().c_str(),
                 median.per_second, median.p50_us, median.p99_us, median.leader.cpu_us, median.backup.cpu_us,
                 median.client_cpu_us, all_packets(each, median));
}

std::string offloads_head() {
  return printed("%-51s %8s %7s %7s   %15s %15s   %11s %11s   %6s\n", "", "requests", "p50", "p99",
                 "leader CPU us", "backup CPU us", "sys. calls", "wake-ups", "data-") +
         printed("%-51s %8s %7s %7s   %7s %7s %7s %7s   %5s %5s %5s %5s   %6s  %s\n", "case", "/s", "us",
                 "us", "process", "device", "process", "device", "ld.", "bk.", "ld.", "bk.", "grams",
                 "to off, target");
}

std::string offloads_line(const Case& each, const std::vector<Case>& cases) {
  const Figures m = each.median();
  std::string line =
      printed("%-51s %8.0f %7.1f %7.1f   %7.1f %7.1f %7.1f %7.1f   %5.2f %5.2f %5.2f %5.2f   %6.2f",
              each.name().c_str(), m.per_second, m.p50_us, m.p99_us, m.leader.process_us, m.leader.device_us,
              m.backup.process_us, m.backup.device_us, m.leader.system_calls, m.backup.system_calls,
              m.leader.wakeups, m.backup.wakeups, all_packets(each, m));
  if (const auto ratios = ratios_of(each, cases)) {
    line += printed("  %.2fx, p50 %.2f, p99 %.2f, CPU %.2f %.2f", ratios->per_second, ratios->p50,
                    ratios->p99, ratios->leader_cpu, ratios->backup_cpu);
    if (const auto target = target_of(each, *ratios))
      line += "; " + target->text + (target->is_met ? ": met" : ": MISSED");
  }
  return line + "\n";
}

nlohmann::json benchmark(const Case& each, const std::vector<Case>& cases) {
  const Figures m = each.median();
  nlohmann::json out{
      {"name", each.name()},
      {"unit", "requests/s"},
      {"value", m.per_second},
      {"p50_us", m.p50_us},
      {"p99_us", m.p99_us},
      {"cpu_us_per_request",
       {{"leader", m.leader.cpu_us}, {"backup", m.backup.cpu_us}, {"client", m.client_cpu_us}}},
      {"datagrams_per_request",
       {{"leader", m.leader.packets},
        {"backup", m.backup.packets},
        {"client", m.client_packets},
        {"all", all_packets(each, m)}}},
      {"wakeups_per_request", {{"leader", m.leader.wakeups}, {"backup", m.backup.wakeups}}}};
  for (const Figures& run : each.runs) out["runs"].push_back(run.per_second);
  if (each.cluster.side == nullptr) return out;
  out["side"] = each.cluster.side->name;
  for (const auto& [name, role] : {std::pair("leader", &m.leader), std::pair("backup", &m.backup)}) {
    out["system_calls_per_request"][name] = role->system_calls;
    out["attributed_cpu_us_per_request"][name] = {{"process", role->process_us}, {"device", role->device_us}};
  }
  if (const auto ratios = ratios_of(each, cases)) {
    out["ratio"] = ratios->per_second;
    out["ratios"] = {{"p50", ratios->p50},
                     {"p99", ratios->p99},
                     {"leader_cpu", ratios->leader_cpu},
                     {"backup_cpu", ratios->backup_cpu}};
    if (const auto target = target_of(each, *ratios)) {
      out["target"] = target->text;
      out["met"] = target->is_met;
    }
  }
  return out;
}

}  // namespace

std::string table(const std::vector<Case>& cases) {
  std::string library, offloads;
  for (const Case& each : cases)
    (each.cluster.side == nullptr ? library : offloads) +=
        each.cluster.side == nullptr ? library_line(each) : offloads_line(each, cases);
  if (!library.empty()) library = library_head() + library;
  if (!offloads.empty()) offloads = offloads_head() + offloads;
  return library + offloads;
}

std::string json(const std::vector<Case>& cases, double sync_us) {
  nlohmann::json benchmarks = nlohmann::json::array();
  for (const Case& each : cases) benchmarks.push_back(benchmark(each, cases));
  nlohmann::json machine = describe_machine();
  machine["fdatasync_us"] = sync_us;
  return nlohmann::json{{"machine", machine}, {"benchmarks", benchmarks}}.dump();
}

}  // namespace bmc::bench

// SPDX-License-Identifier: Apache-2.0
// See report.h.
#include "netns-tests/hammer/report.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "netns-tests/lib/lab_error.h"

namespace bmc::hammer {
namespace {

constexpr std::pair<Fault, const char*> kFaults[] = {
    {Fault::kStop, "stop"},          {Fault::kKill, "kill"},          {Fault::kBmcdRestart, "bmcd-restart"},
    {Fault::kBmcdKill, "bmcd-kill"}, {Fault::kNetwork, "network"},    {Fault::kReset, "reset"},
    {Fault::kNoreply, "noreply"},    {Fault::kOverflow, "overflow"},  {Fault::kFlush, "flush"},
    {Fault::kMode, "mode"},          {Fault::kInterface, "interface"}};

std::string list_of(const std::set<Fault>& faults) {
  std::string list;
  for (const auto& [fault, name] : kFaults)
    if (faults.contains(fault)) list += (list.empty() ? "" : ",") + std::string(name);
  return list;
}

std::map<std::string, uint64_t> counts_of(const Statistics& s) {
  return {{"reads sent", s.reads_sent},
          {"values checked", s.values_checked},
          {"misses checked", s.misses_checked},
          {"misses not checkable", s.misses_unchecked},
          {"reads lost", s.reads_lost},
          {"late replies", s.late_replies},
          {"multigets", s.multigets},
          {"writes sent", s.writes_sent},
          {"writes done", s.writes_done},
          {"writes on nothing", s.writes_absent},
          {"writes refused", s.writes_refused},
          {"batches of unknown outcome", s.writes_unknown},
          {"quiet writes", s.quiet_writes},
          {"counter writes", s.counter_writes},
          {"split batches", s.split_batches},
          {"connections made", s.reconnects},
          {"resets", s.resets},
          {"freezes", s.freezes},
          {"kills", s.kills},
          {"bmcd restarts", s.bmcd_restarts},
          {"bmcd kills", s.bmcd_kills},
          {"flushes", s.flushes},
          {"delayed flushes", s.delayed_flushes},
          {"overflows", s.overflows},
          {"mode switches", s.mode_switches},
          {"network changes", s.network_changes},
          {"interfaces added", s.interfaces}};
}

}  // namespace

std::set<Fault> parse_faults(const std::string& list) {
  std::set<Fault> faults;
  std::istringstream names(list);
  for (std::string name; std::getline(names, name, ',');) {
    bool known = name == "none";
    for (const auto& [fault, text] : kFaults) {
      if (name != text && name != "all") continue;
      faults.insert(fault);
      known = true;
    }
    if (!known) throw std::invalid_argument("no fault is called " + name + "; there are " + fault_names());
  }
  return faults;
}

std::string fault_names() {
  std::string names = "none,all";
  for (const auto& [fault, name] : kFaults) names += std::string(",") + name;
  return names;
}

HammerReport make_report(const HammerOptions& options, const Board& board, const lab::Bmcd* bmcd,
                         const lab::FaultSwitch& faulty) {
  HammerReport report;
  report.violations = board.violations();
  report.violation_count = board.violation_count();
  report.counts = counts_of(board.statistics);
  const lab::SwitchCounts to_server = faulty.counts(lab::Direction::kToServer);
  report.counts["packets lost, repeated, reordered, delayed or corrupted on the way to the server"] =
      to_server.dropped + to_server.duplicated + to_server.reordered + to_server.delayed +
      to_server.corrupted;
  if (bmcd != nullptr) {
    try {
      report.kernel_hits = bmcd->hits();
    } catch (const lab::LabError& error) {
      ++report.violation_count;
      report.violations.push_back(std::string("laboratory: ") + error.what());
    }
    const auto reads = static_cast<double>(board.statistics.reads_sent);
    report.kernel_hit_rate = reads > 0 ? report.kernel_hits / reads : 0;
  }
  report.replay = "hammer --seed " + std::to_string(options.seed) + " --seconds " +
                  std::to_string(options.seconds) + (options.accelerated ? " --accelerated" : "") +
                  (options.faults.empty() ? "" : " --faults " + list_of(options.faults));
  return report;
}

std::string HammerReport::text() const {
  std::ostringstream out;
  for (const auto& [name, count] : counts)
    if (count != 0) out << name << ": " << count << "\n";
  out << "kernel hits: " << kernel_hits << " (" << kernel_hit_rate * 100 << " % of the reads)\n";
  out << "violations: " << violation_count << "\n";
  for (const auto& violation : violations) out << "  " << violation << "\n";
  out << "repeat with: " << replay << "\n";
  return out.str();
}

std::string HammerReport::json() const {
  return nlohmann::json{{"counts", counts},
                        {"kernel_hits", kernel_hits},
                        {"kernel_hit_rate", kernel_hit_rate},
                        {"violation_count", violation_count},
                        {"violations", violations},
                        {"replay", replay}}
      .dump();
}

}  // namespace bmc::hammer

// SPDX-License-Identifier: Apache-2.0
// The figures for people and for programs; see measurement.h.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "netns-tests/bench/machine.h"
#include "netns-tests/paxos/broadcast/bench/measurement.h"

namespace bmc::bench {

std::string table(const std::vector<BroadcastCase>& cases) {
  char line[160];
  std::snprintf(line, sizeof(line), "%-22s %10s %10s %10s   %9s %9s\n%-22s %10s %10s %10s   %9s %9s\n", "",
                "sendto", "sendmmsg", "broadcast", "broadcast", "", "case", "ns", "ns", "ns", "/sendmmsg",
                "/sendto");
  std::string text = line;
  for (const BroadcastCase& each : cases) {
    std::snprintf(line, sizeof(line), "%-22s %10.0f %10.0f %10.0f   %9.2f %9.2f\n", each.name().c_str(),
                  each.median_ns(kSendto), each.median_ns(kSendmmsg), each.median_ns(kBroadcast),
                  each.ratio(kBroadcast, kSendmmsg), each.ratio(kBroadcast, kSendto));
    text += line;
  }
  return text;
}

std::string json(const std::vector<BroadcastCase>& cases) {
  nlohmann::ordered_json benchmarks = nlohmann::ordered_json::array();
  for (const BroadcastCase& each : cases) {
    nlohmann::ordered_json one{{"name", each.name()}, {"unit", "ns of the sender's processor per message"}};
    for (std::size_t way = 0; way < kWays; ++way) {
      const char* name = kWayNames[way];
      one[name] = each.median_ns(static_cast<Way>(way));
      one["system_calls"][name] = each.system_calls(static_cast<Way>(way));
      one["runs"][name] = each.runs[way];
    }
    one["ratio"] = each.ratio(kBroadcast, kSendmmsg);
    one["ratio_to_sendto"] = each.ratio(kBroadcast, kSendto);
    benchmarks.push_back(std::move(one));
  }
  return nlohmann::ordered_json{{"machine", describe_machine()}, {"benchmarks", benchmarks}}.dump();
}

}  // namespace bmc::bench

// SPDX-License-Identifier: Apache-2.0
// A run for people and for programs; see run.h.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "netns-tests/paxos/nemesis/run.h"

namespace bmc::nemesis {
namespace {

// Rounds of the same nemesis together.
struct Line {
  std::size_t rounds = 0;
  std::uint64_t operations = 0, unknown = 0;
  std::int64_t silence_ns = 0, recovery_ns = 0;
};

std::map<std::string, Line> by_nemesis(const std::vector<RoundReport>& rounds) {
  std::map<std::string, Line> lines;
  for (const RoundReport& round : rounds) {
    Line& line = lines[round.nemeses];
    ++line.rounds;
    line.operations += round.operations;
    line.unknown += round.unknown;
    line.silence_ns = std::max(line.silence_ns, round.silence_ns);
    line.recovery_ns = std::max(line.recovery_ns, round.recovery_ns);
  }
  return lines;
}

double seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }

}  // namespace

std::uint64_t RunReport::operations() const {
  std::uint64_t sum = 0;
  for (const RoundReport& round : rounds) sum += round.operations;
  return sum;
}

std::string RunReport::text() const {
  char line[200];
  std::snprintf(line, sizeof(line), "%-22s %6s %10s %8s %12s %12s\n", "nemesis", "rounds", "operations",
                "unknown", "silence s", "recovery s");
  std::string out = line;
  for (const auto& [name, sums] : by_nemesis(rounds)) {
    std::snprintf(line, sizeof(line), "%-22s %6zu %10llu %8llu %12.2f %12.2f\n", name.c_str(), sums.rounds,
                  static_cast<unsigned long long>(sums.operations),
                  static_cast<unsigned long long>(sums.unknown), seconds(sums.silence_ns),
                  seconds(sums.recovery_ns));
    out += line;
  }
  out += "done:";
  for (const auto& [deed, count] : deeds) out += " " + std::to_string(count) + " " + deed + ",";
  out.back() = '\n';
  const std::string who = std::to_string(replicas) + " replicas, " + durability +
                          (offloads == "off" ? "" : ", offloads " + offloads) + ", seed " +
                          std::to_string(seed);
  if (failure.empty())
    return out + "linearizable: " + std::to_string(operations()) + " operations (" + who + ")\n";
  return out + "FAILED (" + who + "): " + failure;
}

std::string RunReport::json() const {
  nlohmann::json nemeses = nlohmann::json::object();
  for (const auto& [name, sums] : by_nemesis(rounds))
    nemeses[name] = {{"rounds", sums.rounds},
                     {"operations", sums.operations},
                     {"unknown", sums.unknown},
                     {"silence_max_s", seconds(sums.silence_ns)},
                     {"recovery_max_s", seconds(sums.recovery_ns)}};
  return nlohmann::json{{"seed", seed},
                        {"durability", durability},
                        {"offloads", offloads},
                        {"replicas", replicas},
                        {"nemeses", nemeses},
                        {"deeds", deeds},
                        {"operations", operations()},
                        {"failure", failure},
                        {"linearizable", failure.empty()}}
      .dump();
}

}  // namespace bmc::nemesis

// SPDX-License-Identifier: Apache-2.0
// The program paxos-nemesis: a replicated store of real processes under faults, and whether its clients could
// tell. Exit status: 0 all right, 1 something was wrong, 2 it could not run.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <random>

#include "netns-tests/paxos/linearizability/checker.h"
#include "netns-tests/paxos/linearizability/history_file.h"
#include "netns-tests/paxos/nemesis/run.h"

namespace bmc::nemesis {
namespace {

std::string list_of_nemeses() {
  std::string text;
  for (const Nemesis& nemesis : all_nemeses())
    text += std::string("\n  ") + nemesis.name + ": " + nemesis.what + (nemesis.needs_wal ? " (wal)" : "") +
            (nemesis.needs_bmcd ? " (offloads)" : "");
  return text;
}

int check_file(const std::string& path) {
  const auto history = linearizability::read_history(path);
  if (!history) {
    std::fprintf(stderr, "paxos-nemesis: %s\n", history.error().what.c_str());
    return 2;
  }
  const auto finding = linearizability::check(*history);
  std::printf("%zu operations on %zu keys, %zu of unknown outcome\n", finding.operations, finding.keys,
              finding.unknown);
  for (const auto& wrong : finding.wrong)
    std::printf("key %s is not linearizable: %s\n", wrong.key.c_str(), wrong.explanation.c_str());
  if (finding.linearizable()) std::printf("linearizable\n");
  return finding.linearizable() ? 0 : 1;
}

void show(const RoundReport& round) {
  std::fprintf(stderr, "%-22s %7llu operations, %4llu unknown, silence %5.2f s, recovery %5.2f s\n",
               round.nemeses.c_str(), static_cast<unsigned long long>(round.operations),
               static_cast<unsigned long long>(round.unknown), static_cast<double>(round.silence_ns) / 1e9,
               static_cast<double>(round.recovery_ns) / 1e9);
}

int main_program(int argc, char** argv) {
  RunOptions options;
  options.seed = std::random_device{}();
  std::string history;
  bool json = false, unreplicated = false;
  CLI::App app(
      "Does harm to a cluster of paxos-kv while clients use it, heals it, and judges what they saw. As "
      "root.");
  app.add_option("--seconds", options.seconds, "of faults")->capture_default_str();
  app.add_option("--round-seconds", options.round_seconds, "of faults before everything must work again")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--recovery-seconds", options.recovery_seconds, "in which it must")->capture_default_str();
  app.add_option("--replicas", options.cluster.replicas)
      ->check(CLI::IsMember({3, 5, 7, 9}))
      ->capture_default_str();
  app.add_option("--durability", options.cluster.durability)
      ->check(CLI::IsMember({"wal", "memory"}))
      ->capture_default_str();
  app.add_option("--reads-at", options.cluster.reads_at,
                 "who answers reads: each replica itself, the leader, or anybody (wrong)")
      ->check(CLI::IsMember({"here", "leader", "stale"}))
      ->capture_default_str();
  app.add_option("--offloads", options.cluster.offloads, "a bmcd beside every replica, some, or none")
      ->check(CLI::IsMember({"on", "off", "mixed"}))
      ->capture_default_str();
  app.add_option("--nemesis", options.nemeses, "'all', or names with commas:" + list_of_nemeses())
      ->capture_default_str();
  app.add_option("--seed", options.seed, "decides everything but the timing");
  app.add_option("--clients", options.clients)->capture_default_str();
  app.add_option("--evidence", options.evidence_directory, "where a failure's history and logs go")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_option("--check", history, "only judge the history in this file");
  app.add_flag("--unreplicated", unreplicated,
               "memcacheds that know nothing of each other: must be found wrong");
  app.add_flag("--json", json, "the report as one JSON object on the last line");
  CLI11_PARSE(app, argc, argv);
  if (!history.empty()) return check_file(history);
  if (::geteuid() != 0) {
    std::fprintf(stderr, "paxos-nemesis: it makes network namespaces and mounts: run it as root\n");
    return 2;
  }
  if (unreplicated) options.cluster.store = cluster::Store::kUnreplicated;
  std::fprintf(stderr, "paxos-nemesis: seed %llu\n", static_cast<unsigned long long>(options.seed));
  const RunReport report = run(options, show);
  std::printf("%s", report.text().c_str());
  if (json) std::printf("%s\n", report.json().c_str());
  return report.failure.empty() ? 0 : 1;
}

}  // namespace
}  // namespace bmc::nemesis

int main(int argc, char** argv) {
  try {
    return bmc::nemesis::main_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "paxos-nemesis: %s\n", error.what());
    return 2;
  }
}

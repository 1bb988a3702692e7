// SPDX-License-Identifier: Apache-2.0
// bmc-paxos-bench, behind `./bmc bench paxos`: replicas of an echo service and their clients in namespaces of
// this machine, 16-byte requests. Exit status: 0 measured, 2 it could not.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "control-plane/signal_stop.h"
#include "netns-tests/paxos/bench/measurement.h"

namespace bmc::bench {
namespace {

struct Options {
  double seconds = 1;
  std::size_t repeats = 3;
  std::vector<std::size_t> replicas{3, 5, 7};
  std::vector<std::string> durabilities{"memory", "wal"};
  std::vector<std::uint32_t> busy_poll_us{0, 50};
  std::string data = "/tmp";
  bool quick = false;
  bool json = false;
};

std::vector<EchoOptions> clusters_of(const Options& options) {
  std::vector<EchoOptions> clusters;
  for (const std::size_t replicas : options.replicas)
    for (const std::string& durability : options.durabilities)
      for (const bool batching : {false, true})
        for (const std::uint32_t busy_poll_us : options.busy_poll_us)
          clusters.push_back({replicas, durability, batching, busy_poll_us, options.data});
  return clusters;
}

// The cases take turns, so that a slow moment of the machine does not fall on one of them alone.
// Ends early, with what it has, when it is told to stop.
std::vector<Case> measure_all(const Options& options, const std::stop_token& stop) {
  const auto clusters = clusters_of(options);
  std::vector<Case> cases;
  for (const EchoOptions& cluster : clusters)
    for (const LoadShape& load : kLoadShapes) cases.push_back({cluster, load, {}});
  for (std::size_t repeat = 0; repeat < options.repeats; ++repeat)
    for (std::size_t i = 0; i < clusters.size(); ++i) {
      if (stop.stop_requested()) return cases;
      std::vector<Case*> of_cluster;
      for (std::size_t load = 0; load < std::size(kLoadShapes); ++load)
        of_cluster.push_back(&cases[i * std::size(kLoadShapes) + load]);
      std::fprintf(stderr, "bmc-paxos-bench: run %zu of %zu: %zu replicas, %s, %s%s\n", repeat + 1,
                   options.repeats, clusters[i].replicas, clusters[i].durability.c_str(),
                   clusters[i].batching ? "batched" : "unbatched",
                   clusters[i].busy_poll_us > 0 ? ", polling" : "");
      measure(clusters[i], options.seconds, of_cluster);
    }
  return cases;
}

int run(const Options& options) {
  const SignalStop signals;
  const double sync_us = sync_time_us(options.data);
  const auto cases = measure_all(options, signals.token());
  if (signals.token().stop_requested()) {
    std::fprintf(stderr, "bmc-paxos-bench: interrupted; everything it made is removed\n");
    return 130;
  }
  std::printf("%swal: a write and its fdatasync() take %.0f us in %s\n", table(cases).c_str(), sync_us,
              options.data.c_str());
  if (options.json) std::printf("%s\n", json(cases, sync_us).c_str());
  return 0;
}

int main_program(int argc, char** argv) {
  Options options;
  CLI::App app("Measures the replication library: rates, latencies, processor time and datagrams. As root.");
  app.add_option("--seconds", options.seconds, "of each measurement")
      ->check(CLI::Range(0.05, 600.0))
      ->capture_default_str();
  app.add_option("--repeats", options.repeats, "of which the median counts")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--replicas", options.replicas)->check(CLI::IsMember({3, 5, 7, 9}));
  app.add_option("--durability", options.durabilities)->check(CLI::IsMember({"memory", "wal"}));
  app.add_option("--busy-poll-us", options.busy_poll_us,
                 "of replicas and clients; 0: they sleep while they wait")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str();
  app.add_option("--data", options.data, "the disk: a directory for the replicas' data")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_flag("--quick", options.quick, "three replicas, once, briefly: to see that it works");
  app.add_flag("--json", options.json, "one JSON object as the last line");
  CLI11_PARSE(app, argc, argv);
  if (::geteuid() != 0) {
    std::fprintf(stderr, "bmc-paxos-bench: it makes network namespaces: run it as root\n");
    return 2;
  }
  if (options.quick) {
    options.replicas = {3};
    options.repeats = 1;
    options.busy_poll_us = {0};
    options.seconds = std::min(options.seconds, 0.3);
  }
  return run(options);
}

}  // namespace
}  // namespace bmc::bench

int main(int argc, char** argv) {
  try {
    return bmc::bench::main_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-paxos-bench: %s\n", error.what());
    return 2;
  }
}

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

constexpr LoadShape kLibraryLoads[] = {{"1_client", 1, 1}, {"8_clients", 8, 1}, {"64_outstanding", 1, 64}};
constexpr LoadShape kOffloadLoads[] = {{"1_client", 1, 1}, {"2_clients", 2, 1}, {"8_clients", 8, 1}};

struct Options {
  double seconds = 0.35;
  std::size_t repeats = 3;
  std::vector<std::string> parts{"library", "offloads"};
  std::vector<std::size_t> replicas{3, 5, 7, 9};
  std::vector<std::string> durabilities{"memory", "wal"};
  std::vector<std::uint32_t> busy_poll_us{0, 50};
  std::vector<std::string> sides{"off", "broadcast", "ack", "quorum", "all"};
  std::string data = "/tmp";
  bool quick = false;
  bool json = false;

  bool has_part(const char* part) const { return std::find(parts.begin(), parts.end(), part) != parts.end(); }
  // Nine tell of the offloads; of the library no more than seven.
  std::vector<std::size_t> replicas_of_library() const {
    std::vector<std::size_t> fewer = replicas;
    std::erase(fewer, 9u);
    return fewer;
  }
};

void add_library(const Options& options, std::vector<EchoOptions>& clusters) {
  for (const std::size_t replicas : options.replicas_of_library())
    for (const std::string& durability : options.durabilities)
      for (const bool batching : {false, true})
        for (const std::uint32_t busy_poll_us : options.busy_poll_us)
          clusters.push_back({replicas, durability, batching, busy_poll_us, options.data});
}

// Every side in memory without batching, where each request is a round of its own; then, as a service has it,
// all of them.
bool is_measured(const Options& options, const Side& side, const std::string& durability, bool batching) {
  if (std::find(options.sides.begin(), options.sides.end(), side.name) == options.sides.end()) return false;
  if (durability == "memory" && !batching) return true;
  const bool are_together = side.acknowledges == side.counts && side.counts == side.broadcasts;
  return !options.quick && batching && are_together;
}

void add_offloads(const Options& options, std::vector<EchoOptions>& clusters) {
  for (const std::size_t replicas : options.replicas)
    for (const std::string& durability : options.durabilities)
      for (const bool batching : {false, true})
        for (const Side& side : kSides)
          if (is_measured(options, side, durability, batching))
            clusters.push_back({replicas, durability, batching, 0, options.data, &side});
}

std::vector<EchoOptions> clusters_of(const Options& options) {
  std::vector<EchoOptions> clusters;
  if (options.has_part("library")) add_library(options, clusters);
  if (options.has_part("offloads")) add_offloads(options, clusters);
  return clusters;
}

std::vector<LoadShape> loads_of(const EchoOptions& cluster) {
  if (cluster.side != nullptr) return {std::begin(kOffloadLoads), std::end(kOffloadLoads)};
  return {std::begin(kLibraryLoads), std::end(kLibraryLoads)};
}

// The cases take turns, so that a slow moment of the machine does not fall on one of them alone.
// Ends early, with what it has, when it is told to stop.
std::vector<Case> measure_all(const Options& options, const std::stop_token& stop) {
  const auto clusters = clusters_of(options);
  std::vector<Case> cases;
  for (const EchoOptions& cluster : clusters)
    for (const LoadShape& load : loads_of(cluster)) cases.push_back({cluster, load, {}});
  for (std::size_t repeat = 0; repeat < options.repeats; ++repeat) {
    auto next = cases.begin();
    for (const EchoOptions& cluster : clusters) {
      if (stop.stop_requested()) return cases;
      std::vector<Case*> of_cluster;
      for (std::size_t load = loads_of(cluster).size(); load > 0; --load) of_cluster.push_back(&*next++);
      std::fprintf(stderr, "bmc-paxos-bench: run %zu of %zu: %zu replicas, %s, %s%s%s%s\n", repeat + 1,
                   options.repeats, cluster.replicas, cluster.durability.c_str(),
                   cluster.batching ? "batched" : "unbatched", cluster.busy_poll_us > 0 ? ", polling" : "",
                   cluster.side != nullptr ? ", offloads: " : "",
                   cluster.side != nullptr ? cluster.side->name : "");
      measure(cluster, options.seconds, of_cluster);
    }
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
  app.add_option("--part", options.parts, "the library by itself, and what the kernel's offloads change")
      ->check(CLI::IsMember({"library", "offloads"}))
      ->capture_default_str();
  app.add_option("--side", options.sides, "of the offloads")
      ->check(CLI::IsMember({"off", "broadcast", "ack", "quorum", "all"}))
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

// SPDX-License-Identifier: Apache-2.0
// See measurement.h.
#include "netns-tests/paxos/bench/measurement.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "netns-tests/bench/statistics.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::bench {
namespace {

constexpr double kWarmUpSeconds = 0.2;

// The leader sends to all and answers: whoever sent most of the packets.
std::size_t leader_of(const Usage& before, const Usage& after) {
  std::size_t leader = 0;
  const auto sent = [&](std::size_t i) { return after.packets_sent[i] - before.packets_sent[i]; };
  for (std::size_t i = 1; i < after.replica_cpu_seconds.size(); ++i)
    if (sent(i) > sent(leader)) leader = i;
  return leader;
}

Figures figures_of(LoadResult& load, const Usage& before, const Usage& after) {
  const auto requests = static_cast<double>(load.requests);
  const std::size_t replicas = after.replica_cpu_seconds.size();
  const auto packets = [&](std::size_t i) {
    return static_cast<double>(after.packets_sent[i] - before.packets_sent[i]) / requests;
  };
  Figures figures;
  figures.per_second = load.per_second();
  figures.p50_us = load.latency_us(0.5);
  figures.p99_us = load.latency_us(0.99);
  figures.client_cpu_us = load.cpu_seconds * 1e6 / requests;
  figures.client_packets = packets(replicas);
  const std::size_t leader = leader_of(before, after);
  for (std::size_t i = 0; i < replicas; ++i) {
    const double cpu_us = (after.replica_cpu_seconds[i] - before.replica_cpu_seconds[i]) * 1e6 / requests;
    const double share = i == leader ? 1 : 1 / static_cast<double>(replicas - 1);
    (i == leader ? figures.leader_cpu_us : figures.backup_cpu_us) += cpu_us * share;
    (i == leader ? figures.leader_packets : figures.backup_packets) += packets(i) * share;
  }
  return figures;
}

}  // namespace

std::string Case::name() const {
  return "paxos." + std::to_string(cluster.replicas) + "." + cluster.durability + "." +
         (cluster.batching ? "batched" : "unbatched") + "." + (cluster.busy_poll_us > 0 ? "polling." : "") +
         load.name;
}

Figures Case::median() const {
  const auto of = [this](double Figures::*figure) {
    std::vector<double> values;
    for (const Figures& run : runs) values.push_back(run.*figure);
    return median_of(std::move(values));
  };
  return {of(&Figures::per_second),     of(&Figures::p50_us),         of(&Figures::p99_us),
          of(&Figures::leader_cpu_us),  of(&Figures::backup_cpu_us),  of(&Figures::client_cpu_us),
          of(&Figures::leader_packets), of(&Figures::backup_packets), of(&Figures::client_packets)};
}

void measure(const EchoOptions& options, double seconds, std::vector<Case*>& cases) {
  EchoCluster cluster(options);
  const lab::ScopedNetns inside(cluster.mesh().clients());
  for (Case* each : cases) {
    Load load(cluster.addresses(), each->load.clients, each->load.outstanding, options.busy_poll_us);
    load.run(kWarmUpSeconds);
    const Usage before = cluster.usage();
    LoadResult result = load.run(seconds);
    const Usage after = cluster.usage();
    if (result.failures > 0 || result.requests == 0)
      throw lab::LabError(each->name() + ": " + std::to_string(result.failures) +
                          " requests failed: " + result.first_failure);
    each->runs.push_back(figures_of(result, before, after));
  }
  for (const std::string& told : cluster.stop()) {
    const auto status = nlohmann::json::parse(told, nullptr, false);
    if (status.is_discarded()) throw lab::LabError("a replica ended before its time: " + told);
    if (status["view"] == 0) continue;
    std::fprintf(stderr,
                 "bmc-paxos-bench: the leader changed meanwhile: the machine is too busy to measure well\n");
    break;
  }
}

double sync_time_us(const std::string& parent) {
  constexpr int kSyncs = 50;
  const TemporaryDirectory directory(parent);
  const std::string path = directory.path() + "/sync";
  const lab::Fd file(
      lab::checked(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600), "create " + path));
  const char block[512] = {};
  std::vector<double> times;
  for (int i = 0; i < kSyncs; ++i) {
    const std::int64_t start = lab::now_ns();
    lab::checked(pwrite(file.get(), block, sizeof(block), i * static_cast<off_t>(sizeof(block))),
                 "write " + path);
    lab::checked(fdatasync(file.get()), "fdatasync " + path);
    times.push_back(static_cast<double>(lab::now_ns() - start) / 1000);
  }
  return median_of(std::move(times));
}

}  // namespace bmc::bench

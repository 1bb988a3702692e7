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
constexpr double kAccountedPart = 0.5;  // of the measurement: as long again with accounts
constexpr double kShareWanted = 0.9;    // of what the kernel could do

// The leader sends to all and answers: whoever sent most of the packets.
std::size_t leader_of(const Usage& before, const Usage& after) {
  std::size_t leader = 0;
  const auto sent = [&](std::size_t i) {
    return after.replicas[i].packets_sent - before.replicas[i].packets_sent;
  };
  for (std::size_t i = 1; i < after.replicas.size(); ++i)
    if (sent(i) > sent(leader)) leader = i;
  return leader;
}

void add(RoleFigures& to, const ReplicaUsage& before, const ReplicaUsage& after, double requests) {
  to.cpu_us += (after.cpu_seconds - before.cpu_seconds) * 1e6 / requests;
  to.packets += static_cast<double>(after.packets_sent - before.packets_sent) / requests;
  to.wakeups += static_cast<double>(after.wakeups - before.wakeups) / requests;
  to.process_us += (after.process_seconds - before.process_seconds) * 1e6 / requests;
  to.device_us += (after.device_seconds - before.device_seconds) * 1e6 / requests;
  to.system_calls += static_cast<double>(after.system_calls - before.system_calls) / requests;
}

Figures figures_of(LoadResult& load, const Usage& before, const Usage& after) {
  const auto requests = static_cast<double>(load.requests);
  const std::size_t replicas = after.replicas.size(), leader = leader_of(before, after);
  Figures figures;
  figures.per_second = load.per_second();
  figures.p50_us = load.latency_us(0.5);
  figures.p99_us = load.latency_us(0.99);
  figures.client_cpu_us = load.cpu_seconds * 1e6 / requests;
  figures.client_packets =
      static_cast<double>(after.client_packets_sent - before.client_packets_sent) / requests;
  for (std::size_t i = 0; i < replicas; ++i)
    add(i == leader ? figures.leader : figures.backup, before.replicas[i], after.replicas[i],
        i == leader ? requests : requests * static_cast<double>(replicas - 1));
  return figures;
}

Figures run_once(EchoCluster& cluster, const Case& of, Load& load, double seconds, const Accounts* accounts) {
  const Usage before = cluster.usage(accounts);
  LoadResult result = load.run(seconds);
  const Usage after = cluster.usage(accounts);
  if (result.failures > 0 || result.requests == 0)
    throw lab::LabError(of.name() + ": " + std::to_string(result.failures) +
                        " requests failed: " + result.first_failure);
  return figures_of(result, before, after);
}

void take_accounted(RoleFigures& to, const RoleFigures& from) {
  to.process_us = from.process_us;
  to.device_us = from.device_us;
  to.system_calls = from.system_calls;
}

void measure_case(EchoCluster& cluster, Case& each, double seconds) {
  Load load(cluster.addresses(), each.load.clients, each.load.outstanding, each.cluster.busy_poll_us);
  load.run(kWarmUpSeconds);
  Figures figures = run_once(cluster, each, load, seconds, nullptr);
  if (each.cluster.side != nullptr) {
    const Accounts accounts;
    const Figures accounted = run_once(cluster, each, load, seconds * kAccountedPart, &accounts);
    take_accounted(figures.leader, accounted.leader);
    take_accounted(figures.backup, accounted.backup);
  }
  each.runs.push_back(figures);
}

// Of what one replica did, as its counters say.
void check_help(const EchoOptions& options, const nlohmann::json& counters, bool leads, double ops) {
  const Side& side = *options.side;
  const auto want = [&](bool wanted, const char* counter, double of_all) {
    const double did = counters.value(counter, 0.0);
    if (wanted && did == 0) throw lab::LabError(std::string("the kernel did nothing: ") + counter);
    if (wanted && did < kShareWanted * of_all)
      std::fprintf(stderr, "bmc-paxos-bench: the kernel did less than it could: %s is %.0f of %.0f\n%s\n",
                   counter, did, of_all, counters.dump().c_str());
  };
  want(side.acknowledges && !leads, "kernel_entries", ops);
  want(side.counts && leads, "kernel_acknowledged", ops * static_cast<double>(options.replicas - 1) / 2);
  want(side.broadcasts && leads, "broadcasts{taken}", ops);
}

void check_end(const EchoOptions& options, const std::vector<std::string>& told) {
  bool changed = false;
  for (const std::string& each : told) {
    const auto status = nlohmann::json::parse(each, nullptr, false);
    if (status.is_discarded()) throw lab::LabError("a replica ended before its time: " + each);
    changed |= status["view"] != 0;
    if (options.side != nullptr)
      check_help(options, status["counters"], status["role"] == "leader", status["op"].get<double>());
  }
  if (changed)
    std::fprintf(stderr,
                 "bmc-paxos-bench: the leader changed meanwhile: the machine is too busy to measure well\n");
}

}  // namespace

std::string Case::name() const {
  return (cluster.side != nullptr ? "paxos_offloads." : "paxos.") + std::to_string(cluster.replicas) + "." +
         cluster.durability + "." + (cluster.batching ? "batched" : "unbatched") + "." +
         (cluster.busy_poll_us > 0 ? "polling." : "") +
         (cluster.side != nullptr ? cluster.side->name + std::string(".") : "") + load.name;
}

Figures Case::median() const {
  const auto of = [this](auto figure) {
    std::vector<double> values;
    for (const Figures& run : runs) values.push_back(figure(run));
    return median_of(std::move(values));
  };
  const auto role = [&](RoleFigures Figures::*which) {
    const auto figure = [&](double RoleFigures::*one) {
      return of([&](const Figures& run) { return run.*which.*one; });
    };
    return RoleFigures{figure(&RoleFigures::cpu_us),    figure(&RoleFigures::packets),
                       figure(&RoleFigures::wakeups),   figure(&RoleFigures::process_us),
                       figure(&RoleFigures::device_us), figure(&RoleFigures::system_calls)};
  };
  return {of([](const Figures& run) { return run.per_second; }),
          of([](const Figures& run) { return run.p50_us; }),
          of([](const Figures& run) { return run.p99_us; }),
          of([](const Figures& run) { return run.client_cpu_us; }),
          of([](const Figures& run) { return run.client_packets; }),
          role(&Figures::leader),
          role(&Figures::backup)};
}

void measure(const EchoOptions& options, double seconds, std::vector<Case*>& cases) {
  EchoCluster cluster(options);
  const lab::ScopedNetns inside(cluster.mesh().clients());
  for (Case* each : cases) measure_case(cluster, *each, seconds);
  check_end(options, cluster.stop());
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

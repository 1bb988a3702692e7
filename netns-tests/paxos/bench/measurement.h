// SPDX-License-Identifier: Apache-2.0
// One case of the benchmark, measured again and again, and what came of it. Used by the benchmark's program.
#ifndef BMC_NETNS_TESTS_PAXOS_BENCH_MEASUREMENT_H
#define BMC_NETNS_TESTS_PAXOS_BENCH_MEASUREMENT_H

#include <string>
#include <vector>

#include "netns-tests/paxos/bench/echo_cluster.h"
#include "netns-tests/paxos/bench/load.h"

namespace bmc::bench {

// How much is asked for at a time.
struct LoadShape {
  const char* name;
  std::size_t clients;
  std::size_t outstanding;  // of each
};
inline constexpr LoadShape kLoadShapes[] = {
    {"1_client", 1, 1}, {"8_clients", 8, 1}, {"64_outstanding", 1, 64}};

// Of one run, per request where it says so.
struct Figures {
  double per_second = 0;
  double p50_us = 0, p99_us = 0;
  double leader_cpu_us = 0, backup_cpu_us = 0, client_cpu_us = 0;     // per request; backup: each
  double leader_packets = 0, backup_packets = 0, client_packets = 0;  // sent per request; backup: each
};

struct Case {
  EchoOptions cluster;
  LoadShape load;
  std::vector<Figures> runs;

  // "paxos.3.memory.unbatched.8_clients".
  std::string name() const;
  // Of each figure the median of the runs.
  Figures median() const;
};

// All loads on one cluster; adds a run to each of `cases`, which must be of that cluster. Throws
// lab::LabError when requests failed.
void measure(const EchoOptions& options, double seconds, std::vector<Case*>& cases);

std::string table(const std::vector<Case>& cases);
// {"machine":{…},"benchmarks":[{"name","unit","value",…}]} in one line.
std::string json(const std::vector<Case>& cases, double sync_us);

// Median time of a small write and its fdatasync() under `parent`: what durability costs on this disk.
double sync_time_us(const std::string& parent);

}  // namespace bmc::bench

#endif

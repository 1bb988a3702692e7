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

// Of the leader, or of each backup; per request.
struct RoleFigures {
  double cpu_us = 0;   // of its process, and of the network's work that fell into its time
  double packets = 0;  // sent
  double wakeups = 0;  // of its threads
  // Of a case with a side, measured on their own:
  double process_us = 0;  // of its process alone
  double device_us = 0;   // of its interface's NAPI
  double system_calls = 0;

  double attributed_us() const { return process_us + device_us; }
};

// Of one run.
struct Figures {
  double per_second = 0;
  double p50_us = 0, p99_us = 0;
  double client_cpu_us = 0, client_packets = 0;  // per request
  RoleFigures leader, backup;
};

struct Case {
  EchoOptions cluster;
  LoadShape load;
  std::vector<Figures> runs;

  // "paxos.3.memory.unbatched.8_clients", "paxos_offloads.3.memory.unbatched.all.8_clients".
  std::string name() const;
  // Of each figure the median of the runs.
  Figures median() const;
};

// All loads on one cluster; adds a run to each of `cases`, which must be of that cluster. Throws
// lab::LabError when requests failed, or the kernel did not do what the side says.
void measure(const EchoOptions& options, double seconds, std::vector<Case*>& cases);

std::string table(const std::vector<Case>& cases);
// {"machine":{…},"benchmarks":[{"name","unit","value",…}]} in one line.
std::string json(const std::vector<Case>& cases, double sync_us);

// Median time of a small write and its fdatasync() under `parent`: what durability costs on this disk.
double sync_time_us(const std::string& parent);

}  // namespace bmc::bench

#endif

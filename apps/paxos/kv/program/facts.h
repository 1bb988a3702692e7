// SPDX-License-Identifier: Apache-2.0
// What a running paxos-kv tells of itself: the statistics under `stats` and the metrics for Prometheus.
// Everything is read when it is asked for.
#ifndef BMC_KV_PROGRAM_FACTS_H
#define BMC_KV_PROGRAM_FACTS_H

#include <prometheus/metric_family.h>

#include <chrono>
#include <string>
#include <vector>

#include "apps/paxos/include/bmc/paxos/client.h"
#include "apps/paxos/include/bmc/paxos/replica.h"
#include "apps/paxos/kv/machine/kv_machine.h"
#include "apps/paxos/kv/program/config.h"
#include "apps/paxos/kv/server/server.h"

namespace bmc::kv {

// All of it is lent and outlives the functions below; `server` is set when there is one.
struct Facts {
  const Config& config;
  const KvMachine& machine;
  const paxos::Replica& replica;
  const paxos::Client& client;
  const Server* server = nullptr;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

void tell_general(const Facts& facts, StatList& list);
void tell_settings(const Facts& facts, StatList& list);
// Names begin with "paxos_"; read again by the command status.
void tell_paxos(const Facts& facts, StatList& list);

void collect_metrics(const Facts& facts, std::vector<prometheus::MetricFamily>& families);

// "leader of view 3, op 17": for systemd's status line.
std::string one_line(const Facts& facts);

}  // namespace bmc::kv

#endif

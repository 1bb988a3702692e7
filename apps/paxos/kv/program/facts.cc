// SPDX-License-Identifier: Apache-2.0
// Statistics of a running paxos-kv; see facts.h. The metrics are in metrics.cc.
#include "apps/paxos/kv/program/facts.h"

#include <unistd.h>

namespace bmc::kv {
namespace {

class Stats {
 public:
  explicit Stats(StatList& list) : list_(list) {}

  void text(const char* name, std::string value) { list_.emplace_back(name, std::move(value)); }
  template <typename Number>
  void number(const char* name, Number value) {
    list_.emplace_back(name, std::to_string(value));
  }

 private:
  StatList& list_;
};

const char* durability_of(const Config& config) {
  return config.replica.durability == paxos::Options::Durability::wal ? "wal" : "memory";
}

// "ack,quorum", "none"; "off" if bmcd is not asked.
std::string kernel_of(const Config& config, const paxos::KernelHelp& help) {
  if (config.replica.kernel.socket.empty()) return "off";
  std::string names;
  const auto add = [&](bool is_on, const char* name) {
    if (is_on) names += (names.empty() ? "" : ",") + std::string(name);
  };
  add(help.acknowledge, "ack");
  add(help.quorum, "quorum");
  add(help.broadcast, "broadcast");
  return names.empty() ? "none" : names;
}

}  // namespace

void tell_general(const Facts& facts, StatList& list) {
  using std::chrono::seconds;
  const auto up = std::chrono::duration_cast<seconds>(std::chrono::steady_clock::now() - facts.started);
  const Gauges& items = facts.machine.gauges();
  Stats stats(list);
  stats.number("pid", ::getpid());
  stats.number("uptime", up.count());
  stats.number("time", facts.config.server.now_us() / 1'000'000);
  stats.text("version", BMC_VERSION);
  stats.number("pointer_size", 8 * sizeof(void*));
  stats.number("threads", 2);
  stats.number("limit_maxbytes", facts.config.server.memory_bytes_max);
  stats.number("bytes", items.bytes.load());
  stats.number("curr_items", items.items.load());
  stats.number("total_items", items.stores.load());
  stats.number("evictions", 0);  // there are none
}

void tell_settings(const Facts& facts, StatList& list) {
  const Config& config = facts.config;
  Stats stats(list);
  stats.number("maxbytes", config.server.memory_bytes_max);
  stats.number("maxconns", config.server.connections_max);
  stats.number("tcpport", config.server.listen.port);
  stats.number("udpport", 0);
  stats.text("inter", config.server.listen.address.to_string());
  stats.text("evictions", "off");
  stats.text("cas_enabled", "yes");
  stats.number("item_size_max", kValueBytesMax);
  stats.number("buffer_memory", config.server.buffer_bytes_max);
  stats.text("reads", config.reads_are_stale ? "stale" : "linearizable");
  stats.text("reads_at", config.reads_are_local || config.reads_are_stale ? "here" : "leader");
  stats.number("deadline_ms", config.client.deadline_ms);
}

void tell_paxos(const Facts& facts, StatList& list) {
  const Config& config = facts.config;
  const paxos::ReplicaStatus status = facts.replica.status();
  Stats stats(list);
  stats.text("paxos_role", std::string(paxos::name_of(status.role)));
  stats.number("paxos_view", status.view);
  stats.number("paxos_leader", status.leader);
  stats.number("paxos_index", config.replica.replica_index);
  stats.text("paxos_cluster_id", format_cluster_id(config.replica.cluster_id));
  stats.text("paxos_durability", durability_of(config));
  stats.number("paxos_incarnation", status.incarnation);
  stats.number("paxos_op", status.op);
  stats.number("paxos_stored", status.stored);
  stats.number("paxos_commit", status.commit);
  stats.number("paxos_applied", status.applied);
  stats.number("paxos_checkpoint", status.checkpoint);
  stats.number("paxos_log_begin", status.log_begin);
  stats.number("paxos_sessions", status.sessions);
  stats.number("paxos_requests_waiting", status.requests_waiting);
  stats.number("paxos_reads_waiting", status.reads_waiting);
  stats.text("paxos_kernel", kernel_of(config, status.kernel));
  stats.text("paxos_kernel_joined", status.kernel.is_joined ? "yes" : "no");
  for (const paxos::Counter& counter : facts.replica.counters()) {
    if (!counter.name.starts_with("kernel_")) continue;
    const std::string label = counter.label.empty() ? "" : "_" + std::string(counter.label);
    list.emplace_back("paxos_" + std::string(counter.name) + label, std::to_string(counter.value));
  }
  stats.number("paxos_replicas", config.replica.replicas.size());
  for (std::size_t i = 0; i < config.replica.replicas.size(); ++i)
    list.emplace_back("paxos_replica_" + std::to_string(i), config.replica.replicas[i]);
}

std::string one_line(const Facts& facts) {
  const paxos::ReplicaStatus status = facts.replica.status();
  const std::string view = std::to_string(status.view);
  using Role = paxos::ReplicaStatus::Role;
  switch (status.role) {
    case Role::leader:
      return "leader of view " + view;
    case Role::cut_off:
      return "leader of view " + view + ", but hears no majority: serves nothing";
    case Role::backup:
      return "backup of replica " + std::to_string(status.leader) + " in view " + view;
    case Role::view_change:
      return "between two leaders, view " + view;
    case Role::recovering:
      return "recovering from the others";
  }
  std::abort();
}

}  // namespace bmc::kv

// SPDX-License-Identifier: Apache-2.0
// Metrics of a running paxos-kv: paxos_kv_ is the server and its items, paxos_ the replica.
#include <initializer_list>
#include <map>

#include "apps/paxos/kv/program/facts.h"

namespace bmc::kv {
namespace {

using Families = std::vector<prometheus::MetricFamily>;
using prometheus::MetricType;

prometheus::MetricFamily& add_family(Families& families, std::string name, std::string help,
                                     MetricType type) {
  prometheus::MetricFamily& family = families.emplace_back();
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

void add_value(prometheus::MetricFamily& family, double value, std::string label = {},
               std::string text = {}) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  if (!label.empty()) metric.label.push_back({std::move(label), std::move(text)});
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

struct Gauge {
  const char* name;
  const char* help;
  std::uint64_t value;
};

void add_gauges(Families& families, std::initializer_list<Gauge> gauges) {
  for (const auto& [name, help, value] : gauges)
    add_value(add_family(families, name, help, MetricType::Gauge), static_cast<double>(value));
}

void collect_server(const Facts& facts, Families& families) {
  const Gauges& items = facts.machine.gauges();
  add_gauges(
      families,
      {{"paxos_kv_items", "Items held", items.items},
       {"paxos_kv_items_bytes", "What they weigh: keys, values and overhead", items.bytes},
       {"paxos_kv_items_bytes_max", "Limit of that (memory)", facts.config.server.memory_bytes_max},
       {"paxos_kv_connections", "Clients connected", facts.server->connections()},
       {"paxos_kv_connections_max", "Limit of that (connections)", facts.config.server.connections_max},
       {"paxos_kv_buffer_bytes", "Held for requests and answers beyond each connection's base",
        facts.server->buffer_bytes()}});
  const Counters& counters = facts.server->counters();
#define X(name, text)                                                                    \
  add_value(add_family(families, "paxos_kv_" #name "_total", text, MetricType::Counter), \
            static_cast<double>(counters.name));
  BMC_KV_COUNTERS(X)
#undef X
}

void collect_role(const paxos::ReplicaStatus& status, Families& families) {
  using Role = paxos::ReplicaStatus::Role;
  auto& roles = add_family(families, "paxos_role", "1 for what this replica is now", MetricType::Gauge);
  for (const Role role : {Role::leader, Role::cut_off, Role::backup, Role::view_change, Role::recovering})
    add_value(roles, status.role == role ? 1 : 0, "role", std::string(paxos::name_of(role)));
}

void collect_kernel(const paxos::KernelHelp& help, Families& families) {
  auto& offloads = add_family(families, "paxos_kernel_offload",
                              "1 for what the kernel does in place of this replica", MetricType::Gauge);
  add_value(offloads, help.acknowledge ? 1 : 0, "offload", "ack");
  add_value(offloads, help.quorum ? 1 : 0, "offload", "quorum");
  add_value(offloads, help.broadcast ? 1 : 0, "offload", "broadcast");
  add_gauges(families, {{"paxos_kernel_joined", "1 while bmcd is there", help.is_joined ? 1u : 0u}});
}

void collect_replica(const Facts& facts, Families& families) {
  const paxos::ReplicaStatus status = facts.replica.status();
  collect_role(status, families);
  if (!facts.config.replica.kernel.socket.empty()) collect_kernel(status.kernel, families);
  add_gauges(
      families,
      {{"paxos_view", "Number of the view", status.view},
       {"paxos_leader", "Index of the view's leader", status.leader},
       {"paxos_incarnation", "Starts of this replica", status.incarnation},
       {"paxos_op", "End of the log", status.op},
       {"paxos_stored_op", "End of what of it is on disk", status.stored},
       {"paxos_commit_op", "End of what is known to be committed", status.commit},
       {"paxos_applied_op", "End of what was carried out", status.applied},
       {"paxos_checkpoint_op", "What the newest checkpoint holds", status.checkpoint},
       {"paxos_log_begin_op", "Entries after it are in the log", status.log_begin},
       {"paxos_sessions", "Sessions of clients", status.sessions},
       {"paxos_requests_waiting", "Requests that wait to be proposed", status.requests_waiting},
       {"paxos_reads_waiting", "Reads that wait for a majority or for the log", status.reads_waiting}});
  std::map<std::string_view, std::size_t> places;  // one family for each name
  for (const paxos::Counter& counter : facts.replica.counters()) {
    const auto [place, is_new] = places.emplace(counter.name, families.size());
    if (is_new)
      add_family(families, "paxos_" + std::string(counter.name) + "_total", std::string(counter.help),
                 MetricType::Counter);
    add_value(families[place->second], static_cast<double>(counter.value),
              counter.label.empty() ? "" : "reason", std::string(counter.label));
  }
}

void collect_client(const Facts& facts, Families& families) {
  const paxos::Client::Counters counters = facts.client.counters();
  const auto add = [&](const char* name, const char* help, std::uint64_t value) {
    add_value(add_family(families, name, help, MetricType::Counter), static_cast<double>(value));
  };
  add("paxos_client_datagrams_sent_total", "Sent by the server's client", counters.datagrams_sent);
  add("paxos_client_datagrams_received_total", "Received by it", counters.datagrams_received);
  add("paxos_client_datagrams_dropped_total", "Of them, malformed or not from a replica",
      counters.datagrams_dropped);
  add("paxos_client_retransmissions_total", "Requests it sent again", counters.retransmissions);
  add("paxos_client_redirections_total", "Requests sent to a replica that did not lead",
      counters.redirections);
  add("paxos_client_sessions_opened_total", "Sessions it opened", counters.sessions_opened);
}

}  // namespace

void collect_metrics(const Facts& facts, Families& families) {
  auto& build = add_family(families, "paxos_kv_build_info", "Version of this program", MetricType::Gauge);
  add_value(build, 1, "version", BMC_VERSION);
  collect_server(facts, families);
  collect_replica(facts, families);
  collect_client(facts, families);
}

}  // namespace bmc::kv

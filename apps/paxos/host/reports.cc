// SPDX-License-Identifier: Apache-2.0
// Answers and metrics; see reports.h.
#include "apps/paxos/host/reports.h"

#include <time.h>

#include <array>
#include <utility>

#include "control-plane/metric_builder.h"
#include "control-plane/status_reply.h"

namespace bmc::paxos::host {
namespace {

using prometheus::MetricType;

constexpr std::pair<const char*, std::uint32_t> kOffloads[] = {
    {"ack", PAXOS_OFFLOAD_ACK}, {"quorum", PAXOS_OFFLOAD_QUORUM}, {"broadcast", PAXOS_OFFLOAD_BROADCAST}};

// Place, verdict and reason of each counter.
struct Name {
  const char* where;
  const char* verdict;
  const char* reason;
};

const std::array<Name, PAXOS_FAST_COUNTER_COUNT>& fast_names() {
  static constexpr std::array<Name, PAXOS_FAST_COUNTER_COUNT> kNames = {{{"", "", ""},
#define PAXOS_FAST_NAME(name, where, verdict, reason, text) {where, verdict, reason},
                                                                         PAXOS_FAST_COUNTERS(PAXOS_FAST_NAME)
#undef PAXOS_FAST_NAME
  }};
  return kNames;
}

const std::array<Name, BROADCAST_COUNTER_COUNT>& broadcast_names() {
  static constexpr std::array<Name, BROADCAST_COUNTER_COUNT> kNames = {{
#define BROADCAST_NAME(name, verdict, reason, text) {"broadcast", verdict, reason},
      BROADCAST_COUNTERS(BROADCAST_NAME)
#undef BROADCAST_NAME
  }};
  return kNames;
}

// Of all programs, visited as (name, count).
template <typename Visit>
void for_each_count(const Programs& programs, Visit visit) {
  const FastCounts fast = programs.fast_counts();
  for (std::size_t i = 1; i < fast.size(); i++) visit(fast_names()[i], fast[i]);
  const BroadcastCounts broadcast = programs.broadcast_counts();
  for (std::size_t i = 0; i < broadcast.size(); i++) visit(broadcast_names()[i], broadcast[i]);
}

std::uint64_t observe(const __u64& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }

// As the programs' clock.
std::uint64_t monotonic_ns() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

template <typename Words>
void add_names(std::uint32_t offloads, Words& words) {
  for (const auto& [name, bit] : kOffloads)
    if ((offloads & bit) != 0) *words.Add() = name;
}

// The process writes here what it likes, thus no more is concluded than it can say of itself.
void describe_cells(const paxos_cells& cells, control::PaxosMember& member) {
  const std::uint64_t tail = observe(cells.tail) & PAXOS_POSITION_MASK;
  const std::uint64_t gate = observe(cells.gate);
  member.set_accepts((gate & PAXOS_ARMED) != 0);
  member.set_counts((observe(cells.leader_gate) & PAXOS_ARMED) != 0);
  const std::uint64_t taken = PAXOS_GENERATION(tail) == PAXOS_GENERATION(gate) ? PAXOS_REL(tail) : 0;
  if (PAXOS_REL(gate) > taken && PAXOS_REL(gate) - taken <= PAXOS_SLOTS)
    member.set_waiting(static_cast<std::uint32_t>(PAXOS_REL(gate) - taken));
  const std::uint64_t alive = observe(cells.alive_ns), now = monotonic_ns();
  member.set_shows_life(alive != 0 && alive <= now);
  if (member.shows_life()) member.set_alive_s_ago(static_cast<double>(now - alive) / 1e9);
}

std::size_t armed(const PaxosView& view, __u64 paxos_cells::*gate) {
  std::size_t count = 0;
  for (const auto& [address, map] : view.maps.all()) count += (observe(map.cells().*gate) & PAXOS_ARMED) != 0;
  return count;
}

}  // namespace

Result<std::uint32_t> offload_named(const std::string& name) {
  for (const auto& [known, bit] : kOffloads)
    if (name == known) return bit;
  return Error{EINVAL, "there is no offload '" + name + "': ack, quorum and broadcast are those there are"};
}

void describe_paxos(const PaxosView& view, control::PaxosReply& reply) {
  for (const auto& [name, bit] : kOffloads) {
    control::PaxosSwitch& each = *reply.add_switches();
    each.set_offload(name);
    each.set_on((view.members.switches() & bit) != 0);
  }
  for (const auto& [address, member] : view.members.all()) {
    control::PaxosMember& told = *reply.add_members();
    told.set_address(to_string(to_endpoint(address)));
    told.set_uid(member.peer.uid);
    told.set_pid(static_cast<std::uint32_t>(member.peer.pid));
    add_names(member.wanted, *told.mutable_wanted());
    add_names(view.members.offloads_of(member), *told.mutable_on());
    describe_cells(view.maps.all().at(address).cells(), told);
    told.set_has_broadcast_group(member.broadcast_group.has_value());
    told.set_broadcast_group(member.broadcast_group.value_or(0));
  }
  for_each_count(view.programs, [&](const Name& name, std::uint64_t packets) {
    if (packets == 0) return;
    control::PaxosCount& count = *reply.add_counts();
    count.set_where(name.where);
    count.set_verdict(name.verdict);
    count.set_reason(name.reason);
    count.set_packets(packets);
  });
}

void describe_status(const PaxosView& view, control::StatusReply& status) {
  for (const auto& [index, xdp] : view.programs.xdp())
    add_attachment(status, "xdp", xdp.interface().name, xdp.how(), xdp.program_id());
  for (const auto& [index, tc] : view.programs.tc())
    add_attachment(status, "tc egress", tc.interface().name, "clsact, Paxos broadcast", tc.program_id());
  add_field(status, "Paxos replicas",
            std::to_string(view.members.all().size()) + " joined; bmcctl paxos tells more");
}

void describe_exposure(const Config& config, control::AuditReply& audit) {
  const auto add = [&](control::Finding::Weight weight, const std::string& text,
                       const std::string& remedy = {}) {
    control::Finding& finding = *audit.add_findings();
    finding.set_weight(weight);
    finding.set_text(text);
    finding.set_remedy(remedy);
  };
  for (const PortGrant& grant : config.paxos_allow) {
    const std::string ports =
        grant.first_port == grant.last_port
            ? "port " + std::to_string(grant.first_port)
            : "ports " + std::to_string(grant.first_port) + " to " + std::to_string(grant.last_port);
    add(control::Finding::NOTE, "processes of user " + std::to_string(grant.uid) +
                                    " may have bmcd's programs receive, drop and answer what is "
                                    "sent to UDP sockets of theirs at " +
                                    ports + ", in their replicas' name");
    if (grant.first_port < 1024)
      add(control::Finding::CAUTION,
          "paxos-allow = \"" + to_string(grant) + "\" covers ports of well-known services",
          "name only the ports that replicas use");
  }
  if (config.paxos_offloads.contains(PaxosOffload::kBroadcast))
    add(control::Finding::NOTE,
        "copies of replicas' broadcasts leave behind the firewall's output rules, to the addresses that a "
        "replica names");
}

void collect_paxos(const PaxosView& view, std::vector<prometheus::MetricFamily>& families) {
  FamilyBuilder packets(families, "bmcd_paxos_packets_total",
                        "Every decision of the Paxos programs, by place, verdict and reason",
                        MetricType::Counter);
  for_each_count(view.programs, [&](const Name& name, std::uint64_t count) {
    packets.add(count, {{"where", name.where}, {"verdict", name.verdict}, {"reason", name.reason}});
  });
  FamilyBuilder(families, "bmcd_paxos_members", "Replicas that have joined", MetricType::Gauge)
      .add(view.members.all().size());
  FamilyBuilder on(families, "bmcd_paxos_offload_on", "1: switched on for the replicas that want it",
                   MetricType::Gauge);
  for (const auto& [name, bit] : kOffloads)
    on.add((view.members.switches() & bit) != 0 ? 1 : 0, {{"offload", name}});
  FamilyBuilder(families, "bmcd_paxos_gates_armed", "Replicas for which a program decides at present",
                MetricType::Gauge)
      .add(armed(view, &paxos_cells::gate), {{"gate", "accept"}})
      .add(armed(view, &paxos_cells::leader_gate), {{"gate", "quorum"}});
  FamilyBuilder(families, "bmcd_paxos_joins_total", "Processes that asked to join", MetricType::Counter)
      .add(view.server.granted(), {{"outcome", "granted"}})
      .add(view.server.refused(), {{"outcome", "refused"}});
}

}  // namespace bmc::paxos::host

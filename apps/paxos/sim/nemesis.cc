// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/nemesis.h"

#include <algorithm>
#include <utility>

namespace bmc::paxos::sim {

Nemesis::Nemesis(World& world, std::vector<std::unique_ptr<Node>>& nodes, Random random)
    : world_(world), nodes_(nodes), random_(random) {
  for (const Fault fault : {Fault::partition, Fault::oneway, Fault::filter, Fault::kill, Fault::crash,
                            Fault::blackout, Fault::pause, Fault::clock, Fault::storm, Fault::rot,
                            Fault::lost_disk, Fault::slow_disk, Fault::failing_disk}) {
    if (world.profile.faults.has(fault)) kinds_.push_back(fault);
  }
}

void Nemesis::start() {
  if (!kinds_.empty()) act();
}

void Nemesis::act() {
  later(random_.exponential(world_.profile.fault_interval_us), [this] {
    carry_out(kinds_[random_.below(kinds_.size())]);
    act();
  });
}

void Nemesis::later(Micros delay, std::function<void()> action) {
  world_.agenda.after(delay, [this, action = std::move(action), healed = healed_] {
    if (healed == healed_) action();
  });
}

// The leader of the highest view, or anybody.
ReplicaIndex Nemesis::victim() {
  ReplicaIndex chosen = static_cast<ReplicaIndex>(random_.below(replicas()));
  if (!random_.chance(world_.profile.aims_at_leader)) return chosen;
  View highest = 0;
  for (ReplicaIndex replica = 0; replica < replicas(); ++replica) {
    const CoreView& view = nodes_[replica]->look();
    if (nodes_[replica]->is_up() && view.is_leader && view.view >= highest) {
      highest = view.view;
      chosen = replica;
    }
  }
  return chosen;
}

bool Nemesis::may_forget(ReplicaIndex replica) const {
  if (nodes_[replica]->is_amnesiac()) return true;
  const auto amnesiacs =
      std::count_if(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->is_amnesiac(); });
  return amnesiacs < replicas() / 2;
}

void Nemesis::carry_out(Fault fault) {
  switch (fault) {
    case Fault::partition:
      return partition();
    case Fault::oneway:
      return one_way();
    case Fault::filter:
      return filter();
    case Fault::kill:
      return end(victim(), End::kProcess, length());
    case Fault::crash:
      return end(victim(), End::kMachine, length());
    case Fault::blackout:
      for (ReplicaIndex replica = 0; replica < replicas(); ++replica) end(replica, End::kMachine, length());
      return;
    case Fault::pause:
      return pause(victim());
    case Fault::clock:
      return nodes_[victim()]->jump_clock(static_cast<std::int64_t>(random_.below(20'000'000)) - 10'000'000);
    case Fault::storm:
      return storm(victim(), random_.between(2, 6));
    case Fault::rot:
      return damage(victim(), false);
    case Fault::lost_disk:
      return damage(victim(), true);
    case Fault::slow_disk:
      return slow(victim());
    case Fault::failing_disk:
      return let_sync_fail(victim());
    default:
      return;  // faults of single packets are the network's
  }
}

// Two groups, one of them perhaps only the leader; clients are in either, or in both.
void Nemesis::partition() {
  std::vector<int> side(world_.network.endpoints());
  const bool isolates_one = random_.chance(0.4);
  const ReplicaIndex alone = victim();
  const bool clients_see_all = random_.chance(0.5);
  for (Endpoint endpoint = 0; endpoint < side.size(); ++endpoint) {
    const bool is_client = endpoint >= replicas();
    side[endpoint] = is_client && clients_see_all ? 2
                     : isolates_one && !is_client ? endpoint == alone
                                                  : static_cast<int>(random_.below(2));
  }
  std::vector<std::pair<Endpoint, Endpoint>> cut;
  for (Endpoint from = 0; from < side.size(); ++from) {
    for (Endpoint to = 0; to < side.size(); ++to) {
      if (side[from] != 2 && side[to] != 2 && side[from] != side[to]) cut.emplace_back(from, to);
    }
  }
  world_.trace.line(isolates_one ? replica_name(alone) + " is alone" : "the network is cut in two");
  for (const auto& [from, to] : cut) world_.network.cut(from, to);
  later(length(), [this, cut] {
    world_.trace.line("the network is whole");
    for (const auto& [from, to] : cut) world_.network.join(from, to);
  });
}

// One replica that sends but does not hear, or the reverse; or a few single links.
void Nemesis::one_way() {
  std::vector<std::pair<Endpoint, Endpoint>> cut;
  const ReplicaIndex one = victim();
  const std::uint64_t kind = random_.below(3);
  for (ReplicaIndex other = 0; other < replicas(); ++other) {
    if (kind == 0 && other != one) cut.emplace_back(one, other);
    if (kind == 1 && other != one) cut.emplace_back(other, one);
    if (kind == 2) cut.emplace_back(other, static_cast<Endpoint>(random_.below(replicas())));
  }
  if (world_.trace.on()) {
    for (const auto& [from, to] : cut) world_.trace.line(say("no way from ", from, " to ", to));
  }
  for (const auto& [from, to] : cut) world_.network.cut(from, to);
  later(length(), [this, cut] {
    for (const auto& [from, to] : cut) world_.network.join(from, to);
  });
}

void Nemesis::filter() {
  const auto type = static_cast<MessageType>(random_.between(PAXOS_PREPARE, PAXOS_CHECKPOINT));
  const bool everywhere = random_.chance(0.5);
  std::vector<std::pair<Endpoint, Endpoint>> links;
  for (Endpoint from = 0; from < world_.network.endpoints(); ++from) {
    for (Endpoint to = 0; to < world_.network.endpoints(); ++to) {
      if (everywhere || random_.chance(0.4)) links.emplace_back(from, to);
    }
  }
  world_.trace.line(
      say("messages of type ", static_cast<int>(type), " are lost on ", links.size(), " links"));
  for (const auto& [from, to] : links) world_.network.filter(from, to, type);
  later(length(), [this, links, type] {
    for (const auto& [from, to] : links) world_.network.unfilter(from, to, type);
  });
}

void Nemesis::end(ReplicaIndex replica, End how, Micros down) {
  const bool forgets = world_.profile.core.durability == Durability::kMemory;
  if (forgets && !may_forget(replica)) return;
  nodes_[replica]->end(how);
  later(down, [this, replica] { restart(replica); });
}

void Nemesis::restart(ReplicaIndex replica) {
  nodes_[replica]->start();
  if (!nodes_[replica]->is_up()) later(length(), [this, replica] { restart(replica); });
}

void Nemesis::storm(ReplicaIndex replica, std::uint64_t times) {
  if (times == 0) return;
  if (random_.chance(0.5)) nodes_[replica]->fail_in_start(random_.between(1, 20));
  const Micros up = random_.exponential(20'000);
  end(replica, random_.chance(0.5) ? End::kProcess : End::kMachine, random_.exponential(5000));
  later(up, [this, replica, times] { storm(replica, times - 1); });
}

void Nemesis::pause(ReplicaIndex replica) {
  nodes_[replica]->pause();
  later(length(), [this, replica] { nodes_[replica]->resume(); });
}

// Of its disk: a bit, or all.
void Nemesis::damage(ReplicaIndex replica, bool all) {
  if (!may_forget(replica)) return;
  if (!all) return nodes_[replica]->rot();
  nodes_[replica]->lose_disk();
  later(length(), [this, replica] { restart(replica); });
}

void Nemesis::slow(ReplicaIndex replica) {
  nodes_[replica]->slow_disk(static_cast<std::uint32_t>(random_.between(5, 100)));
  later(length(), [this, replica] { nodes_[replica]->slow_disk(1); });
}

void Nemesis::let_sync_fail(ReplicaIndex replica) {
  const bool forgets = world_.profile.core.durability == Durability::kMemory;
  if (forgets && !may_forget(replica)) return;
  nodes_[replica]->fail_next_sync();
  // Should nothing have been synced by then, it ends all the same.
  later(length(), [this, replica] { end(replica, End::kProcess, length()); });
}

ReplicaSet Nemesis::heal() {
  ++healed_;
  world_.network.heal();
  std::vector<ReplicaIndex> order;  // those that have their log come first
  for (ReplicaIndex replica = 0; replica < replicas(); ++replica) order.push_back(replica);
  for (std::size_t left = order.size(); left > 1; --left)
    std::swap(order[left - 1], order[random_.below(left)]);
  std::stable_partition(order.begin(), order.end(),
                        [&](ReplicaIndex r) { return !nodes_[r]->is_amnesiac(); });
  ReplicaSet well = 0;
  const bool everybody = random_.chance(0.3);
  for (std::size_t index = 0; index < order.size(); ++index) {
    const bool is_well = index < world_.profile.core.quorum() || everybody || random_.chance(0.3);
    if (is_well) well = static_cast<ReplicaSet>(well | 1u << order[index]);
  }
  for (ReplicaIndex replica = 0; replica < replicas(); ++replica) {
    nodes_[replica]->make_well();
    if (well >> replica & 1) {
      nodes_[replica]->start();
    } else {
      cut_off(replica, well);
    }
  }
  if (world_.trace.on()) world_.trace.line(say("healed for good: replicas in the set ", well));
  return well;
}

// Dead, or without any link to those who are well, or heard by them but deaf.
void Nemesis::cut_off(ReplicaIndex replica, ReplicaSet well) {
  const std::uint64_t kind = random_.below(3);
  if (kind == 0) return nodes_[replica]->end(End::kProcess);
  for (ReplicaIndex other = 0; other < replicas(); ++other) {
    if (!(well >> other & 1)) continue;
    world_.network.cut(other, replica);
    if (kind == 1) world_.network.cut(replica, other);
  }
}

}  // namespace bmc::paxos::sim

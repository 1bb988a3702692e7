// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/cluster.h"

#include <algorithm>
#include <optional>

namespace bmc::paxos::sim {
namespace {

constexpr int kWindows = 5;  // of time after the healing, one of which must be without a new view

}  // namespace

Cluster::Cluster(const SimOptions& options)
    : random_(options.seed),
      world_(options, random_, [this](const Packet& packet) { deliver(packet); }),
      nemesis_(world_, nodes_, random_.fork()) {
  for (ReplicaIndex index = 0; index < world_.profile.core.replica_count; ++index) {
    nodes_.push_back(std::make_unique<Node>(world_, index, random_.fork()));
  }
  for (std::uint32_t number = 0; number < world_.profile.clients; ++number) {
    clients_.push_back(std::make_unique<Client>(world_, number, random_.fork()));
  }
}

RunResult Cluster::run() {
  for (const auto& node : nodes_) node->format();
  for (const auto& node : nodes_) node->start();
  for (const auto& client : clients_) client->start();
  nemesis_.start();
  run_until(world_.profile.safety_us);

  for (const auto& client : clients_) client->finish();
  if (!world_.verdict.failed()) well_ = nemesis_.heal();
  run_until_done("outstanding requests are answered", [this] { return clients_are_idle(); });
  run_until_done("the replicas that are well agree", [this] { return replicas_agree(); });
  check_stability();
  if (!world_.verdict.failed()) ask_for_everything();
  run_until_done("reads are answered", [this] { return clients_are_idle(); });
  if (!world_.verdict.failed()) world_.checkers.clients.check_registers();

  RunResult result;
  result.invariant = world_.verdict.invariant();
  result.what = world_.verdict.what();
  result.packets = world_.network.packets();
  result.committed = world_.checkers.log.committed();
  result.applied = world_.checkers.apply.applied();
  result.answered = world_.checkers.clients.answered();
  result.stale_answers = world_.checkers.clients.stale_answers();
  result.faults = world_.counts;
  result.simulated_us = world_.agenda.now();
  result.trace_hash = world_.trace.hash();
  return result;
}

void Cluster::deliver(const Packet& packet) {
  if (packet.to < nodes_.size()) {
    nodes_[packet.to]->receive(packet);
  } else {
    clients_[packet.to - nodes_.size()]->receive(packet);
  }
}

void Cluster::run_until(Micros end) {
  while (!world_.verdict.failed() && !world_.agenda.empty() && world_.agenda.next() <= end) {
    world_.agenda.run_next();
  }
}

template <typename Done>
void Cluster::run_until_done(const char* what, Done done) {
  const Micros end = world_.agenda.now() + world_.profile.liveness_us;
  while (!world_.verdict.failed() && !done()) {
    if (world_.agenda.empty() || world_.agenda.next() > end) {
      world_.verdict.fail(std::string("liveness: ") + what, situation());
      return;
    }
    world_.agenda.run_next();
  }
}

bool Cluster::clients_are_idle() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) { return client->is_idle(); });
}

// All of them are normal in the same view and have applied the same log up to its end.
bool Cluster::replicas_agree() const {
  const CoreView* first = nullptr;
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    if (!(well_ >> index & 1)) continue;
    const CoreView& view = nodes_[index]->look();
    if (!nodes_[index]->is_up() || view.status != Status::kNormal || view.applied != view.op) return false;
    if (first == nullptr) first = &view;
    if (view.view != first->view || view.op != first->op) return false;
  }
  return true;
}

// Those who are well keep their leader, whatever the others say who do not hear it. A message that was under
// way for long may still disturb once.
void Cluster::check_stability() {
  const auto highest = [this] {
    View view = 0;
    for (const auto& node : nodes_) view = std::max(view, node->look().view);
    return view;
  };
  for (int window = 0; window < kWindows; ++window) {
    const View before = highest();
    run_until(world_.agenda.now() + 2 * world_.profile.core.leader_timeout_us);
    if (highest() == before) return;
  }
  world_.verdict.fail("a leader that is heard is kept", situation());
}

// What was acknowledged must be seen now: each key is read once more.
void Cluster::ask_for_everything() {
  for (std::uint32_t key = 0; key < world_.profile.keys && key < clients_.size(); ++key) {
    clients_[key]->read(static_cast<std::uint8_t>(key));
  }
}

std::string Cluster::situation() const {
  std::string text;
  for (const auto& client : clients_) {
    if (!client->is_idle()) text += client->waits_for() + "; ";
  }
  for (ReplicaIndex index = 0; index < nodes_.size(); ++index) {
    const CoreView& view = nodes_[index]->look();
    text += say(replica_name(index), well_ >> index & 1 ? "" : " (not well)",
                nodes_[index]->is_up() ? "" : " is down,", " view ", view.view, " status ",
                static_cast<int>(view.status), view.is_leader ? " leader" : "", " op ", view.op, " commit ",
                view.commit, " applied ", view.applied, "; ");
  }
  return text;
}

}  // namespace bmc::paxos::sim

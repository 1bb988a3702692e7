// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/node.h"

#include <algorithm>
#include <utility>

#include "apps/paxos/core/codec.h"

namespace bmc::paxos::sim {
namespace {

constexpr std::uint64_t kEpochStartUs = 1'700'000'000'000'000;  // simulated time 0 on the wall
constexpr std::uint64_t kIncarnationFloor = 1'000'000;          // and one more each microsecond
constexpr std::size_t kSocketBuffer = 200;                      // packets that wait for a paused process

}  // namespace

Node::Node(World& world, ReplicaIndex index, Random random)
    : world_(world),
      index_(index),
      identity_{world.profile.cluster_id, index, world.profile.core.replica_count,
                world.profile.core.durability},
      random_(random),
      switching_(mix(world.profile.cluster_id, 0x5117c4 + index)),
      disk_(random_.fork()),
      kernel_(
          world, index, Random(mix(world.profile.cluster_id, index)),
          [this](const Packet& packet) { deliver(packet); }, [this] { wake(); }) {}

void Node::format() {
  if (bmc::Result<void> made = ReplicaStore::format(disk_, identity_); !made) {
    world_.verdict.fail("storage works", replica_name(index_) + ": format: " + made.error().what);
  }
}

void Node::start() {
  if (is_up()) return;
  Restored restored;
  if (start_changes_ != 0) disk_.fail_after(std::exchange(start_changes_, 0));
  store_ = open_store(restored);
  if (store_ == nullptr) {
    ++world_.counts.starts_failed;
    return disk_.end_of_process();
  }
  if (world_.trace.on()) {
    world_.trace.line(say(replica_name(index_), " starts: incarnation ", restored.state.incarnation,
                          ", view ", restored.state.view, ", log_view ", restored.state.log_view, ", ",
                          restored.log_is_whole ? "whole log of " : "no log; ", restored.entries.size(),
                          " entries", restored.checkpoint ? ", a checkpoint" : ""));
  }
  world_.checkers.store.on_restored(index_, restored, remade_);
  world_.checkers.quorum.on_start(index_, world_.agenda.now());
  rotted_ = remade_ = false;
  forgetful_ = !restored.log_is_whole;
  recovered_by_ = 0;
  ++life_;
  first_ = true;
  is_waking_ = false;
  clients_.clear();
  clock_offset_us_ = random_.below(1'000'000'000);
  CoreOptions options = world_.profile.core;
  options.index = index_;
  machine_ = std::make_unique<Machine>(
      [this](const Machine::Applied& applied) { world_.checkers.apply.on_applied(index_, applied); });
  core_ = std::make_unique<ReplicaCore>(options, std::move(restored), *machine_, random_.next(),
                                        local(world_.agenda.now()), begin_acceleration(), world_.mutants);
  step([] {});
  plan_switching();
}

// Null if the process could not start: it died on the way, or the disk is damaged beyond reading.
std::unique_ptr<ReplicaStore> Node::open_store(Restored& restored) {
  bmc::Result<std::unique_ptr<ReplicaStore>> opened =
      ReplicaStore::open(disk_, identity_, restored, world_.profile.segment_bytes);
  if (opened) {
    disk_.fail_never();
    return std::move(*opened);
  }
  if (world_.trace.on()) world_.trace.line(replica_name(index_) + " does not start: " + opened.error().what);
  if (opened.error().code == EIO) return nullptr;
  if (rotted_) return remake_store(restored);
  world_.verdict.fail("a disk without damage can be read", replica_name(index_) + ": " + opened.error().what);
  return nullptr;
}

// The operator's way out of damage; the nemesis damages no more disks than may be lost at once.
std::unique_ptr<ReplicaStore> Node::remake_store(Restored& restored) {
  disk_.end_of_process();
  ++world_.counts.disks_remade;
  remade_ = true;
  restored = Restored{};
  const bmc::Result<std::string> recovered = ReplicaStore::recover(
      disk_, identity_, static_cast<std::uint32_t>(kIncarnationFloor + world_.agenda.now()), true_us());
  std::string error = recovered ? "" : recovered.error().what;
  if (recovered) {
    bmc::Result<std::unique_ptr<ReplicaStore>> opened =
        ReplicaStore::open(disk_, identity_, restored, world_.profile.segment_bytes);
    if (opened) return std::move(*opened);
    error = opened.error().what;
  }
  world_.verdict.fail("a damaged disk can be made anew", replica_name(index_) + ": " + error);
  return nullptr;
}

void Node::end(End how) {
  if (!is_up()) return;
  if (world_.trace.on()) {
    world_.trace.line(replica_name(index_) + (how == End::kProcess ? "'s process ends" : "'s machine ends"));
  }
  ++(how == End::kProcess ? world_.counts.processes_ended : world_.counts.machines_ended);
  if (!writing_.empty() && !sync_will_fail_ && random_.chance(0.8)) {
    disk_.fail_after(random_.below(10));
    (void)store_->write(writing_);  // as far as it comes
  }
  disk_.fail_after(0);
  ++life_;
  kernel_.detach();
  core_.reset();
  fence_.reset();
  accelerator_.reset();
  if (how == End::kMachine || !world_.profile.memory_stays) kernel_.lose_memory();
  store_.reset();
  machine_.reset();
  waiting_.clear();
  writing_.clear();
  backlog_.clear();
  paused_ = false;
  sync_will_fail_ = false;
  if (how == End::kMachine) {
    disk_.power_loss();
  } else {
    disk_.end_of_process();
  }
  if (world_.profile.core.durability == Durability::kMemory) forgetful_ = true;
}

void Node::pause() {
  if (!is_up() || paused_) return;
  world_.trace.line(replica_name(index_) + " stands still");
  paused_ = true;
}

void Node::resume() {
  if (!paused_) return;
  world_.trace.line(replica_name(index_) + " goes on");
  paused_ = false;
  const std::uint64_t life = life_;
  const bool timers_first = random_.chance(0.5);
  if (timers_first) tick();
  for (const std::function<void()>& action : std::exchange(backlog_, {})) {
    if (life == life_) action();
  }
  if (life == life_ && !timers_first) tick();
}

void Node::fail_next_sync() {
  if (!is_up()) return;
  disk_.fail_next_sync();
  sync_will_fail_ = true;
}

void Node::make_well() {
  start_changes_ = 0;
  disk_factor_ = 1;
  sync_will_fail_ = false;
  disk_.fail_never();
  resume();
}

// Since 1970, by a clock that is right.
std::uint64_t Node::true_us() const { return kEpochStartUs + world_.agenda.now(); }

void Node::step(const std::function<void()>& move, bool is_tick) {
  const CoreView before = std::exchange(view_, CoreView{});
  move();
  const Effects effects = core_->take_effects();
  view_ = core_->look();
  const Observation seen{index_, world_.agenda.now(), std::exchange(first_, false), before, view_, *this};
  world_.counts.view_changes += !seen.first && view_.is_leader && !before.is_leader;
  world_.checkers.observe(seen);
  if (is_tick) world_.checkers.quorum.observe_tick(seen);
  if (world_.trace.on() && (before.view != view_.view || before.status != view_.status)) {
    world_.trace.line(say(replica_name(index_), " is in view ", view_.view, ", status ",
                          static_cast<int>(view_.status), ", log_view ", view_.log_view, ", op ", view_.op,
                          ", commit ", view_.commit, view_.is_leader ? ", leader" : ""));
  }
  carry_out(effects, seen);
  if (accelerator_) rest();
  plan_tick();
}

void Node::carry_out(const Effects& effects, const Observation& seen) {
  for (const Store& store : effects.stores) {
    world_.checkers.store.on_asked(index_, store);
    waiting_.push_back(store);
  }
  if (forgetful_ && recovered_by_ == 0 && view_.status == Status::kNormal) {
    recovered_by_ = waiting_.empty() ? 1 : waiting_.back().number;
  }
  for (const SendToReplicas& one : effects.sends) send(seen, one);
  for (const SendToClient& one : effects.replies) reply(one);
  begin_write();
}

void Node::send(const Observation& seen, const SendToReplicas& send) {
  world_.checkers.on_sent(seen, send.message);
  const auto bytes = std::make_shared<const std::string>(
      encode(send.message, world_.profile.cluster_id, world_.profile.epoch));
  for (ReplicaIndex to = 0; to < world_.profile.core.replica_count; ++to) {
    if (send.to >> to & 1) world_.network.send(index_, to, send.message.type, bytes);
  }
}

void Node::reply(const SendToClient& reply) {
  const Endpoint to = static_cast<Endpoint>(reply.client & 0xffff);
  if (!clients_.contains(to)) return;
  world_.network.send(index_, to, reply.message.type,
                      std::make_shared<const std::string>(
                          encode(reply.message, world_.profile.cluster_id, world_.profile.epoch)));
}

void Node::deliver(const Packet& packet) {
  if (!is_up()) return;
  if (!paused_) return handle(packet);
  if (backlog_.size() < kSocketBuffer) backlog_.push_back([this, packet] { handle(packet); });
}

void Node::handle(const Packet& packet) {
  const auto decoded = decode(*packet.bytes, world_.profile.cluster_id, world_.profile.epoch,
                              world_.profile.core.replica_count);
  const Message* message = std::get_if<Message>(&decoded);
  if (packet.damaged) {
    world_.counts.packets_refused += message == nullptr;
    if (message == nullptr) return;
    return world_.verdict.fail("damage is found",
                               replica_name(index_) + " takes a damaged packet for " + text_of(*message));
  }
  if (message == nullptr) {
    return world_.verdict.fail("what is sent can be read",
                               say(replica_name(index_), " refuses a packet of endpoint ", packet.from, ": ",
                                   name_of(std::get<Refusal>(decoded))));
  }
  if (message->sender == PAXOS_SENDER_CLIENT) clients_.insert(packet.from);
  world_.trace.step(hash_bytes(packet.bytes->data(), packet.bytes->size(), index_));
  if (world_.trace.on()) world_.trace.line(say(unsigned{index_}, " <- ", text_of(*message)));
  world_.checkers.quorum.on_delivered(index_, world_.agenda.now(), *message);
  step([&] { core_->on_message(local(world_.agenda.now()), wall_us(), *message); });
}

void Node::tick() {
  step([&] { core_->on_tick(local(world_.agenda.now()), wall_us()); }, true);
}

// At the core's next deadline, and at least every quarter of a heartbeat.
void Node::plan_tick() {
  const Micros now = world_.agenda.now();
  const Micros deadline = core_->next_deadline();
  const Micros wanted = deadline <= local(now) ? now + 1 : deadline - clock_offset_us_;
  const Micros due = std::min(wanted, now + world_.profile.core.heartbeat_us / 4);
  if (next_tick_ > now && next_tick_ <= due) return;
  next_tick_ = due;
  world_.agenda.at(due, [this, due, life = life_] {
    if (life == life_ && due == next_tick_ && !paused_) tick();
  });
}

void Node::begin_write() {
  if (!writing_.empty() || waiting_.empty()) return;
  writing_.swap(waiting_);
  const Micros length = random_.exponential(world_.profile.sync_mean_us * disk_factor_);
  world_.agenda.after(length, [this, life = life_] {
    if (life != life_) return;
    if (!paused_) return finish_write();
    backlog_.push_back([this] { finish_write(); });
  });
}

void Node::finish_write() {
  const bmc::Result<void> written = store_->write(writing_);
  if (!written) {
    if (!sync_will_fail_) {
      world_.verdict.fail("storage works", replica_name(index_) + ": write: " + written.error().what);
    }
    ++world_.counts.syncs_failed;
    return end(End::kProcess);  // and is started again by whoever let the disk fail
  }
  const std::uint64_t number = writing_.back().number;
  writing_.clear();
  world_.checkers.store.on_durable(index_, number);
  if (forgetful_ && recovered_by_ != 0 && number >= recovered_by_) {
    forgetful_ = false;
    ++world_.counts.recoveries;
  }
  step([&] { core_->on_stored(local(world_.agenda.now()), wall_us(), number); });
}

void Node::lose_disk() {
  end(End::kMachine);
  disk_.replace();
  rotted_ = true;
  world_.trace.line(replica_name(index_) + " has lost its disk");
}

void Node::rot() {
  if (rotted_) return;
  const bmc::Result<std::vector<std::string>> names = disk_.list();
  if (names->empty()) return;
  const std::string& name = (*names)[random_.below(names->size())];
  rotted_ = disk_.rot(name, random_.below(*disk_.size_of(name)));
  if (rotted_ && world_.trace.on()) world_.trace.line(replica_name(index_) + ": a bit of " + name + " flips");
}

}  // namespace bmc::paxos::sim

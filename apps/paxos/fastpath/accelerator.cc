// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/fastpath/accelerator.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/core/invariant.h"

namespace bmc::paxos {

namespace {
constexpr std::uint64_t kPieces = 16;  // of all slots
std::uint64_t piece_of(const fast_world& world) {
  return std::max<std::uint64_t>(1, world.slot_count / kPieces);
}
}  // namespace

Accelerator::Accelerator(const fast_world& world, const AcceleratorOptions& options)
    : world_(world), options_(options), backup_(world), leader_(world) {
  leader_.freeze();
  backup_.discard();
  heard_ns_ = backup_.last_heard_ns();
  asked_again_ = backup_.asked_again();
}

std::uint8_t Accelerator::ack_level() const {
  return options_.durability == Durability::kWal ? PAXOS_ACK_DURABLE : PAXOS_ACK_MEMORY;
}

Fenced Accelerator::freeze() {
  leader_.freeze();
  Fenced fenced;
  backup_.freeze([&](std::string_view each) { read(each, fenced); });
  look_at_leader(fenced);
  return fenced;
}

// bmcd freezes the gates of a process that it holds for dead. Should that be us, the core arms anew; what was
// accepted until then it gets first, all of it.
Fenced Accelerator::take() {
  const bool is_armed = backup_.is_armed();
  Fenced fenced;
  const std::uint64_t at_most = is_armed && is_piece_ ? piece_of(world_) : PAXOS_REL_MAX;
  backup_.take([&](std::string_view each) { read(each, fenced); }, at_most);
  look_at_leader(fenced);
  fenced.is_frozen |= !is_armed;
  if (fenced.is_frozen) backup_.discard();
  return fenced;
}

// When three quarters of the slots are in use all is taken at once: who is let run in between may run for
// long, and must not do so until there is no room. A core that does not take, because it has frozen, is not
// asked for ever.
bool Accelerator::next_piece() {
  const bool is_stuck = is_piece_ && backup_.taken() == taken_;
  taken_ = backup_.taken();
  const std::uint64_t waiting = backup_.is_armed() ? backup_.waiting() : 0;
  is_piece_ = !is_stuck && waiting > piece_of(world_) && waiting < world_.slot_count / 4 * 3;
  return is_piece_;
}

// The bytes are those that the UDP checksum has passed. What is damaged all the same was acknowledged in
// memory: this replica must not go on as if it had it. In wal it was promised to nobody, nor what is behind.
void Accelerator::read(std::string_view taken, Fenced& fenced) {
  if (fenced.is_frozen) return;
  auto decoded = decode(taken, options_.cluster_id, options_.epoch, options_.replica_count);
  if (auto* message = std::get_if<Message>(&decoded)) {
    fenced.accepted.push_back(std::move(*message));
    return;
  }
  check(options_.durability == Durability::kWal, Invariant::accepted_is_kept);
  fenced.is_frozen = true;
}

void Accelerator::look_at_leader(Fenced& fenced) {
  const std::uint64_t heard_ns = backup_.last_heard_ns();
  fenced.leader_heard = std::exchange(heard_ns_, heard_ns) != heard_ns;
  const std::uint64_t asked_again = backup_.asked_again();
  fenced.asked_again = std::exchange(asked_again_, asked_again) != asked_again;
}

bool Accelerator::arm_backup(const ArmBackup& term) {
  if (!options_.accepts) return false;
  heard_ns_ = backup_.last_heard_ns();
  asked_again_ = backup_.asked_again();
  BackupTerm backup;
  backup.view = term.view;
  backup.base = term.base;
  backup.cluster_id = options_.cluster_id;
  backup.lease_ns = options_.lease_ns;
  backup.epoch = options_.epoch;
  backup.leader_incarnation = term.leader_incarnation;
  backup.own_incarnation = term.own_incarnation;
  backup.self = options_.self;
  backup.leader = term.leader;
  backup.ack_level = ack_level();
  backup.leader_address = options_.addresses[term.leader];
  return backup_.arm(backup);
}

bool Accelerator::arm_leader(const ArmLeader& term) {
  if (!options_.counts) return false;
  LeaderTerm leader;
  leader.view = term.view;
  leader.base = term.base;
  leader.proposed = term.proposed;
  leader.cluster_id = options_.cluster_id;
  leader.epoch = options_.epoch;
  leader.self = options_.self;
  leader.replica_count = options_.replica_count;
  leader.quorum = static_cast<std::uint8_t>(options_.replica_count / 2 + 1);
  leader.ack_level = ack_level();
  for (ReplicaIndex i = 0; i < options_.replica_count; ++i) {
    leader.peers[i] = {options_.addresses[i], term.incarnation[i]};
  }
  leader.acked = term.acked;
  return leader_.arm(leader);
}

bool Accelerator::has_news(Op commit) const {
  if (leader_.is_armed()) return leader_.commit() > commit;
  return backup_.has_news() || backup_.asked_again() != asked_again_;
}

bool Accelerator::may_sleep(Op commit, bool is_waited_for) {
  if (leader_.is_armed()) return leader_.may_sleep(commit);
  const bool is_promised = options_.durability == Durability::kMemory;
  return backup_.may_sleep(is_promised && !is_waited_for ? Sleep::kDeep : Sleep::kLight) &&
         backup_.asked_again() == asked_again_;
}

}  // namespace bmc::paxos

// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/fastpath/backup_gate.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "apps/paxos/core/invariant.h"
#include "apps/paxos/fastpath/process_world.h"

namespace bmc::paxos {

bool BackupGate::is_armed() const { return shared_load(&world_.cells->gate) & PAXOS_ARMED; }

// F4: the programs read the new term only when the gate says so; until then the old one is frozen.
bool BackupGate::arm(const BackupTerm& term) {
  paxos_cells& cells = *world_.cells;
  const __u64 gate = own_word(cells.gate);
  check(!(gate & PAXOS_ARMED), Invariant::valid_options);
  if (PAXOS_GENERATION(gate) == PAXOS_GENERATION_MAX) return false;
  const bool keeps = world_has(&world_, FAST_MUTANT_arm_keeps_generation) && PAXOS_GENERATION(gate) != 0;
  const __u64 generation = PAXOS_GENERATION(gate) + (keeps ? 0 : 1);
  paxos_backup_config config{};
  config.generation = generation;
  config.view = term.view;
  config.base = term.base;
  config.cluster_id = term.cluster_id;
  config.lease_ns = term.lease_ns;
  config.epoch = term.epoch;
  config.leader_incarnation = term.leader_incarnation;
  config.own_incarnation = term.own_incarnation;
  config.self = term.self;
  config.leader = term.leader;
  config.ack_level = term.ack_level;
  config.leader_address = term.leader_address;
  world_store(world_, cells.tail, PAXOS_POSITION(generation, 0));
  world_write_config(world_, cells.backup_config[generation & 1], config);
  world_swap(&world_, &cells.gate, PAXOS_ARMED | PAXOS_POSITION(generation, 0));
  return true;
}

void BackupGate::take(const Sink& each, std::uint64_t at_most) {
  take_up_to(world_load(&world_, &world_.cells->gate), each, at_most);
}

std::vector<std::string> BackupGate::take() {
  std::vector<std::string> messages;
  take([&messages](std::string_view each) { messages.emplace_back(each); });
  return messages;
}

std::vector<std::string> BackupGate::freeze() {
  std::vector<std::string> messages;
  freeze([&messages](std::string_view each) { messages.emplace_back(each); });
  return messages;
}

void BackupGate::freeze(const Sink& each) {
  paxos_cells& cells = *world_.cells;
  __u64 gate = 0;
  if (world_has(&world_, FAST_MUTANT_read_then_freeze)) {
    gate = world_load(&world_, &cells.gate);
    world_freeze(world_, cells.gate);
  } else {
    gate = world_freeze(world_, cells.gate);
  }
  if (!world_has(&world_, FAST_MUTANT_no_drain)) take_up_to(gate, each);
}

void BackupGate::discard() {
  const __u64 gate = world_freeze(world_, world_.cells->gate);
  world_store(world_, world_.cells->tail, gate & PAXOS_POSITION_MASK);
}

// F1: each is READY, with this generation's tag, until the tail says that it was taken.
void BackupGate::take_up_to(__u64 gate, const Sink& each, std::uint64_t at_most) {
  paxos_cells& cells = *world_.cells;
  const __u64 generation = PAXOS_GENERATION(gate), tail = own_word(cells.tail);
  const __u64 end = std::min<__u64>(PAXOS_REL(gate), PAXOS_REL(tail) + at_most);
  if ((tail & PAXOS_POSITION_MASK) >= (gate & PAXOS_POSITION_MASK)) return;
  check(PAXOS_GENERATION(tail) == generation, Invariant::accepted_is_kept);
  if (world_has(&world_, FAST_MUTANT_tail_before_copy)) {
    world_store(world_, cells.tail, PAXOS_POSITION(generation, end));
  }
  SlotCopy copy;
  for (__u64 rel = PAXOS_REL(tail) + 1; rel <= end; ++rel) {
    const paxos_slot& slot = *world_slot(&world_, rel);
    check(world_load(&world_, &slot.tag) == (PAXOS_SLOT_READY | PAXOS_POSITION(generation, rel)),
          Invariant::accepted_is_kept);
    const std::string_view message = world_read_message(world_, slot, copy);
    check(message.size() > PAXOS_HEADER_BYTES, Invariant::accepted_is_kept);
    each(message);
  }
  world_store(world_, cells.tail, PAXOS_POSITION(generation, end));
}

void BackupGate::show_alive(std::uint64_t now_ns) { shared_store(&world_.cells->alive_ns, now_ns); }

std::uint64_t BackupGate::waiting() const {
  return (shared_load(&world_.cells->gate) & PAXOS_POSITION_MASK) - taken();
}

std::uint64_t BackupGate::taken() const { return own_word(world_.cells->tail); }

bool BackupGate::may_sleep(Sleep sleep) {
  paxos_cells& cells = *world_.cells;
  const bool is_deep = sleep == Sleep::kDeep;
  const __u64 asked = shared_load(&cells.asked_again);
  world_swap(&world_, &cells.need_wakeup, is_deep ? PAXOS_WAKE_WHEN_CROWDED : PAXOS_WAKE_AT_NEWS);
  if (world_has(&world_, FAST_MUTANT_sleeps_unlooked)) return true;
  const __u64 gate = world_load(&world_, &cells.gate);
  const __u64 waiting = (gate & PAXOS_POSITION_MASK) - own_word(cells.tail);
  const __u64 enough = is_deep ? world_slot_count(&world_) / 2 : 1;
  if (waiting < enough && shared_load(&cells.asked_again) == asked) return true;
  world_swap(&world_, &cells.need_wakeup, 0);
  return false;
}

std::uint64_t BackupGate::asked_again() const { return shared_load(&world_.cells->asked_again); }

Op BackupGate::commit_hint() const {
  const paxos_cells& cells = *world_.cells;
  const __u64 generation = PAXOS_GENERATION(own_word(cells.gate)), hint = shared_load(&cells.commit_hint);
  const Op base = cells.backup_config[generation & 1].base;
  const __u64 taken = PAXOS_REL(own_word(cells.tail));
  return PAXOS_GENERATION(hint) == generation ? base + std::min<__u64>(PAXOS_REL(hint), taken) : 0;
}

std::uint64_t BackupGate::last_heard_ns() const { return shared_load(&world_.cells->last_heard_ns); }

}  // namespace bmc::paxos

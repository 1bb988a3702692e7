// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/fastpath/leader_gate.h"

#include <algorithm>

#include "apps/paxos/core/invariant.h"
#include "apps/paxos/fastpath/process_world.h"
#include "apps/paxos/fastpath/quorum.h"

namespace bmc::paxos {

namespace {
// `op` in this generation; the base itself if it is not behind it.
__u64 position_of(const paxos_leader_config& config, Op op) {
  return PAXOS_POSITION(config.generation, op > config.base ? op - config.base : 0);
}

paxos_leader_config config_of(const LeaderTerm& term, __u64 generation) {
  paxos_leader_config config{};
  config.generation = generation;
  config.view = term.view;
  config.base = term.base;
  config.cluster_id = term.cluster_id;
  config.epoch = term.epoch;
  config.self = term.self;
  config.replica_count = term.replica_count;
  config.quorum = term.quorum;
  config.ack_level = term.ack_level;
  std::copy(term.peers.begin(), term.peers.end(), config.peer);
  return config;
}
}  // namespace

bool LeaderGate::is_armed() const { return shared_load(&world_.cells->leader_gate) & PAXOS_ARMED; }

const paxos_leader_config& LeaderGate::config() const {
  const __u64 generation = PAXOS_GENERATION(own_word(world_.cells->leader_gate));
  return world_.cells->leader_config[generation & 1];
}

// Every cell is of the new generation before the gate is: a program of an older one raises none of them,
// whatever it reads of the configuration that is written meanwhile.
bool LeaderGate::arm(const LeaderTerm& term) {
  paxos_cells& cells = *world_.cells;
  const __u64 gate = own_word(cells.leader_gate);
  check(!(gate & PAXOS_ARMED) && term.proposed >= term.base, Invariant::valid_options);
  if (PAXOS_GENERATION(gate) == PAXOS_GENERATION_MAX || term.proposed - term.base > PAXOS_REL_MAX)
    return false;
  const paxos_leader_config config = config_of(term, PAXOS_GENERATION(gate) + 1);
  for (std::size_t i = 0; i < term.replica_count; ++i) {
    world_swap(&world_, &cells.acked[i].position,
               position_of(config, std::min(term.acked[i], term.proposed)));
  }
  if (!world_has(&world_, FAST_MUTANT_stale_commit_cell)) {
    world_swap(&world_, &cells.commit, PAXOS_POSITION(config.generation, 0));
  }
  world_store(world_, cells.proposed, position_of(config, term.proposed));
  world_write_config(world_, cells.leader_config[config.generation & 1], config);
  world_swap(&world_, &cells.leader_gate, PAXOS_ARMED | PAXOS_POSITION(config.generation, 0));
  return true;
}

Op LeaderGate::freeze() {
  world_freeze(world_, world_.cells->leader_gate);
  return commit();
}

bool LeaderGate::propose(Op op) {
  if (op - config().base > PAXOS_REL_MAX) return false;
  world_store(world_, world_.cells->proposed, position_of(config(), op));
  return true;
}

void LeaderGate::acknowledge_self(Op op) {
  const paxos_leader_config& mine = config();
  const __u64 position = position_of(mine, op);
  count_config config{};
  config.generation = mine.generation;
  config.quorum = mine.quorum;
  if (world_has(&world_, FAST_MUTANT_scan_before_raise)) count_acknowledgements(&world_, &config, position);
  if (raise_acked(&world_, mine.self, position) != PAXOS_GO_ON) return;
  if (!world_has(&world_, FAST_MUTANT_scan_before_raise)) count_acknowledgements(&world_, &config, position);
}

// Q2, the cell first: what the cells say grows.
Op LeaderGate::commit() const {
  const paxos_leader_config& mine = config();
  const __u64 cell = world_load(&world_, &world_.cells->commit);
  if (world_has(&world_, FAST_MUTANT_stale_commit_cell)) return mine.base + PAXOS_REL(cell);
  const __u64 floor = PAXOS_POSITION(mine.generation, 0);
  acknowledged cells;
  read_acknowledged(&world_, mine.generation, &cells);
  __u64 lowest = 0;
  const bool is_counted = cell <= floor || count_beyond(&cells, cell - 1, &lowest) >= mine.quorum;
  check(is_counted, Invariant::commit_is_counted);
  return mine.base + PAXOS_REL(reached_by_quorum(&cells, mine.quorum, std::max(cell, floor)));
}

Op LeaderGate::acked(ReplicaIndex replica) const {
  const __u64 position = shared_load(&world_.cells->acked[replica].position);
  const bool is_known = PAXOS_GENERATION(position) == config().generation && PAXOS_REL(position) > 0;
  return is_known ? config().base + PAXOS_REL(position) : 0;
}

bool LeaderGate::may_sleep(Op known) {
  world_swap(&world_, &world_.cells->need_wakeup, PAXOS_WAKE_AT_NEWS);
  if (world_has(&world_, FAST_MUTANT_sleeps_unlooked)) return true;
  if (commit() <= known) {
    if (world_has(&world_, FAST_MUTANT_awake_said_late)) world_stay_awake(world_);
    return true;
  }
  world_swap(&world_, &world_.cells->need_wakeup, 0);
  return false;
}

}  // namespace bmc::paxos

// SPDX-License-Identifier: Apache-2.0
// The accelerator behind a core's fence: freezes, takes and arms in the memory that the programs share with
// this replica, and makes messages of what they accepted. No socket, no map: whose memory it is, the owner
// says (the runtime: a mapped map; the simulator: plain memory).
#ifndef BMC_PAXOS_FASTPATH_ACCELERATOR_H
#define BMC_PAXOS_FASTPATH_ACCELERATOR_H

#include <array>
#include <string_view>

#include "apps/paxos/core/core_options.h"
#include "apps/paxos/core/fence.h"
#include "apps/paxos/fastpath/backup_gate.h"
#include "apps/paxos/fastpath/leader_gate.h"
#include "apps/paxos/fastpath/process_world.h"

namespace bmc::paxos {

struct AcceleratorOptions {
  std::uint64_t cluster_id = 0;
  std::uint32_t epoch = 0;
  ReplicaIndex self = 0;
  std::uint8_t replica_count = 0;
  Durability durability = Durability::kWal;
  std::uint64_t lease_ns = 0;  // how long a program accepts for a process that does not show that it lives
  std::array<paxos_address, PAXOS_REPLICAS_MAX> addresses{};
  bool accepts = true;  // which of the two it does; the other is the core's
  bool counts = true;
};

class Accelerator : public Fence {
 public:
  // The memory of `world` outlives it. It may be that of an earlier process for which the programs still
  // accept: that ends here, before this life of the replica says anything, and what they accepted is lost
  // with it.
  Accelerator(const fast_world& world, const AcceleratorOptions& options);

  Fenced freeze() override;
  Fenced take() override;
  bool arm_backup(const ArmBackup& term) override;
  bool arm_leader(const ArmLeader& term) override;
  bool propose(Op op) override { return leader_.is_armed() && leader_.propose(op); }
  void acknowledge_self(Op op) override { leader_.acknowledge_self(op); }
  Op acked(ReplicaIndex replica) const override { return leader_.acked(replica); }
  Op commit() const override { return leader_.commit(); }

  // A burst may be taken in pieces, so that whoever shares the processor waits for a piece: true if there is
  // more than one and no hurry, and take() takes one. To be asked until it says no: from then on take() takes
  // all.
  bool next_piece();

  // More often than the lease.
  void show_alive(std::uint64_t now_ns) { backup_.show_alive(now_ns); }
  // Of a process that does not sleep; `commit`: the core's.
  bool has_news(Op commit) const;
  // The process is awake, and looks for news by may_sleep() before it sleeps: until then no doorbell.
  void stay_awake() { world_stay_awake(world_); }
  // Before sleeping on the doorbell for a tick at most; `commit`: the core's. False: there is news, do not
  // sleep. `is_waited_for`: the next entry is, by somebody here; otherwise what is accepted and acknowledged
  // waits in its slot for the tick.
  bool may_sleep(Op commit, bool is_waited_for);

 private:
  void read(std::string_view taken, Fenced& fenced);
  void look_at_leader(Fenced& fenced);
  std::uint8_t ack_level() const;

  const fast_world& world_;
  const AcceleratorOptions options_;
  BackupGate backup_;
  LeaderGate leader_;
  // Only between next_piece() and the next one: whoever else calls take() gets all, and so does freeze().
  bool is_piece_ = false;
  std::uint64_t taken_ = 0;        // when next_piece() was asked last
  std::uint64_t heard_ns_ = 0;     // of what was told
  std::uint64_t asked_again_ = 0;  // of what was told
};

}  // namespace bmc::paxos

#endif

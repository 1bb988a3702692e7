// SPDX-License-Identifier: Apache-2.0
// One simulated machine: a disk, and on it one process after the other with a real core and real storage.
// Does what the runtime does, with simulated time.
#ifndef BMC_PAXOS_SIM_NODE_H
#define BMC_PAXOS_SIM_NODE_H

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "apps/paxos/core/replica_core.h"
#include "apps/paxos/fastpath/accelerator.h"
#include "apps/paxos/fastpath/switched_fence.h"
#include "apps/paxos/sim/kernel.h"
#include "apps/paxos/sim/machine.h"
#include "apps/paxos/sim/sim_disk.h"
#include "apps/paxos/sim/world.h"
#include "apps/paxos/storage/replica_store.h"

namespace bmc::paxos::sim {

// How a process ends.
enum class End {
  kProcess,  // what it wrote stays in the page cache
  kMachine,  // what was not synced may be lost
};

class Node : private LogReader {
 public:
  Node(World& world, ReplicaIndex index, Random random);

  // A new disk; once, at the beginning.
  void format();
  // A process begins. It stays down if its disk stops it (fail_in_start) or may not be read.
  void start();
  // Nothing if it is down already.
  void end(End how);
  // Stands still: nothing is handled, what comes in waits.
  void pause();
  void resume();
  // A packet arrives at the machine.
  void receive(const Packet& packet) { kernel_.receive(packet); }

  bool is_up() const { return core_ != nullptr; }
  bool is_paused() const { return paused_; }
  // Has lost, or will have lost at its next start, what it acknowledged, and has not recovered it yet.
  bool is_amnesiac() const {
    const bool will_end = sync_will_fail_ && identity_.durability == Durability::kMemory;
    return rotted_ || forgetful_ || will_end;
  }
  // Of the running process; of the last one where it is down.
  const CoreView& look() const { return view_; }

  // Faults.
  void jump_clock(std::int64_t us) { wall_offset_us_ += us; }
  void slow_disk(std::uint32_t factor) { disk_factor_ = factor; }
  void fail_next_sync();
  // Ends all faults of this machine but damage that has been done.
  void make_well();
  void fail_in_start(std::uint64_t changes) { start_changes_ = changes; }
  // Flips a bit of what was synced, if there is any to flip and none has flipped since the last start.
  void rot();
  // Ends the process; the next one finds an empty disk.
  void lose_disk();

 private:
  const LogEntry* entry(Op op) const override { return core_->entry(op); }
  std::uint64_t true_us() const;
  std::uint64_t wall_us() const { return true_us() + static_cast<std::uint64_t>(wall_offset_us_); }
  Micros local(Micros simulated) const { return simulated + clock_offset_us_; }
  std::unique_ptr<ReplicaStore> open_store(Restored& restored);
  std::unique_ptr<ReplicaStore> remake_store(Restored& restored);

  // Calls into the core by `move` and does what it wants.
  void step(const std::function<void()>& move, bool is_tick = false);
  void carry_out(const Effects& effects, const Observation& seen);
  void send(const Observation& seen, const SendToReplicas& send);
  void reply(const SendToClient& reply);
  void deliver(const Packet& packet);
  void handle(const Packet& packet);

  // node_kernel.cc: what bmcd and the kernel's help mean to this process.
  Fence* begin_acceleration();
  void attach(bool accepts, bool counts);
  void plan_switching();
  void switch_offloads();
  void rest();
  void wake();

  void tick();
  void plan_tick();
  void begin_write();
  void finish_write();

  World& world_;
  const ReplicaIndex index_;
  const Identity identity_;
  Random random_;
  Random switching_;  // of its own: runs without are as if there were none
  SimDisk disk_;
  Kernel kernel_;

  // Of the process.
  std::uint64_t life_ = 0;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<ReplicaStore> store_;
  std::unique_ptr<Accelerator> accelerator_;  // null: this replica has none now
  std::unique_ptr<SwitchedFence> fence_;      // null: it never has one
  std::unique_ptr<ReplicaCore> core_;
  CoreView view_;
  bool first_ = true;
  std::set<Endpoint> clients_;  // from whom it has heard: others it could not reach
  std::vector<Store> waiting_;
  std::vector<Store> writing_;
  Micros next_tick_ = 0;
  bool is_waking_ = false;
  Micros clock_offset_us_ = 0;

  std::int64_t wall_offset_us_ = 0;
  bool paused_ = false;
  std::vector<std::function<void()>> backlog_;
  std::uint32_t disk_factor_ = 1;
  bool sync_will_fail_ = false;
  std::uint64_t start_changes_ = 0;
  bool rotted_ = false;  // the disk may be damaged
  bool remade_ = false;  // by the operator, for the start under way
  bool forgetful_ = false;
  std::uint64_t recovered_by_ = 0;  // number of the store that ends it; 0: not known yet
};

}  // namespace bmc::paxos::sim

#endif

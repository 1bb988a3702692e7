// SPDX-License-Identifier: Apache-2.0
// A simulated process and the programs of its machine: the accelerator behind the core's fence, which bmcd
// gives late, takes away and gives anew, as it does to the runtime.
#include "apps/paxos/sim/node.h"

namespace bmc::paxos::sim {
namespace {

constexpr double kJoinsLate = 0.3;    // bmcd is not there when the process begins
constexpr double kOtherMemory = 0.2;  // bmcd has lost the memory and gives another
constexpr double kForeignFreeze = 0.2;

}  // namespace

// Null if this replica never has an accelerator. Who joins late speaks while the programs of its predecessor
// may still be armed.
Fence* Node::begin_acceleration() {
  const bool accepts = world_.profile.accepting >> index_ & 1, counts = world_.profile.counting >> index_ & 1;
  if (!accepts && !counts) return nullptr;
  fence_ = std::make_unique<SwitchedFence>();
  if (world_.profile.switch_mean_us == 0 || !switching_.chance(kJoinsLate)) attach(accepts, counts);
  return fence_.get();
}

void Node::attach(bool accepts, bool counts) {
  const Profile& profile = world_.profile;
  AcceleratorOptions options;
  options.accepts = accepts;
  options.counts = counts;
  options.cluster_id = profile.cluster_id;
  options.epoch = profile.epoch;
  options.self = index_;
  options.replica_count = profile.core.replica_count;
  options.durability = profile.core.durability;
  options.lease_ns = profile.lease_us * 1000;
  for (ReplicaIndex i = 0; i < profile.core.replica_count; ++i) options.addresses[i] = address_of(i);
  accelerator_ = std::make_unique<Accelerator>(kernel_.attach(), options);
  fence_->exchange(accelerator_.get());
}

void Node::plan_switching() {
  if (!fence_ || world_.profile.switch_mean_us == 0) return;
  world_.agenda.after(switching_.exponential(world_.profile.switch_mean_us), [this, life = life_] {
    if (life != life_) return;
    if (!paused_) switch_offloads();
    if (life == life_) plan_switching();
  });
}

// As the runtime does when a message of bmcd comes.
void Node::switch_offloads() {
  ++world_.counts.switches;
  if (switching_.chance(kForeignFreeze)) return kernel_.freeze();
  const bool accepts = (world_.profile.accepting >> index_ & 1) && switching_.chance(0.7);
  const bool counts = (world_.profile.counting >> index_ & 1) && switching_.chance(0.7);
  const bool is_other_memory = switching_.chance(kOtherMemory);
  step([&] {
    core_->on_fence_changes(local(world_.agenda.now()), wall_us());
    fence_->exchange(nullptr);
    accelerator_.reset();
    if (is_other_memory) kernel_.lose_memory();
    if (accepts || counts) attach(accepts, counts);
  });
}

// Until the next call, or the doorbell.
void Node::rest() {
  accelerator_->show_alive(kernel_.now_ns());
  if (!accelerator_->may_sleep(view_.commit, view_.reads_waiting > 0)) wake();
}

// The doorbell has rung.
void Node::wake() {
  if (!is_up() || is_waking_) return;
  is_waking_ = true;
  world_.agenda.after(random_.exponential(20), [this, life = life_] {
    if (life != life_) return;
    is_waking_ = false;
    if (paused_) return;
    step([&] {
      const Micros now = local(world_.agenda.now());
      while (accelerator_ && accelerator_->next_piece()) core_->on_accelerated(now, wall_us());
      core_->on_accelerated(now, wall_us());
    });
  });
}

}  // namespace bmc::paxos::sim

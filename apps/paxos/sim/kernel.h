// SPDX-License-Identifier: Apache-2.0
// The kernel of one simulated machine: the fast path's own decisions (fastpath/) on virtual CPUs, which are
// interleaved with each other and with the machine's process before every access to the memory they share.
#ifndef BMC_PAXOS_SIM_KERNEL_H
#define BMC_PAXOS_SIM_KERNEL_H

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/fastpath/world.h"
#include "apps/paxos/sim/world.h"

namespace bmc::paxos::sim {

// Where endpoint `endpoint` is.
paxos_address address_of(Endpoint endpoint);

class Kernel {
 public:
  // `pass`: a packet that is the process's. `ring`: the doorbell. Both are called inside of an access of the
  // process, too: they must not call it.
  Kernel(World& world, ReplicaIndex index, Random random, std::function<void(const Packet&)> pass,
         std::function<void()> ring);

  // A process begins: the memory that an earlier one left, or new memory.
  const fast_world& attach();
  // The process has ended. What it still does on its way out it does to a copy.
  void detach();
  // bmcd holds the process for dead.
  void freeze();
  // The memory is lost. What programs have begun they end, on the old memory.
  void lose_memory() { memory_.reset(); }

  void receive(const Packet& packet);
  std::uint64_t now_ns() const;

 private:
  struct Memory {
    paxos_cells cells{};
    std::vector<paxos_slot> slots;
  };
  // One packet under decision.
  struct Job {
    std::shared_ptr<Memory> memory;
    Packet packet;
    paxos_header header{};
    struct packet fields {};
    fast_world world{};
    std::string results;  // of the accesses so far
    bool is_sending = false;
    paxos_header ack{};
  };
  struct Cpu {
    std::deque<Packet> queue;
    std::optional<Job> job;

    bool is_busy() const { return job || !queue.empty(); }
  };

  static int before_access(void* context, void* result, __u32 bytes);
  static void after_access(void*, const void*, __u32) {}
  fast_world world_of(Memory& memory);
  Cpu* busy_cpu();
  void plan();
  void run();
  void step(Cpu& cpu);
  bool begin(Cpu& cpu);
  void finish(Cpu& cpu, enum paxos_fast_counter out);
  void send(const Job& job);
  void pass(const Packet& packet);
  void tell_checker(const Job& job) const;

  World& world_;
  const ReplicaIndex index_;
  Random random_;
  const std::function<void(const Packet&)> pass_;
  const std::function<void()> ring_;
  const fast_scheduler process_scheduler_{this, &Kernel::before_access, &Kernel::after_access};
  std::shared_ptr<Memory> memory_;  // null: no program is attached
  std::unique_ptr<Memory> grave_;   // of a process that has ended
  fast_world process_world_{};
  std::vector<Cpu> cpus_;
  bool is_planned_ = false;
};

}  // namespace bmc::paxos::sim

#endif

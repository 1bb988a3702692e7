// SPDX-License-Identifier: Apache-2.0
// BroadcastProgram: loads the broadcast program and hangs it at the TC egress of interfaces. Needs root; used
// by tests and benchmarks, and by whoever runs a replica without bmcd. What uses the maps is broadcast.h.
#ifndef BMC_PAXOS_FASTPATH_BROADCAST_PROGRAM_H
#define BMC_PAXOS_FASTPATH_BROADCAST_PROGRAM_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/paxos/abi/broadcast_abi.h"
#include "apps/paxos/include/bmc/paxos/error.h"

struct paxos_broadcast;

namespace bmc::paxos::fastpath {

class BroadcastProgram {
 public:
  static Result<BroadcastProgram> load();
  BroadcastProgram(BroadcastProgram&& other) noexcept;
  // Takes the filters off again; in the interfaces' network namespace, as attach().
  ~BroadcastProgram();

  // Also switches on forwarding on lo, without which a program may not ask for routes (bpf_fib_lookup);
  // packets from outside never arrive there. Errors: io.
  Result<void> attach(const std::string& interface);

  // Lent, valid while this lives.
  int program() const;
  int groups() const;
  int reports() const;  // frozen: may be given to whoever shall read them

  std::uint64_t counter(broadcast_counter counter) const;

 private:
  explicit BroadcastProgram(struct ::paxos_broadcast* skeleton) : skeleton_(skeleton) {}

  struct ::paxos_broadcast* skeleton_;
  std::vector<int> attached_;  // indices of interfaces
};

}  // namespace bmc::paxos::fastpath

#endif

// SPDX-License-Identifier: Apache-2.0
// All checkers of one cluster, told together of each thing that happens. Called by Node.
#ifndef BMC_PAXOS_SIM_CHECKERS_H
#define BMC_PAXOS_SIM_CHECKERS_H

#include "apps/paxos/sim/apply_checker.h"
#include "apps/paxos/sim/client_history.h"
#include "apps/paxos/sim/limits_checker.h"
#include "apps/paxos/sim/log_checker.h"
#include "apps/paxos/sim/quorum_checker.h"
#include "apps/paxos/sim/store_checker.h"
#include "apps/paxos/sim/verdict.h"
#include "apps/paxos/sim/wire_checker.h"

namespace bmc::paxos::sim {

struct Checkers {
  Checkers(Verdict& verdict, const CoreOptions& options)
      : log(verdict),
        wire(verdict, options.replica_count),
        quorum(verdict, options),
        apply(verdict),
        store(verdict, options.durability),
        limits(verdict, options),
        clients(verdict, apply) {}

  // After every call into a core. The quorum first: it must know what was committed before.
  void observe(const Observation& seen) {
    quorum.observe(seen, log.committed(), store.durable_end(seen.replica));
    log.observe(seen);
    wire.observe(seen);
    limits.observe(seen);
  }

  void on_sent(const Observation& seen, const Message& message) {
    wire.on_sent(seen, message);
    quorum.on_sent(seen.replica, message);
    store.on_sent(seen.replica, message);
  }

  // The kernel of `replica` acknowledges: no call into the core, and no entry in its log yet.
  void on_acknowledged_by_kernel(ReplicaIndex replica, const Message& message) {
    if (wire.on_acknowledged_by_kernel(replica, message)) store.on_sent(replica, message);
  }

  LogChecker log;
  WireChecker wire;
  QuorumChecker quorum;
  ApplyChecker apply;
  StoreChecker store;
  LimitsChecker limits;
  ClientHistory clients;
};

}  // namespace bmc::paxos::sim

#endif

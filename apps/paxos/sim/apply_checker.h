// SPDX-License-Identifier: Apache-2.0
// Invariants "the same operations in the same order at the same times" and "exactly once". Also knows what
// every request has really done, which is the truth that clients' histories are held against.
#ifndef BMC_PAXOS_SIM_APPLY_CHECKER_H
#define BMC_PAXOS_SIM_APPLY_CHECKER_H

#include <map>
#include <unordered_map>
#include <vector>

#include "apps/paxos/sim/machine.h"
#include "apps/paxos/sim/observation.h"
#include "apps/paxos/sim/verdict.h"

namespace bmc::paxos::sim {

class ApplyChecker {
 public:
  explicit ApplyChecker(Verdict& verdict) : verdict_(verdict) {}

  void on_applied(ReplicaIndex replica, const Machine::Applied& applied);

  // What the request did; null if it was never applied.
  const Answer* answer_of(std::uint64_t id) const;
  // The value of `key` at `version`; null if it never had so many.
  const std::uint64_t* value_at(std::uint8_t key, std::uint64_t version) const;

  std::size_t applied() const { return operations_.size(); }

 private:
  struct Operation {
    std::uint64_t hash;
    std::uint64_t time_us;
  };

  void extend(ReplicaIndex replica, const Machine::Applied& applied, std::uint64_t hash);

  Verdict& verdict_;
  std::vector<Operation> operations_;  // [position - 1]
  std::unordered_map<std::uint64_t, Answer> answers_;
  std::map<std::uint8_t, std::vector<std::uint64_t>> values_;  // by key, [version]
};

}  // namespace bmc::paxos::sim

#endif

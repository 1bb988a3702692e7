// SPDX-License-Identifier: Apache-2.0
// Invariant "one history": whatever any replica ever takes for committed is the same entry at the same place,
// and every later leader has it. Also what each replica says of itself: nothing goes back.
#ifndef BMC_PAXOS_SIM_LOG_CHECKER_H
#define BMC_PAXOS_SIM_LOG_CHECKER_H

#include <optional>
#include <vector>

#include "apps/paxos/sim/observation.h"
#include "apps/paxos/sim/verdict.h"

namespace bmc::paxos::sim {

class LogChecker {
 public:
  explicit LogChecker(Verdict& verdict) : verdict_(verdict) {}

  void observe(const Observation& seen);

  // The highest op that any replica has taken for committed.
  Op committed() const { return history_.size(); }

 private:
  struct Committed {
    View view;                   // in which it was first known as committed
    std::optional<Chain> chain;  // nothing: nobody has shown the entry yet
  };

  void check_progress(const Observation& seen);
  void check_commits(const Observation& seen);
  void check_new_leader(const Observation& seen);

  Verdict& verdict_;
  std::vector<Committed> history_;  // [op - 1]
};

}  // namespace bmc::paxos::sim

#endif

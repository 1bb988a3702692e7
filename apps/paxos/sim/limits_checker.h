// SPDX-License-Identifier: Apache-2.0
// Invariant "nothing is unbounded": what a replica keeps stays within its options.
#ifndef BMC_PAXOS_SIM_LIMITS_CHECKER_H
#define BMC_PAXOS_SIM_LIMITS_CHECKER_H

#include <algorithm>

#include "apps/paxos/sim/observation.h"
#include "apps/paxos/sim/verdict.h"

namespace bmc::paxos::sim {

class LimitsChecker {
 public:
  LimitsChecker(Verdict& verdict, const CoreOptions& options) : verdict_(verdict), options_(options) {}

  void observe(const Observation& seen) {
    const CoreView& after = seen.after;
    const auto within = [&](const char* what, std::uint64_t is, std::uint64_t most) {
      if (is > most) {
        verdict_.fail("bounded memory", say(replica_name(seen.replica), " has ", is, " ", what, ", at most ",
                                            most, " are allowed"));
      }
    };
    within("requests waiting", after.requests_waiting, options_.waiting_requests_max);
    within("reads waiting", after.reads_waiting, options_.reads_waiting_max);
    within("sessions", after.sessions, options_.sessions_max);
    within("applied entries in its log", after.applied - std::min(after.applied, after.log_begin),
           std::uint64_t{options_.log_kept_ops} + options_.checkpoint_interval_ops);
    if (!seen.first && seen.before.is_leader && after.is_leader && after.op > seen.before.op) {
      within("proposals without commit", after.op - after.commit, options_.pipeline_ops_max);
    }
  }

 private:
  Verdict& verdict_;
  CoreOptions options_;
};

}  // namespace bmc::paxos::sim

#endif

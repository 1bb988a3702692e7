// SPDX-License-Identifier: Apache-2.0
// What the checkers found: the first violation ends the run. Owned by the cluster.
#ifndef BMC_PAXOS_SIM_VERDICT_H
#define BMC_PAXOS_SIM_VERDICT_H

#include <string>
#include <utility>

namespace bmc::paxos::sim {

class Verdict {
 public:
  // `invariant` is its name, `what` one sentence: who broke it and how. Only the first call counts.
  void fail(std::string invariant, std::string what) {
    if (failed_) return;
    failed_ = true;
    invariant_ = std::move(invariant);
    what_ = std::move(what);
  }

  bool failed() const { return failed_; }
  const std::string& invariant() const { return invariant_; }
  const std::string& what() const { return what_; }

 private:
  bool failed_ = false;
  std::string invariant_;
  std::string what_;
};

}  // namespace bmc::paxos::sim

#endif

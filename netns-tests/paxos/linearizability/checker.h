// SPDX-License-Identifier: Apache-2.0
// Judges a whole history: a set of keys is linearizable exactly if each key is (P-compositionality), so each
// is searched alone. Called by paxos-nemesis after a run and by its --check.
#ifndef BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_CHECKER_H
#define BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_CHECKER_H

#include <cstddef>
#include <string>

#include "apps/paxos/sim/linearizability.h"
#include "netns-tests/paxos/linearizability/operation.h"

namespace bmc::linearizability {

using paxos::Linearizability;

struct KeyFinding {
  std::string key;
  Linearizability verdict = Linearizability::kYes;
  std::string explanation;  // several lines: how far a legal order goes, and what cannot come next
};

struct Finding {
  std::size_t keys = 0;
  std::size_t operations = 0;
  std::size_t unknown = 0;
  std::vector<KeyFinding> wrong;  // keys that are not linearizable, or undecided

  bool linearizable() const { return wrong.empty(); }
};

// Where a search of one key gives up: about 2 GiB.
inline constexpr std::size_t kConfigurationsMax = 10'000'000;

// Aborts if an operation returned before it was invoked, or a key is both a list and a register.
Finding check(const History& history, std::size_t configurations_max = kConfigurationsMax);

// One line: "client 3: cas k7 a -> b: refused [1.204 ms, 3.871 ms]", times since `start_ns`.
std::string describe(const Operation& operation, std::int64_t start_ns = 0);

}  // namespace bmc::linearizability

#endif

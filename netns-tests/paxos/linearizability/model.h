// SPDX-License-Identifier: Apache-2.0
// What one key may do: sequential specifications for paxos::LinearizabilitySearch. For an operation of
// unknown outcome step() is a function of the state alone.
#ifndef BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_MODEL_H
#define BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_MODEL_H

#include <span>

#include "apps/paxos/sim/linearizability.h"
#include "netns-tests/paxos/linearizability/operation.h"

namespace bmc::linearizability {

inline paxos::Lifespan lifespan_of(const Operation& operation) {
  if (operation.outcome == Outcome::kUnknown) return {operation.invoked_ns, std::nullopt};
  return {operation.invoked_ns, operation.returned_ns};
}

// A value that is there or not: get, set, add, cas, delete.
class RegisterModel {
 public:
  using Operation = linearizability::Operation;
  using State = std::optional<std::string>;

  State initial() const { return std::nullopt; }
  std::optional<State> step(const State& state, const Operation& operation) const;
};

// A list that only grows: append, get. Knows the longest list that was ever read, and gives up states that
// cannot lead to it: a legal order of the other appends need not be looked for.
class ListModel {
 public:
  using Operation = linearizability::Operation;
  using State = std::string;

  // `operations`: all of the key.
  explicit ListModel(std::span<const Operation> operations);

  State initial() const { return {}; }
  std::optional<State> step(const State& state, const Operation& operation) const;

 private:
  bool leads_to_longest(const State& state) const;

  std::string longest_;
};

}  // namespace bmc::linearizability

#endif

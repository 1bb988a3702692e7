// SPDX-License-Identifier: Apache-2.0
// The transitions; see model.h.
#include "netns-tests/paxos/linearizability/model.h"

#include <cstdlib>

namespace bmc::linearizability {
namespace {

// The state after an operation whose condition holds or not, if that agrees with what the client was told.
template <class State>
std::optional<State> decide(bool holds, const Operation& operation, State then, const State& otherwise) {
  if (operation.outcome == Outcome::kDone && !holds) return std::nullopt;
  if (operation.outcome == Outcome::kRefused && holds) return std::nullopt;
  return holds ? std::move(then) : otherwise;
}

}  // namespace

std::optional<RegisterModel::State> RegisterModel::step(const State& state,
                                                        const Operation& operation) const {
  switch (operation.action) {
    case Action::kGet:
      if (operation.outcome == Outcome::kDone && operation.found != state) return std::nullopt;
      return std::optional<State>(std::in_place, state);
    case Action::kSet:
      return decide<State>(true, operation, operation.value, state);
    case Action::kAdd:
      return decide<State>(!state, operation, operation.value, state);
    case Action::kCas:
      return decide<State>(state == operation.expected, operation, operation.value, state);
    case Action::kDelete:
      return decide<State>(state.has_value(), operation, std::nullopt, state);
    case Action::kAppend:
      break;
  }
  std::abort();  // checker.h gives keys that are appended to to the other model
}

ListModel::ListModel(std::span<const Operation> operations) {
  for (const Operation& operation : operations)
    if (operation.found && operation.found->size() > longest_.size()) longest_ = *operation.found;
}

std::optional<ListModel::State> ListModel::step(const State& state, const Operation& operation) const {
  if (operation.action == Action::kGet) {
    if (operation.outcome == Outcome::kDone && operation.found.value_or("") != state) return std::nullopt;
    return state;
  }
  if (operation.action != Action::kAppend) std::abort();
  State appended = state + operation.value + " ";
  // Nobody read further than the longest list: what is unknown behind it can as well be left out.
  if (operation.outcome == Outcome::kUnknown && appended.size() > longest_.size()) return std::nullopt;
  if (operation.outcome == Outcome::kRefused || !leads_to_longest(appended)) return std::nullopt;
  return appended;
}

bool ListModel::leads_to_longest(const State& state) const {
  return state.size() <= longest_.size() ? longest_.starts_with(state) : state.starts_with(longest_);
}

}  // namespace bmc::linearizability

// SPDX-License-Identifier: Apache-2.0
// Is there an order of the operations of one key that a model allows and real time permits? The algorithm of
// Wing and Gong with Lowe's memory of configurations (G. Lowe, "Testing for linearizability", 2017).
//
// Operations of unknown outcome may be left out. They are tried last and only where they matter: one that
// could be left out without a difference to the operation after it is not placed there, because the order
// without it is as good and is tried as well. So many of them do not make the search exponential.
#ifndef BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_WGL_H
#define BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_WGL_H

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include "netns-tests/paxos/linearizability/operation.h"

namespace bmc::linearizability {

enum class Verdict : std::uint8_t { kLinearizable, kNotLinearizable, kUndecided };

template <class Model>
class Search {
 public:
  using State = typename Model::State;

  // `operations` must outlive the search. Gives up (kUndecided) after that many configurations.
  Search(const Model& model, std::span<const Operation> operations, std::size_t configurations_max)
      : model_(model), operations_(operations), configurations_max_(configurations_max) {
    make_events();
  }

  Verdict run() {
    placed_.assign((operations_.size() + 63) / 64, 0);
    if (explore(model_.initial(), nullptr)) return Verdict::kLinearizable;
    return gave_up_ ? Verdict::kUndecided : Verdict::kNotLinearizable;
  }

  // Of the longest allowed order that was found: how many completed operations it has, the state after it,
  // and the operations one of which would have to come next.
  std::size_t placed_max() const { return deepest_; }
  const State& deepest_state() const { return deepest_state_; }
  const std::vector<std::size_t>& stuck_on() const { return stuck_on_; }

 private:
  // A doubly linked list of the calls and returns that are not placed yet, in the order of time; [0] is its
  // head.
  struct Event {
    std::size_t operation = 0;
    std::size_t previous = 0, next = 0;
    std::size_t return_event = 0;  // of a call; 0: this is a return
    std::int64_t when_ns = 0;
  };
  struct Optional {  // of unknown outcome
    std::size_t operation;
    bool used = false;
  };
  struct Configuration {
    std::vector<std::uint64_t> placed;
    State state;
    bool operator==(const Configuration&) const = default;
  };
  struct ConfigurationHash {
    std::size_t operator()(const Configuration& configuration) const {
      std::size_t hash = std::hash<State>{}(configuration.state);
      for (const std::uint64_t word : configuration.placed)
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ull, hash ^= hash >> 29;
      return hash;
    }
  };

  void make_events() {
    struct Moment {
      std::int64_t when_ns;
      bool is_return;
      std::size_t operation;
    };
    std::vector<Moment> moments;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (operations_[i].outcome == Outcome::kUnknown) {
        optionals_.push_back({i});
        continue;
      }
      moments.push_back({operations_[i].invoked_ns, false, i});
      moments.push_back({operations_[i].returned_ns, true, i});
    }
    // At the same moment calls come first: such operations are taken as concurrent.
    std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
      return std::tie(a.when_ns, a.is_return, a.operation) < std::tie(b.when_ns, b.is_return, b.operation);
    });
    events_.resize(moments.size() + 1);
    std::vector<std::size_t> call_of(operations_.size());
    for (std::size_t i = 0; i < moments.size(); ++i) {
      const std::size_t at = i + 1;
      events_[at] = {moments[i].operation, at - 1, at == moments.size() ? 0 : at + 1, 0, moments[i].when_ns};
      if (moments[i].is_return)
        events_[call_of[moments[i].operation]].return_event = at;
      else
        call_of[moments[i].operation] = at;
    }
    events_[0] = {0, moments.size(), moments.empty() ? 0u : 1u, 0, 0};
  }

  void unlink(std::size_t at) {
    events_[events_[at].previous].next = events_[at].next;
    events_[events_[at].next].previous = events_[at].previous;
  }
  void relink(std::size_t at) {
    events_[events_[at].previous].next = at;
    events_[events_[at].next].previous = at;
  }
  void toggle(std::size_t operation) { placed_[operation / 64] ^= std::uint64_t{1} << (operation % 64); }

  // Places everything that is left after `state`. `before`: the state before the last operation, if that one
  // is of unknown outcome.
  bool explore(const State& state, const State* before) {
    if (events_[0].next == 0) return true;
    remember_depth(state);
    std::size_t at = events_[0].next;
    for (; events_[at].return_event != 0; at = events_[at].next)
      if (explore_call(at, state, before)) return true;
    // `at` is the first return: whatever is placed next must have been invoked before it.
    for (Optional& optional : optionals_) {
      if (optional.used || operations_[optional.operation].invoked_ns > events_[at].when_ns) continue;
      if (explore_optional(optional, state, before)) return true;
    }
    return false;
  }

  bool explore_call(std::size_t call, const State& state, const State* before) {
    const std::size_t operation = events_[call].operation;
    const auto next = model_.step(state, operations_[operation]);
    if (!next || same_without(before, operation, *next)) return false;
    const std::size_t return_event = events_[call].return_event;
    unlink(call);
    unlink(return_event);
    ++depth_;
    const bool found = enter(operation, *next, nullptr);
    --depth_;
    relink(return_event);
    relink(call);
    return found;
  }

  bool explore_optional(Optional& optional, const State& state, const State* before) {
    const auto next = model_.step(state, operations_[optional.operation]);
    if (!next || *next == state || same_without(before, optional.operation, *next)) return false;
    optional.used = true;
    const bool found = enter(optional.operation, *next, &state);
    optional.used = false;
    return found;
  }

  bool enter(std::size_t operation, const State& next, const State* before) {
    toggle(operation);
    bool found = false;
    if (seen_.size() >= configurations_max_)
      gave_up_ = true;
    else if (seen_.insert({placed_, next}).second)
      found = explore(next, before);
    toggle(operation);
    return found;
  }

  // Whether `operation` leads to `next` also without the unknown operation placed last.
  bool same_without(const State* before, std::size_t operation, const State& next) const {
    if (before == nullptr) return false;
    const auto without = model_.step(*before, operations_[operation]);
    return without && *without == next;
  }

  void remember_depth(const State& state) {
    if (depth_ < deepest_ || (depth_ == deepest_ && !stuck_on_.empty())) return;
    deepest_ = depth_;
    deepest_state_ = state;
    stuck_on_.clear();
    for (std::size_t at = events_[0].next; events_[at].return_event != 0; at = events_[at].next)
      stuck_on_.push_back(events_[at].operation);
  }

  const Model& model_;
  std::span<const Operation> operations_;
  std::size_t configurations_max_;
  std::vector<Event> events_;
  std::vector<Optional> optionals_;
  std::vector<std::uint64_t> placed_;  // bit i: operation i
  std::unordered_set<Configuration, ConfigurationHash> seen_;
  bool gave_up_ = false;
  std::size_t depth_ = 0;
  std::size_t deepest_ = 0;
  State deepest_state_{};
  std::vector<std::size_t> stuck_on_;
};

}  // namespace bmc::linearizability

#endif

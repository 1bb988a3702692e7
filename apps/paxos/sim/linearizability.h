// SPDX-License-Identifier: Apache-2.0
// Is there an order of the operations on one object that its sequential specification allows and real time
// permits? The algorithm of Wing and Gong with Lowe's memory of configurations (G. Lowe, "Testing for
// linearizability", 2017). Exponential in the worst case: histories are to be cut by object first
// (linearizability is local), and the search has a limit. Used by the simulator and by the checker of the
// histories of real processes. Includes nothing of ours.
//
// Operations of unknown outcome may be left out. They are tried last and only where they matter: one that
// could be left out without a difference to the operation after it is not placed there, because the order
// without it is as good and is tried as well. So many of them do not make the search exponential.
#ifndef BMC_PAXOS_SIM_LINEARIZABILITY_H
#define BMC_PAXOS_SIM_LINEARIZABILITY_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bmc::paxos {

/// When an operation can have taken effect, by any clock that is the same for all.
struct Lifespan {
  std::int64_t invoked = 0;
  /// Not before `invoked`. Nothing: the outcome is unknown; it took effect once, at any time after its
  /// invocation, or never.
  std::optional<std::int64_t> returned;
};

enum class Linearizability : std::uint8_t { kYes, kNo, kUndecided };

/// A Model has the types Operation, for which lifespan_of(operation) is known, and State (copyable, ==,
/// std::hash), and the functions
///   State initial() const;
///   // The state after `operation`, if its result is one that `state` allows, else nothing. An operation of
///   // unknown outcome has no result that could be wrong.
///   std::optional<State> step(const State& state, const Operation& operation) const;
template <class Model>
class LinearizabilitySearch {
 public:
  using State = typename Model::State;
  using Operation = typename Model::Operation;

  /// Both must outlive the search. Gives up (kUndecided) after that many configurations.
  LinearizabilitySearch(const Model& model, std::span<const Operation> operations,
                        std::size_t configurations_max)
      : model_(model), operations_(operations), configurations_max_(configurations_max) {
    make_events();
  }

  /// Once.
  Linearizability run() {
    placed_.assign((operations_.size() + 63) / 64, 0);
    if (explore(model_.initial(), nullptr)) return Linearizability::kYes;
    return gave_up_ ? Linearizability::kUndecided : Linearizability::kNo;
  }

  /// Of the longest allowed order that was found: how many completed operations it has, the state after it,
  /// and the operations one of which would have to come next.
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
    std::int64_t when = 0;
  };
  struct Optional {  // of unknown outcome
    std::size_t operation;
    std::int64_t invoked;
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
      std::int64_t when;
      bool is_return;
      std::size_t operation;
    };
    std::vector<Moment> moments;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      const Lifespan lifespan = lifespan_of(operations_[i]);
      if (!lifespan.returned) {
        optionals_.push_back({i, lifespan.invoked});
        continue;
      }
      moments.push_back({lifespan.invoked, false, i});
      moments.push_back({*lifespan.returned, true, i});
    }
    // At the same moment calls come first: such operations are taken as concurrent.
    std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
      return std::tie(a.when, a.is_return, a.operation) < std::tie(b.when, b.is_return, b.operation);
    });
    events_.resize(moments.size() + 1);
    std::vector<std::size_t> call_of(operations_.size());
    for (std::size_t i = 0; i < moments.size(); ++i) {
      const std::size_t at = i + 1;
      events_[at] = {moments[i].operation, at - 1, at == moments.size() ? 0 : at + 1, 0, moments[i].when};
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
      if (optional.used || optional.invoked > events_[at].when) continue;
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

/// Of one object.
template <class Model>
Linearizability check_linearizable(const std::vector<typename Model::Operation>& history,
                                   std::size_t configurations_max = std::numeric_limits<std::size_t>::max(),
                                   const Model& model = {}) {
  return LinearizabilitySearch<Model>(model, history, configurations_max).run();
}

}  // namespace bmc::paxos

#endif

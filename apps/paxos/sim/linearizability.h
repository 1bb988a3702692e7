// SPDX-License-Identifier: Apache-2.0
// Whether a concurrent history could have come from a single copy of an object: the algorithm of Wing & Gong
// with Lowe's memory of visited states ("Testing for linearizability", 2017). Exponential in the worst case,
// so histories are to be cut by object first (linearizability is local) and the search has a limit. Used by
// the simulator and by the tests of real processes. Includes nothing of ours.
#ifndef BMC_PAXOS_SIM_LINEARIZABILITY_H
#define BMC_PAXOS_SIM_LINEARIZABILITY_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bmc::paxos {

// A Model has the types State (copyable, ==), Input, Output, and the functions
//   static State initial();
//   static std::size_t hash(const State&);
//   // Carries `input` out on `state`; false if it cannot give `output`. Null: nobody knows what it gave.
//   static bool step(State& state, const Input& input, const Output* output);
template <typename Model>
struct HistoryOperation {
  typename Model::Input input;
  // Nothing: the outcome is unknown. It may have happened at any time after `invoked`, or never.
  std::optional<typename Model::Output> output;
  std::uint64_t invoked = 0;   // any clock, the same for all
  std::uint64_t returned = 0;  // only where there is an output; not before `invoked`
};

enum class Linearizability { kYes, kNo, kUnknown };

namespace internal {

template <typename Model>
class LinearizabilitySearch {
 public:
  explicit LinearizabilitySearch(const std::vector<HistoryOperation<Model>>& history)
      : history_(history), done_((history.size() + 63) / 64, 0) {
    enter_events();
  }

  Linearizability run(std::size_t steps_max) {
    std::size_t at = events_[0].next;
    while (returns_left_ > 0) {
      if (steps_max-- == 0) return Linearizability::kUnknown;
      if (events_[at].is_call && try_to_take(at)) {
        at = events_[0].next;
      } else if (events_[at].is_call) {
        at = events_[at].next;
      } else if (taken_.empty()) {
        return Linearizability::kNo;
      } else {
        at = give_back();
      }
    }
    return Linearizability::kYes;
  }

 private:
  // Calls and returns by time, as a list from which the operations that were taken are missing.
  struct Event {
    std::size_t operation = 0;
    bool is_call = false;
    std::size_t partner = 0;  // a call's return; 0: none
    std::size_t previous = 0;
    std::size_t next = 0;
  };
  struct Visited {
    std::vector<std::uint64_t> done;
    typename Model::State state;
    bool operator==(const Visited&) const = default;
  };
  struct VisitedHash {
    std::size_t operator()(const Visited& visited) const {
      std::size_t hash = Model::hash(visited.state);
      for (const std::uint64_t word : visited.done) hash = (hash ^ word) * 0x9fb21c651e98df25u;
      return hash;
    }
  };

  void enter_events() {
    struct Time {
      std::uint64_t when;
      bool is_return;
      std::size_t operation;
    };
    std::vector<Time> times;
    for (std::size_t index = 0; index < history_.size(); ++index) {
      times.push_back({history_[index].invoked, false, index});
      if (history_[index].output) times.push_back({history_[index].returned, true, index});
    }
    // At the same time calls come first: then the two are concurrent, and nothing is wrongly refused.
    std::sort(times.begin(), times.end(), [](const Time& a, const Time& b) {
      return std::tie(a.when, a.is_return, a.operation) < std::tie(b.when, b.is_return, b.operation);
    });
    events_.resize(times.size() + 1);  // [0] is the head
    std::vector<std::size_t> calls(history_.size());
    for (std::size_t index = 0; index < times.size(); ++index) {
      const std::size_t at = index + 1;
      events_[at] = {times[index].operation, !times[index].is_return, 0, at - 1, (at + 1) % events_.size()};
      if (times[index].is_return) {
        events_[calls[times[index].operation]].partner = at;
        ++returns_left_;
      } else {
        calls[times[index].operation] = at;
      }
    }
    events_[0].next = times.empty() ? 0 : 1;
  }

  bool try_to_take(std::size_t call) {
    const HistoryOperation<Model>& operation = history_[events_[call].operation];
    typename Model::State state = state_;
    if (!Model::step(state, operation.input, operation.output ? &*operation.output : nullptr)) return false;
    const std::uint64_t bit = std::uint64_t{1} << (events_[call].operation % 64);
    std::uint64_t& word = done_[events_[call].operation / 64];
    word |= bit;
    if (!visited_.insert({done_, state}).second) {
      word &= ~bit;
      return false;
    }
    taken_.emplace_back(call, std::exchange(state_, std::move(state)));
    unlink(call);
    if (events_[call].partner != 0) {
      unlink(events_[call].partner);
      --returns_left_;
    }
    return true;
  }

  // Undoes the newest step; the event from which to go on.
  std::size_t give_back() {
    const std::size_t call = taken_.back().first;
    state_ = std::move(taken_.back().second);
    taken_.pop_back();
    done_[events_[call].operation / 64] &= ~(std::uint64_t{1} << (events_[call].operation % 64));
    if (events_[call].partner != 0) {
      link(events_[call].partner);
      ++returns_left_;
    }
    link(call);
    return events_[call].next;
  }

  void unlink(std::size_t at) {
    events_[events_[at].previous].next = events_[at].next;
    if (events_[at].next != 0) events_[events_[at].next].previous = events_[at].previous;
  }
  void link(std::size_t at) {
    events_[events_[at].previous].next = at;
    if (events_[at].next != 0) events_[events_[at].next].previous = at;
  }

  const std::vector<HistoryOperation<Model>>& history_;
  std::vector<Event> events_;
  std::size_t returns_left_ = 0;
  typename Model::State state_ = Model::initial();
  std::vector<std::uint64_t> done_;
  std::vector<std::pair<std::size_t, typename Model::State>> taken_;
  std::unordered_set<Visited, VisitedHash> visited_;
};

}  // namespace internal

// Of one object. kUnknown: not decided within `steps_max` steps.
template <typename Model>
Linearizability check_linearizable(const std::vector<HistoryOperation<Model>>& history,
                                   std::size_t steps_max = std::numeric_limits<std::size_t>::max()) {
  return internal::LinearizabilitySearch<Model>(history).run(steps_max);
}

// One value that is read, written, and compared and swapped. Value: ==, std::hash.
template <typename Value>
struct RegisterModel {
  enum class Verb { kRead, kWrite, kCompareAndSwap };
  struct Input {
    Verb verb = Verb::kRead;
    Value value{};     // to be written
    Value expected{};  // compare-and-swap
  };
  struct Output {
    Value value{};     // read
    bool done = true;  // compare-and-swap
  };
  using State = Value;

  static State initial() { return Value{}; }
  static std::size_t hash(const State& state) { return std::hash<Value>()(state); }
  static bool step(State& state, const Input& input, const Output* output) {
    if (input.verb == Verb::kRead) return output == nullptr || output->value == state;
    const bool done = input.verb == Verb::kWrite || state == input.expected;
    if (output != nullptr && output->done != done) return false;
    if (done) state = input.value;
    return true;
  }
};

// A list to which elements are appended and that is read as a whole.
template <typename Element>
struct ListModel {
  struct Input {
    std::optional<Element> appended;  // nothing: a read
  };
  struct Output {
    std::vector<Element> list;  // of a read
  };
  using State = std::vector<Element>;

  static State initial() { return {}; }
  static std::size_t hash(const State& state) {
    std::size_t hash = state.size();
    for (const Element& element : state) hash = (hash ^ std::hash<Element>()(element)) * 0x9fb21c651e98df25u;
    return hash;
  }
  static bool step(State& state, const Input& input, const Output* output) {
    if (!input.appended) return output == nullptr || output->list == state;
    state.push_back(*input.appended);
    return true;
  }
};

}  // namespace bmc::paxos

#endif

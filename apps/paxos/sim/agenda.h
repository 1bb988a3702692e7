// SPDX-License-Identifier: Apache-2.0
// Simulated time: what happens when, one thing after the other. The only clock of the simulator.
#ifndef BMC_PAXOS_SIM_AGENDA_H
#define BMC_PAXOS_SIM_AGENDA_H

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "apps/paxos/core/types.h"

namespace bmc::paxos::sim {

class Agenda {
 public:
  using Action = std::function<void()>;

  Micros now() const { return now_; }
  bool empty() const { return events_.empty(); }
  // Of the next event; only where !empty().
  Micros next() const { return events_.front().when; }

  // Events of the same time happen in the order in which they were entered.
  void at(Micros when, Action action) {
    events_.push_back(Event{std::max(when, now_), ++entered_, std::move(action)});
    std::push_heap(events_.begin(), events_.end(), Later{});
  }
  void after(Micros delay, Action action) { at(now_ + delay, std::move(action)); }

  // Only where !empty().
  void run_next() {
    std::pop_heap(events_.begin(), events_.end(), Later{});
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.when;
    event.action();
  }

 private:
  struct Event {
    Micros when;
    std::uint64_t entered;
    Action action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when ? a.when > b.when : a.entered > b.entered;
    }
  };

  Micros now_ = 0;
  std::uint64_t entered_ = 0;
  std::vector<Event> events_;
};

}  // namespace bmc::paxos::sim

#endif

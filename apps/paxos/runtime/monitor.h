// SPDX-License-Identifier: Apache-2.0
// Monitor: one lock around everything of a replica or a client, and the word that it is over. Handlers hold
// the monitor and not what it guards, so that shutdown() works from any thread, with the executor running or
// not.
#ifndef BMC_PAXOS_RUNTIME_MONITOR_H
#define BMC_PAXOS_RUNTIME_MONITOR_H

#include <memory>
#include <mutex>
#include <utility>

namespace bmc::paxos::runtime {

struct Monitor {
  std::mutex mutex;
  bool closed = false;  // under `mutex`; once true, what the monitor guards may be gone
};

// `handler` as one that takes the lock, and does nothing once the monitor is closed.
template <typename Handler>
auto guarded(std::shared_ptr<Monitor> monitor, Handler handler) {
  return [monitor = std::move(monitor), handler = std::move(handler)](auto&&... args) mutable {
    const std::lock_guard lock(monitor->mutex);
    if (!monitor->closed) handler(std::forward<decltype(args)>(args)...);
  };
}

}  // namespace bmc::paxos::runtime

#endif

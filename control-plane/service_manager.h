// SPDX-License-Identifier: Apache-2.0
// What a server tells systemd: ready, alive, stopping, and one line of status. Nothing happens without
// systemd. Used by Daemon and by paxos-kv.
#ifndef BMC_CONTROL_PLANE_SERVICE_MANAGER_H
#define BMC_CONTROL_PLANE_SERVICE_MANAGER_H

#include <chrono>
#include <optional>
#include <string>

namespace bmc {

void notify_ready();
void notify_stopping();
void notify_status(const std::string& line);
void notify_watchdog();

// How long systemd waits for notify_watchdog() before it kills us; nothing: it does not.
std::optional<std::chrono::microseconds> watchdog_limit();

}  // namespace bmc

#endif

// SPDX-License-Identifier: Apache-2.0
// What bmcd tells systemd; see service_manager.h.
#include "control-plane/service_manager.h"

#include <systemd/sd-daemon.h>

namespace bmc {

// A failed notification cannot be mended here; systemd's own timeouts then act.
void notify_ready() { ::sd_notify(0, "READY=1"); }
void notify_stopping() { ::sd_notify(0, "STOPPING=1"); }
void notify_status(const std::string& line) { ::sd_notify(0, ("STATUS=" + line).c_str()); }
void notify_watchdog() { ::sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::microseconds> watchdog_limit() {
  std::uint64_t limit = 0;
  if (::sd_watchdog_enabled(0, &limit) <= 0) return std::nullopt;
  return std::chrono::microseconds(limit);
}

}  // namespace bmc

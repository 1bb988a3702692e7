// SPDX-License-Identifier: Apache-2.0
// Daemon: the event loop around the applications: signals, control socket, metrics, systemd, capabilities.
// Made and run by bmcd's main.
#ifndef BMC_CONTROL_PLANE_DAEMON_H
#define BMC_CONTROL_PLANE_DAEMON_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control-plane/app.h"
#include "control-plane/config.h"

namespace bmc {

// Makes the application; called once, before its start().
using AppFactory = std::function<std::unique_ptr<App>(const AppContext&)>;

// An application that bmcd can run. Of one that is not wanted, what an earlier bmcd left is removed.
struct Application {
  std::string folder;  // of its pins, below the pin directory; empty (for one of them): that directory itself
  std::uint32_t abi_version = 0;  // of what it pins; not 0
  std::function<bool(const Config&)> is_wanted;
  AppFactory make;
};

// Runs until SIGTERM, SIGINT, `bmcctl detach` or a fatal error. The applications are started in their order,
// and asked in it. Returns the process's exit status.
int run_daemon(const Config& config, const std::vector<Application>& applications);

}  // namespace bmc

#endif

// SPDX-License-Identifier: Apache-2.0
// Daemon: the event loop around one application: signals, control socket, metrics, systemd, capabilities.
// Made and run by bmcd's main.
#ifndef BMC_CONTROL_PLANE_DAEMON_H
#define BMC_CONTROL_PLANE_DAEMON_H

#include <functional>
#include <memory>

#include "control-plane/app.h"
#include "control-plane/config.h"

namespace bmc {

// Makes the application; called once, before its start(). bmcd's main passes the one it wants.
using AppFactory = std::function<std::unique_ptr<App>(const AppContext&)>;

// Runs until SIGTERM, SIGINT, `bmcctl detach` or a fatal error. `abi_version` is the application's, for the
// pinned maps. Returns the process's exit status.
int run_daemon(const Config& config, std::uint32_t abi_version, const AppFactory& make_app);

}  // namespace bmc

#endif

// SPDX-License-Identifier: Apache-2.0
// What bmcd does for each command of its command line. Used by bmcd's main.
#ifndef BMC_CONTROL_PLANE_COMMANDS_H
#define BMC_CONTROL_PLANE_COMMANDS_H

#include <vector>

#include "control-plane/config.h"
#include "control-plane/daemon.h"

namespace bmc {

// bmcd's exit statuses besides 0; 2 tells systemd not to try again (RestartPreventExitStatus).
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// Parses the arguments and does what they ask: runs the daemon around the applications, checks the
// configuration, detaches, or prints help.
int run_command_line(int argc, const char* const* argv, const std::vector<Application>& applications);

}  // namespace bmc

#endif

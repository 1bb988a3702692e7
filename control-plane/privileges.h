// SPDX-License-Identifier: Apache-2.0
// The capabilities bmcd keeps for its life. Used by Daemon once everything is set up.
#ifndef BMC_CONTROL_PLANE_PRIVILEGES_H
#define BMC_CONTROL_PLANE_PRIVILEGES_H

#include <string>

#include "control-plane/result.h"

namespace bmc {

// Gives up every capability but CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (those of them that it has), for good:
// bounding set and no_new_privs too. Per thread in the kernel: call it while there is only one. Returns in
// words what was kept.
Result<std::string> drop_capabilities();

}  // namespace bmc

#endif

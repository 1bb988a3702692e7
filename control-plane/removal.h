// SPDX-License-Identifier: Apache-2.0
// Removal of everything that a bmcd left in the kernel, known from its pins alone.
// Used by `bmcd --detach`, and by the daemon for `bmcctl detach` after its application is gone.
#ifndef BMC_CONTROL_PLANE_REMOVAL_H
#define BMC_CONTROL_PLANE_REMOVAL_H

#include <string>
#include <vector>

#include "control-plane/result.h"

namespace bmc {

// Removes XDP and TC programs from the interfaces of this network namespace, cgroup links, maps and the pin
// directory itself; only what a bmcd with this directory attached. Says in words what went; nothing there is
// fine and gives an empty list. EBUSY while a bmcd uses the directory. Goes on after an error and reports the
// first one.
Result<std::vector<std::string>> remove_everything(const std::string& directory);

}  // namespace bmc

#endif

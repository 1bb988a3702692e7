// SPDX-License-Identifier: Apache-2.0
// Removal of everything that a bmcd left in the kernel, known from its pins alone.
// Used by `bmcd --detach`, and by the daemon for `bmcctl detach` after its application is gone.
#ifndef BMC_CONTROL_PLANE_REMOVAL_H
#define BMC_CONTROL_PLANE_REMOVAL_H

#include <optional>
#include <string>
#include <vector>

#include "control-plane/result.h"

namespace bmc {

struct Removal {
  std::vector<std::string> removed;  // in words, one per thing
  std::optional<Error> error;        // the first one; what it kept from being removed keeps its pin
};

// Removes XDP and TC programs from the interfaces of this network namespace, cgroup links, maps and the pin
// directory itself; only what a bmcd with this directory attached. Nothing there is fine. EBUSY while a bmcd
// uses the directory; EPERM where a program stands behind libxdp's dispatcher and this process may not change
// that (see may_use_dispatcher). Goes on after an error.
Removal remove_everything(const std::string& directory);

// The same for one application that shall no longer run, by the caller who holds the lock: TC programs, links
// and what it pinned, `directory` itself only if it is not the root. The interfaces' XDP program is not its
// own.
Removal remove_application(const std::string& root, const std::string& directory);

}  // namespace bmc

#endif

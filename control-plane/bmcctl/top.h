// SPDX-License-Identifier: Apache-2.0
// `bmcctl top`: asks for the hot keys of one window, or of one after another. Used by bmcctl's main.
#ifndef BMC_CONTROL_PLANE_BMCCTL_TOP_H
#define BMC_CONTROL_PLANE_BMCCTL_TOP_H

#include <cstdint>
#include <functional>
#include <string>

#include "control-plane/control.pb.h"
#include "control-plane/result.h"

namespace bmc {

struct TopOptions {
  std::string socket;
  double seconds = 5;  // of a window
  std::uint32_t count = 20;
  bool hashed = false;
  bool watch = false;
};

// Calls `show` with the reply of each window until it returns false; once without `watch`. A refusal by bmcd
// is a reply with a code. The error says why bmcd could not be asked.
Result<void> watch_top(const TopOptions& options, const std::function<bool(const control::Response&)>& show);

}  // namespace bmc

#endif

// SPDX-License-Identifier: Apache-2.0
// See scheduling.h.
#include "control-plane/scheduling.h"

#include <sched.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>

namespace bmc {

void run_in_the_background() {
  if (sched_getscheduler(0) != SCHED_OTHER) return;
  const sched_param none{};
  if (sched_setscheduler(0, SCHED_BATCH, &none) != 0)
    spdlog::warn("cannot be scheduled in the background, packets may be lost while bmcd works: {}",
                 std::strerror(errno));
}

}  // namespace bmc

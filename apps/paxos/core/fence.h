// SPDX-License-Identifier: Apache-2.0
// The seam of the kernel offloads: whoever accepts entries or counts acknowledgements in place of the core.
// Without one (Fence* null) the core does everything itself.
#ifndef BMC_PAXOS_CORE_FENCE_H
#define BMC_PAXOS_CORE_FENCE_H

#include <vector>

#include "apps/paxos/core/message.h"

namespace bmc::paxos {

// Invariant (single owner): between arm_…() and the next freeze() only the accelerator accepts entries of
// `view` (backup) or counts acknowledgements (leader); otherwise only the core does. The core freezes before
// it sends anything of another view, before it accepts an entry by itself, and when it ends.
class Fence {
 public:
  virtual ~Fence() = default;

  // Stops the accelerator at once. Every PREPARE that it acknowledged and that was not yet taken comes back,
  // in the order of op; nothing is acknowledged later.
  virtual std::vector<Message> freeze() = 0;

  // PREPAREs acknowledged since the last take or freeze, in the order of op; the accelerator goes on.
  virtual std::vector<Message> take() = 0;

  // Backup: accept entries of `view` from `base` + 1 on.
  virtual void arm_backup(View view, Op base) = 0;
  // Leader: count acknowledgements of `view`; all up to `base` are committed.
  virtual void arm_leader(View view, Op base) = 0;
};

}  // namespace bmc::paxos

#endif

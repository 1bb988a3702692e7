// SPDX-License-Identifier: Apache-2.0
// When bmcd runs: behind what it accelerates. Used by Daemon before it starts a thread.
#ifndef BMC_CONTROL_PLANE_SCHEDULING_H
#define BMC_CONTROL_PLANE_SCHEDULING_H

namespace bmc {

// SCHED_BATCH (sched(7)) for this thread and those it makes: the same share of a processor, but a wake-up
// does not interrupt who runs there. bmcd wakes hundreds of times a second, and where it interrupts the
// thread that receives, or the server, a queue of a few hundred packets overflows meanwhile. Another policy
// than the default is an administrator's choice and stays. A refusal is told in the log, and harmless.
void run_in_the_background();

}  // namespace bmc

#endif

// SPDX-License-Identifier: Apache-2.0
// Who runs on which processor: the server gets one for itself, packet reception included, as behind a network
// card with one queue; the load comes from another. Used by the demo.
#ifndef BMC_DEMO_PLACEMENT_H
#define BMC_DEMO_PLACEMENT_H

#include <sys/types.h>

#include <string>

#include "netns-tests/lib/netns.h"

namespace bmc::demo {

struct Placement {
  int server_cpu = 0;
  int load_cpu = 0;
  bool shared = false;  // there is only one processor: measurements are of little use
};

// From the processors this process may use; the two are of different cores where there are several.
Placement choose_placement();

// Moves the calling thread.
void pin_this_thread(int cpu);

enum class Reception {
  kFair,   // competes with the other threads of its processor
  kFirst,  // before them: replies are taken from the ring while the load generator spins beside it
};

// Gives `device` a kernel thread of its own for what it receives, on `cpu`. The device must have NAPI for
// good (gro on): a thread that comes with an XDP program would be made anew with the next. Throws
// lab::LabError.
void receive_on(const lab::Netns& netns, const std::string& device, int cpu, Reception reception);

}  // namespace bmc::demo

#endif

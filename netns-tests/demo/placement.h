// SPDX-License-Identifier: Apache-2.0
// Who runs on which processor: the server gets one for itself, packet reception included, as behind a network
// card with one queue; the load comes from another. Used by the demo.
#ifndef BMC_DEMO_PLACEMENT_H
#define BMC_DEMO_PLACEMENT_H

#include <sched.h>
#include <sys/types.h>

#include <set>
#include <string>
#include <utility>

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

// The same while this lives; then the thread may run where it could before.
class PinnedThread {
 public:
  explicit PinnedThread(int cpu);
  ~PinnedThread();
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;

 private:
  cpu_set_t before_;
};

// Real-time priorities. With them the machine's other work does not move the measurement, and a server that
// shares its processor with its packet reception is not cut into pieces by the scheduler. Where they are not
// allowed (containers), everything runs without.
constexpr int kServerPriority =
    1;                            // memcached and the reception beside it: whoever runs, runs until it waits
constexpr int kLoadPriority = 1;  // replies are taken from the ring while the load generator spins beside it

// Gives the priority to all threads the process has now.
void prefer(pid_t process, int priority);

// The same for the calling thread alone.
void prefer_this_thread(int priority);

// Where a device's packets are received: the processor that runs its NAPI poll.
class Reception {
 public:
  // `netns` must outlive it. The device must have NAPI for good (gro on): a thread that comes with an XDP
  // program would be made anew with the next.
  Reception(const lab::Netns& netns, std::string device, int cpu, int priority)
      : netns_(netns), device_(std::move(device)), cpu_(cpu), priority_(priority) {}

  // In a kernel thread of its own on `cpu`, so that the sender's processor does none of the receiver's work.
  // Throws lab::LabError.
  void separate();
  // The kernel threads that receive while separate.
  const std::set<pid_t>& threads() const { return threads_; }
  // On the processor that sent, as veth does by itself: a single request pays no wake-up on its way.
  void with_sender();

 private:
  void set_threaded(bool on) const;

  const lab::Netns& netns_;
  std::string device_;
  int cpu_;
  int priority_;
  std::set<pid_t> threads_;
};

}  // namespace bmc::demo

#endif

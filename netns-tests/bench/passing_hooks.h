// SPDX-License-Identifier: Apache-2.0
// PassingHooks: programs that do nothing at the hooks bmcd uses (XDP, TC egress, the root cgroup), while this
// lives: what it costs to look at all. The limit's side of cases that memcached answers.
#ifndef BMC_NETNS_TESTS_BENCH_PASSING_HOOKS_H
#define BMC_NETNS_TESTS_BENCH_PASSING_HOOKS_H

#include <memory>
#include <string>

#include "netns-tests/bench/run.h"

struct hooks_bpf;

namespace bmc::bench {

class PassingHooks {
 public:
  // On `device` in the calling thread's network namespace. Throws lab::LabError.
  explicit PassingHooks(const std::string& device);
  ~PassingHooks();
  PassingHooks(const PassingHooks&) = delete;
  PassingHooks& operator=(const PassingHooks&) = delete;

 private:
  void attach_tc();
  void attach_cgroup();

  hooks_bpf* skeleton_;
  int ifindex_;
};

// At the server's device on the limit's side, else nothing. XDP on a veth copies every packet of the stack.
std::unique_ptr<PassingHooks> passing_programs(Run& run);

}  // namespace bmc::bench

#endif

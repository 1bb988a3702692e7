// SPDX-License-Identifier: Apache-2.0
// PassingHooks: programs that do nothing at the hooks bmcd uses (XDP, TC egress, the root cgroup), while this
// lives: what it costs to look at all. Used by passing_cases.cc.
#ifndef BMC_NETNS_TESTS_BENCH_PASSING_HOOKS_H
#define BMC_NETNS_TESTS_BENCH_PASSING_HOOKS_H

#include <string>

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

}  // namespace bmc::bench

#endif

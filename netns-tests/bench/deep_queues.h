// SPDX-License-Identifier: Apache-2.0
// DeepQueues: a process' UDP sockets with room for thousands of datagrams, while this lives. Linux' default
// holds some fifty behind XDP on a veth, half a millisecond of requests: whatever else takes the processor
// for longer loses some, and a search for the highest rate measures that instead of what a request costs.
// Used by rate_cases.cc, and on every side of a case.
#ifndef BMC_NETNS_TESTS_BENCH_DEEP_QUEUES_H
#define BMC_NETNS_TESTS_BENCH_DEEP_QUEUES_H

#include <sys/types.h>

#include <utility>
#include <vector>

#include "netns-tests/lib/fd.h"

namespace bmc::bench {

class DeepQueues {
 public:
  static constexpr int kBytes = 4 << 20;  // of truesize: some 10 ms at the rates seen

  // Needs CAP_NET_ADMIN, and to be allowed to trace `pid`. Throws lab::LabError; also where it has no UDP
  // socket.
  explicit DeepQueues(pid_t pid);
  ~DeepQueues();
  DeepQueues(const DeepQueues&) = delete;
  DeepQueues& operator=(const DeepQueues&) = delete;

 private:
  std::vector<std::pair<lab::Fd, int>> sockets_;  // each with the bytes it had
};

}  // namespace bmc::bench

#endif

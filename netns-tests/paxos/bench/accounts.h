// SPDX-License-Identifier: Apache-2.0
// System calls by process, and the network's processor time by whose it is: BPF programs at tracepoints,
// which count while this lives and slow everything down a little. Used by the measurement.
#ifndef BMC_NETNS_TESTS_PAXOS_BENCH_ACCOUNTS_H
#define BMC_NETNS_TESTS_PAXOS_BENCH_ACCOUNTS_H

#include <sys/types.h>

#include <cstdint>

#include "netns-tests/lib/netns.h"

struct accounts_bpf;

namespace bmc::bench {

class Accounts {
 public:
  // Throws lab::LabError.
  Accounts();
  ~Accounts();
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  // Since the beginning; 0 of what was never seen.
  std::uint64_t system_calls(pid_t process) const;
  // Work of the kernel, anybody's, that fell into this process's time.
  double softirq_seconds(pid_t process) const;
  // NAPI of a device, in whoever's time.
  double device_seconds(const lab::Netns& netns, const char* device) const;

 private:
  accounts_bpf* skeleton_;
};

}  // namespace bmc::bench

#endif

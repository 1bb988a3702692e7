// SPDX-License-Identifier: Apache-2.0
// See accounts.h.
#include "netns-tests/paxos/bench/accounts.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sys/stat.h>

#include "accounts_bpf.skel.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::bench {
namespace {

// As accounts.bpf.c has them.
struct account {
  std::uint64_t system_calls;
  std::uint64_t softirq_ns;
};
struct device {
  std::uint32_t netns;
  std::uint32_t ifindex;
};

template <typename Value, typename Key>
Value looked_up(const bpf_map* map, Key key) {
  Value value{};
  bpf_map_lookup_elem(bpf_map__fd(map), &key, &value);
  return value;
}

account account_of(const accounts_bpf& skeleton, pid_t process) {
  return looked_up<account>(skeleton.maps.processes, static_cast<std::uint32_t>(process));
}

}  // namespace

Accounts::Accounts() : skeleton_(accounts_bpf__open_and_load()) {
  if (skeleton_ == nullptr) lab::fail_errno("cannot load the programs that account for the kernel's work");
  if (accounts_bpf__attach(skeleton_) == 0) return;
  const int failed = errno;
  accounts_bpf__destroy(skeleton_);
  errno = failed;
  lab::fail_errno("cannot attach to the kernel's tracepoints");
}

Accounts::~Accounts() { accounts_bpf__destroy(skeleton_); }

std::uint64_t Accounts::system_calls(pid_t process) const {
  return account_of(*skeleton_, process).system_calls;
}

double Accounts::softirq_seconds(pid_t process) const {
  return static_cast<double>(account_of(*skeleton_, process).softirq_ns) * 1e-9;
}

double Accounts::device_seconds(const lab::Netns& netns, const char* name) const {
  struct stat about {};
  lab::checked(fstat(netns.fd(), &about), "fstat");
  const lab::ScopedNetns inside(netns);
  const device key{static_cast<std::uint32_t>(about.st_ino), if_nametoindex(name)};
  return static_cast<double>(looked_up<std::uint64_t>(skeleton_->maps.devices, key)) * 1e-9;
}

}  // namespace bmc::bench

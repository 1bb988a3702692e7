// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per run of the XDP program under real traffic, as the kernel accounts them, beside those of a
// program that does nothing. See cases.h.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "empty_bpf.skel.h"
#include "netns-tests/bench/cases.h"
#include "netns-tests/bench/run.h"
#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/fd.h"

namespace bmc::bench {
namespace {

constexpr double kHitRps = 400'000;  // NAPI polls find several packets, as under load
constexpr double kPassRps = 20'000;  // what memcached or the stack can take
constexpr std::uint16_t kOtherPort = 9;

class EmptyProgram {
 public:
  // In the calling thread's network namespace. Throws lab::LabError.
  explicit EmptyProgram(const std::string& device) : skeleton_(empty_bpf__open_and_load()) {
    if (skeleton_ == nullptr) lab::fail_errno("cannot load an XDP program that does nothing");
    skeleton_->links.empty =
        bpf_program__attach_xdp(skeleton_->progs.empty, static_cast<int>(::if_nametoindex(device.c_str())));
    if (skeleton_->links.empty != nullptr) return;
    empty_bpf__destroy(skeleton_);
    lab::fail_errno("cannot attach an XDP program to " + device);
  }
  ~EmptyProgram() { empty_bpf__destroy(skeleton_); }
  EmptyProgram(const EmptyProgram&) = delete;
  EmptyProgram& operator=(const EmptyProgram&) = delete;

 private:
  empty_bpf* skeleton_;
};

struct Spent {
  double ns = 0, runs = 0;
};

// Of the XDP program on the device of the calling thread's network namespace. Where libxdp's dispatcher is
// there, that is the dispatcher with all it calls.
Spent spent_on(const std::string& device) {
  __u32 id = 0;
  if (bpf_xdp_query_id(static_cast<int>(::if_nametoindex(device.c_str())), 0, &id) != 0 || id == 0)
    throw lab::LabError("no XDP program on " + device);
  const lab::Fd program(lab::checked(bpf_prog_get_fd_by_id(id), "open the XDP program"));
  bpf_prog_info info{};
  __u32 size = sizeof info;
  lab::checked(bpf_obj_get_info_by_fd(program.get(), &info, &size), "ask for the XDP program's statistics");
  return {static_cast<double>(info.run_time_ns), static_cast<double>(info.run_cnt)};
}

Sample ns_per_run(Run& run, const loadgen::WorkloadOptions& requests, double rps, std::uint16_t port) {
  const std::string& device = run.stage().link().server_device;
  run.progress().step(std::string("ns per run, ") + name_of(run.side()));
  const lab::Fd accounting(
      lab::checked(bpf_enable_stats(BPF_STATS_RUN_TIME), "switch the accounting of BPF on"));
  std::optional<EmptyProgram> empty;
  const auto spent = [&] {
    const lab::ScopedNetns inside(run.stage().lab().server());
    return spent_on(device);
  };
  if (run.side() == Side::kLimit) {
    const lab::ScopedNetns inside(run.stage().lab().server());
    empty.emplace(device);
  }
  const Spent before = spent();
  run.send(requests, {.rps = rps, .seconds = run.pace().seconds}, port);
  const Spent after = spent();
  if (after.runs == before.runs) throw lab::LabError("the XDP program on " + device + " did not run");
  return {(after.ns - before.ns) / (after.runs - before.runs)};
}

Sample hit(Run& run) { return ns_per_run(run, run.scene().items, kHitRps, lab::kMemcachedPort); }

Sample miss(Run& run) {
  loadgen::WorkloadOptions requests = run.scene().items;
  requests.key_size += 1;
  return ns_per_run(run, requests, kPassRps, lab::kMemcachedPort);
}

// To a socket that nobody reads, so that the stack has nothing to answer.
Sample pass(Run& run) {
  lab::Fd sink;
  {
    const lab::ScopedNetns inside(run.stage().lab().server());
    socklen_t length = 0;
    const sockaddr_storage address = lab::to_sockaddr({run.stage().link().server().ip, kOtherPort}, length);
    sink = lab::Fd(lab::checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "a UDP socket"));
    lab::checked(::bind(sink.get(), reinterpret_cast<const sockaddr*>(&address), length),
                 "bind a UDP socket");
  }
  return ns_per_run(run, run.scene().items, kPassRps, kOtherPort);
}

double above_empty(const Outcome& outcome) {
  return outcome.value(Side::kBmcd) - outcome.value(Side::kLimit);
}

}  // namespace

std::vector<Case> program_cases() {
  const std::vector<Side> sides{Side::kBmcd, Side::kLimit};
  return {
      {"xdp_run_hit",
       "ns",
       "one run that answers; the limit is an empty program",
       kSceneSmall,
       sides,
       hit,
       {"<= 120 ns above empty", [](const Outcome& o) { return above_empty(o) <= 120; }}},
      {"xdp_run_miss", "ns", "one run whose key is not there", kSceneSmall, sides, miss, {}},
      {"xdp_run_pass", "ns", "one run for a packet to another port", kSceneSmall, sides, pass, {}},
  };
}

}  // namespace bmc::bench

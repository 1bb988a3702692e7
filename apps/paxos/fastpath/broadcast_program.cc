// SPDX-License-Identifier: Apache-2.0
// clsact and one filter for each interface; see broadcast_program.h.
#include "apps/paxos/fastpath/broadcast_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "paxos_broadcast.skel.h"

namespace bmc::paxos::fastpath {
namespace {

Error failed(const std::string& tried, int code) {
  return Error{ErrorCode::io, tried + ": " + std::strerror(code < 0 ? -code : code)};
}

std::uint32_t id_of(int program) {
  bpf_prog_info info = {};
  __u32 bytes = sizeof info;
  return bpf_obj_get_info_by_fd(program, &info, &bytes) == 0 ? info.id : 0;
}

// libbpf complains of every "exists already" and "not there".
int say_nothing(libbpf_print_level, const char*, va_list) { return 0; }

class Quiet {
 public:
  Quiet() : before_(libbpf_set_print(say_nothing)) {}
  ~Quiet() { libbpf_set_print(before_); }

 private:
  libbpf_print_fn_t before_;
};

// A kernel without IPv6 has no such file, and no IPv6 replica.
Result<void> allow_lookups() {
  for (const char* family : {"ipv4", "ipv6"}) {
    const std::string path = std::string("/proc/sys/net/") + family + "/conf/lo/forwarding";
    if (!std::ifstream(path)) continue;
    std::ofstream file(path);
    if (!(file << "1" << std::flush)) return failed("cannot switch on " + path, errno);
  }
  return {};
}

}  // namespace

Result<BroadcastProgram> BroadcastProgram::load() {
  struct ::paxos_broadcast* skeleton = paxos_broadcast__open_and_load();
  if (skeleton == nullptr) return failed("cannot load the broadcast program", errno);
  BroadcastProgram program(skeleton);
  // From now on nobody but the program writes there. (A descriptor to read only cannot be mapped.)
  if (bpf_map_freeze(program.reports()) != 0)
    return failed("cannot freeze the reports of the broadcast program", errno);
  return program;
}

BroadcastProgram::BroadcastProgram(BroadcastProgram&& other) noexcept
    : skeleton_(std::exchange(other.skeleton_, nullptr)), attached_(std::move(other.attached_)) {}

BroadcastProgram::~BroadcastProgram() {
  if (skeleton_ == nullptr) return;
  const Quiet quiet;
  for (const int index : attached_) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = index, .attach_point = BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, place, .handle = BROADCAST_TC_PLACE, .priority = BROADCAST_TC_PLACE);
    if (bpf_tc_query(&hook, &place) != 0 || place.prog_id != id_of(program())) continue;
    LIBBPF_OPTS(bpf_tc_opts, taken, .handle = BROADCAST_TC_PLACE, .priority = BROADCAST_TC_PLACE);
    bpf_tc_detach(&hook, &taken);
  }
  paxos_broadcast__destroy(skeleton_);
}

Result<void> BroadcastProgram::attach(const std::string& interface) {
  const auto index = static_cast<int>(if_nametoindex(interface.c_str()));
  if (index == 0) return failed("there is no interface " + interface, errno);
  if (auto allowed = allow_lookups(); !allowed) return allowed;
  const Quiet quiet;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = index, .attach_point = BPF_TC_EGRESS);
  if (const int made = bpf_tc_hook_create(&hook); made != 0 && made != -EEXIST)
    return failed("cannot make a clsact qdisc on " + interface, made);
  LIBBPF_OPTS(bpf_tc_opts, place, .prog_fd = program(), .handle = BROADCAST_TC_PLACE,
              .priority = BROADCAST_TC_PLACE);
  if (const int refused = bpf_tc_attach(&hook, &place); refused != 0)
    return failed("cannot attach the broadcast program to TC egress of " + interface, refused);
  attached_.push_back(index);
  return {};
}

int BroadcastProgram::program() const { return bpf_program__fd(skeleton_->progs.paxos_broadcast); }
int BroadcastProgram::groups() const { return bpf_map__fd(skeleton_->maps.broadcast_groups); }
int BroadcastProgram::reports() const { return bpf_map__fd(skeleton_->maps.broadcast_reports); }

std::uint64_t BroadcastProgram::counter(broadcast_counter counter) const {
  std::vector<std::uint64_t> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const std::uint32_t index = counter;
  bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.broadcast_counters), &index, values.data());
  std::uint64_t sum = 0;
  for (const std::uint64_t value : values) sum += value;
  return sum;
}

}  // namespace bmc::paxos::fastpath

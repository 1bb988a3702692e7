// SPDX-License-Identifier: Apache-2.0
// See programs.h.
#include "loadgen/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

namespace bmc::loadgen {
namespace {

loadgen_config describe(const KernelOptions& options, const Workload& workload) {
  loadgen_config config = {};
  workload.describe(config);
  describe_frame(options.link, workload, config);
  config.expect = options.expect_echo ? LOADGEN_EXPECT_ECHO : LOADGEN_EXPECT_VALUES;
  config.echo_growth = options.echo_growth;
  config.verify_checksum = options.verify_checksum ? 1 : 0;
  config.slot_mask = options.slots - 1;
  config.port_bits = options.port_bits;
  config.lost_after_ns = options.lost_after_ns;
  return config;
}

}  // namespace

Result<Programs> Programs::load(const KernelOptions& options, const Workload& workload) {
  Programs programs;
  programs.skeleton_.reset(loadgen_bpf__open());
  loadgen_bpf* skeleton = programs.skeleton_.get();
  if (skeleton == nullptr) return errno_error("cannot open the generator's programs");
  const std::vector<loadgen_alias>& alias = workload.alias_table();
  // The skeleton declares read-only data const; until the load it is ours to write.
  const_cast<loadgen_config&>(skeleton->rodata->config) = describe(options, workload);
  bpf_map__set_max_entries(skeleton->maps.slots, options.slots);
  bpf_map__set_max_entries(skeleton->maps.alias, std::max(1u, static_cast<unsigned>(alias.size())));
  if (const int failed = loadgen_bpf__load(skeleton); failed != 0)
    return errno_error("the kernel refuses the generator's programs (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON?)",
                       failed);
  if (!alias.empty()) {
    auto table = MappedArray<loadgen_alias>::map(bpf_map__fd(skeleton->maps.alias));
    if (!table) return table.error();
    std::memcpy(static_cast<void*>(&(*table)[0]), alias.data(), alias.size() * sizeof alias[0]);
  }
  auto slots = MappedArray<loadgen_slot>::map(bpf_map__fd(skeleton->maps.slots));
  if (!slots) return slots.error();
  programs.slots_ = *std::move(slots);
  return programs;
}

int Programs::generate_fd() const { return bpf_program__fd(skeleton_->progs.generate_request); }
int Programs::check_fd() const { return bpf_program__fd(skeleton_->progs.check_reply); }
std::uint32_t Programs::frame_size() const {
  return skeleton_->rodata->config.frame_size + LOADGEN_TAIL_SPARE;
}

std::uint32_t Programs::request_size() const {
  const loadgen_config& config = skeleton_->rodata->config;
  return config.frame_size - config.udp_offset - static_cast<std::uint32_t>(sizeof(udphdr)) -
         LOADGEN_FRAME_HEADER;
}

Result<loadgen_stats> Programs::stats() const {
  std::vector<loadgen_stats> each(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const __u32 key = 0;
  if (const int failed = bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.stats), &key, each.data());
      failed != 0)
    return errno_error("cannot read the checker's counters", failed);
  loadgen_stats sum = {};
  for (const loadgen_stats& cpu : each) {
    for (std::size_t index = 0; index < LOADGEN_COUNTER_COUNT; ++index)
      sum.counter[index] += cpu.counter[index];
    for (std::size_t bucket = 0; bucket < LOADGEN_BUCKETS; ++bucket)
      sum.latency[bucket] += cpu.latency[bucket];
  }
  return sum;
}

Result<void> Programs::clear() {
  std::memset(static_cast<void*>(&slots_[0]), 0, MappedArray<loadgen_slot>::kStride * slots_.size());
  const std::vector<loadgen_stats> zero(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const __u32 key = 0;
  if (const int failed = bpf_map_update_elem(bpf_map__fd(skeleton_->maps.stats), &key, zero.data(), BPF_ANY);
      failed != 0)
    return errno_error("cannot clear the checker's counters", failed);
  return {};
}

}  // namespace bmc::loadgen

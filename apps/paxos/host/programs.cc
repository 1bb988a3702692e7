// SPDX-License-Identifier: Apache-2.0
// Opening, adopting, loading and attaching of paxos_host and paxos_fast; see programs.h.
#include "apps/paxos/host/programs.h"

#include <bpf/bpf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <utility>
#include <vector>

#include "paxos_fast.skel.h"
#include "paxos_host.skel.h"

namespace bmc::paxos::host {
namespace {

constexpr const char* kXdpProgram = "paxos_fast";

// What an earlier bmcd's programs must not find any more, if its maps do not fit: with a zeroed control map
// they begin nothing, and the kernel removes a map from a map of maps once no program looks at it.
constexpr const char* kRetired[] = {"paxos_control", "paxos_groups", "broadcast_groups"};

Result<void> retire(int map) {
  bpf_map_info info = {};
  __u32 bytes = sizeof info;
  if (const int failed = bpf_obj_get_info_by_fd(map, &info, &bytes); failed != 0)
    return errno_error("cannot read the shape of a pinned map", failed);
  if (info.type == BPF_MAP_TYPE_ARRAY) {
    const std::vector<char> zeros(info.value_size);
    for (__u32 i = 0; i < info.max_entries; i++)
      if (bpf_map_update_elem(map, &i, zeros.data(), BPF_ANY) != 0)
        return errno_error(std::string("cannot clear the former map ") + info.name);
    return {};
  }
  std::vector<char> key(info.key_size);
  while (bpf_map_get_next_key(map, nullptr, key.data()) == 0)
    if (bpf_map_delete_elem(map, key.data()) != 0)
      return errno_error(std::string("cannot clear the former map ") + info.name);
  return {};
}

template <typename Counts>
Counts read_counts(int map) {
  Counts counts = {};
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  for (std::uint32_t i = 0; i < counts.size(); i++)
    if (bpf_map_lookup_elem(map, &i, per_cpu.data()) == 0)
      counts[i] = std::accumulate(per_cpu.begin(), per_cpu.end(), std::uint64_t{0});
  return counts;
}

}  // namespace

struct Programs::Objects {
  SkeletonPtr<paxos_host> host;
};

Programs::Programs(Pins& pins, const Config& config)
    : pins_(pins), config_(config), objects_(std::make_unique<Objects>()) {}

Programs::~Programs() = default;

const bpf_object& Programs::object() const { return *objects_->host->obj; }
int Programs::groups() const { return bpf_map__fd(objects_->host->maps.paxos_groups); }
int Programs::doorbells() const { return bpf_map__fd(objects_->host->maps.paxos_doorbells); }
int Programs::broadcast_reports() const { return bpf_map__fd(objects_->host->maps.broadcast_reports); }

Result<MappedArray<broadcast_group>> Programs::broadcast_groups() const {
  return MappedArray<broadcast_group>::map(bpf_map__fd(objects_->host->maps.broadcast_groups));
}

Result<void> Programs::load() {
  objects_->host.reset(paxos_host::open());
  if (!objects_->host) return errno_error("cannot open the BPF programs of Paxos");
  bpf_object& object = *objects_->host->obj;
  // Loaded where it is attached; of it only the maps are needed here.
  bpf_program__set_autoload(objects_->host->progs.paxos_fast, false);
  const auto adoption = adopt(object);
  if (!adoption) return adoption.error();
  adopted_ = *adoption == Pins::Adoption::kAdopted;
  if (Result<void> loaded = load_object(object, "Paxos"); !loaded) return loaded;
  auto control = MappedArray<paxos_control>::map(bpf_map__fd(objects_->host->maps.paxos_control));
  if (!control) return std::move(control).error();
  control_ = *std::move(control);
  set_offloads(0);
  __atomic_store_n(&control_[0].abi_version, PAXOS_FAST_ABI_VERSION, __ATOMIC_SEQ_CST);
  // From now on nobody but the program writes there. (A descriptor to read only cannot be mapped.) What is
  // pinned is frozen, and refuses to be once more.
  if (!adopted_ && bpf_map_freeze(broadcast_reports()) != 0)
    return errno_error("cannot freeze the reports of the broadcast program");
  return pins_.pin_maps(object);
}

Result<Pins::Adoption> Programs::adopt(bpf_object& object) {
  std::vector<Fd> former;
  for (const char* name : kRetired) {
    auto map = pins_.open_map(name);
    if (!map) return std::move(map).error();
    if (*map) former.push_back(*std::move(map));
  }
  auto adoption = pins_.adopt_maps(object);
  if (!adoption || *adoption != Pins::Adoption::kReplaced) return adoption;
  spdlog::warn("replicas' memory is made anew: {}", pins_.why());
  for (const Fd& map : former)
    if (Result<void> retired = retire(map.get()); !retired) return retired.error();
  return adoption;
}

void Programs::set_offloads(std::uint32_t offloads) {
  if (!control_) return;
  const std::uint32_t known = offloads & (PAXOS_OFFLOAD_ACK | PAXOS_OFFLOAD_QUORUM);
  __atomic_store_n(&control_[0].offloads, known, __ATOMIC_SEQ_CST);
}

FastCounts Programs::fast_counts() const {
  return read_counts<FastCounts>(bpf_map__fd(objects_->host->maps.paxos_counters));
}

BroadcastCounts Programs::broadcast_counts() const {
  return read_counts<BroadcastCounts>(bpf_map__fd(objects_->host->maps.broadcast_counters));
}

Result<OpenedObject> Programs::open_xdp() const {
  SkeletonPtr<paxos_fast> xdp(paxos_fast::open());
  if (!xdp) return errno_error("cannot open the XDP program of Paxos");
  if (Result<void> shared = share_maps(object(), *xdp->obj); !shared) return shared.error();
  return opened(std::move(xdp));
}

Result<void> Programs::attach(const Interface& interface, bool with_xdp) {
  auto tc =
      TcAttachment::attach(pins_, interface, *objects_->host->progs.paxos_broadcast, BROADCAST_TC_PLACE);
  if (!tc) return std::move(tc).error();
  tc_.insert_or_assign(interface.index, *std::move(tc));
  if (!with_xdp) return {};
  const XdpImage image = {[this] { return open_xdp(); }, kXdpProgram, build_id<paxos_fast>()};
  auto xdp = XdpAttachment::attach(pins_, interface, config_.xdp_mode, image);
  if (!xdp) return std::move(xdp).error();
  spdlog::info("{}: Paxos, {}{}", interface.name, xdp->how(), xdp->placement().kept ? " (kept)" : "");
  if (!xdp->placement().note.empty()) spdlog::info("{}: {}", interface.name, xdp->placement().note);
  xdp_.insert_or_assign(interface.index, *std::move(xdp));
  return {};
}

void Programs::forget(int index) {
  tc_.erase(index);
  xdp_.erase(index);
}

// A kernel without IPv6 has no such file, and no IPv6 replica.
Result<void> allow_route_lookups() {
  for (const char* family : {"ipv4", "ipv6"}) {
    const std::string path = std::string("/proc/sys/net/") + family + "/conf/lo/forwarding";
    std::string present;
    if (!(std::ifstream(path) >> present) || present == "1") continue;
    std::ofstream file(path);
    if (!(file << "1" << std::flush)) return errno_error("cannot switch on " + path);
  }
  return {};
}

}  // namespace bmc::paxos::host

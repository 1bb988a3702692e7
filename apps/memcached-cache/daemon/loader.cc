// SPDX-License-Identifier: Apache-2.0
// Opening, sizing, adopting, loading and attaching of cache_host and cache_xdp.
#include "apps/memcached-cache/daemon/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "apps/memcached-cache/coherence/connection_abi.h"
#include "apps/memcached-cache/daemon/keepalive_pace.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/serving_plan.h"
#include "apps/memcached-cache/store/lookup_source.h"
#include "apps/memcached-cache/store/sizing.h"
#include "cache_host.skel.h"
#include "cache_xdp.skel.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace bmc::cache {
namespace {

// 0: this kernel does not tell.
std::uint64_t netns_cookie() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t bytes = sizeof cookie;
  if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &bytes) != 0) return 0;
  return cookie;
}

bool cgroup_programs_see_netns() {
  return libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_netns_cookie, nullptr) == 1;
}

// The kernel's id of a pinned link; 0: none.
std::uint32_t link_id(const std::string& pin) {
  const Fd link(bpf_obj_get(pin.c_str()));
  bpf_link_info info = {};
  __u32 bytes = sizeof info;
  if (!link || bpf_obj_get_info_by_fd(link.get(), &info, &bytes) != 0) return 0;
  return info.id;
}

Result<void> resize(bpf_map* map, std::uint32_t entries) {
  if (const int failed = bpf_map__set_max_entries(map, entries); failed != 0)
    return errno_error(std::string("cannot set the size of map ") + bpf_map__name(map), failed);
  return {};
}

}  // namespace

struct Loader::Objects {
  SkeletonPtr<cache_host> host;
};

XdpImage cache_get_image() {
  const auto open = []() -> Result<OpenedObject> {
    SkeletonPtr<cache_xdp> xdp(cache_xdp::open());
    if (!xdp) return errno_error("cannot open the cache's XDP program");
    return opened(std::move(xdp));
  };
  return {open, "cache_get", build_id<cache_xdp>()};
}

Loader::Loader(Pins& pins, const Config& config, XdpImage xdp)
    : pins_(pins), config_(config), xdp_image_(std::move(xdp)), objects_(std::make_unique<Objects>()) {}

Loader::~Loader() = default;

int Loader::sweep_fd() const { return bpf_program__fd(objects_->host->progs.cache_sweep); }

Result<void> Loader::size_maps() {
  const Result<StoreLayout> layout = size_store(config_.memory_bytes);
  if (!layout) return layout.error();
  store_bytes_ = layout->bytes();
  auto& maps = objects_->host->maps;
  Result<void> done = resize(maps.guards, layout->guard_count);
  if (done) done = resize(maps.hints, layout->guard_count);
  if (done) done = resize(maps.buckets, layout->bucket_count);
  if (done) done = resize(maps.segments, layout->segment_count);
  if (done) done = resize(maps.log_bytes, layout->segment_count);
  if (done) done = resize(maps.leases, layout->lease_count);
  if (done) done = resize(maps.sketch, layout->sketch_count);
  return done;
}

Result<void> Loader::load() {
  objects_->host.reset(cache_host::open());
  if (!objects_->host) return errno_error("cannot open the cache's BPF programs");
  bpf_object& object = *objects_->host->obj;
  if (Result<void> sized = size_maps(); !sized) return sized;
  objects_->host->rodata->stage_writes = config_.stage_writes ? 1 : 0;
  objects_->host->rodata->use_netns_cookie = netns_cookie() != 0 && cgroup_programs_see_netns();
  const Result<Pins::Adoption> adoption = pins_.adopt_maps(object);
  if (!adoption) return adoption.error();
  adopted_ = *adoption == Pins::Adoption::kAdopted;
  if (*adoption == Pins::Adoption::kReplaced) spdlog::warn("starting with an empty cache: {}", pins_.why());
  if (Result<void> loaded = load_object(object, "the cache"); !loaded) return loaded;
  auto memory = CacheMemory::map(object);
  if (!memory) return std::move(memory).error();
  memory_ = *std::move(memory);
  if (Result<void> prepared = prepare(adopted_); !prepared) return prepared;
  if (Result<void> made = make_own_maps_of_xdp(); !made) return made;
  return pins_.pin_maps(object);
}

// What the programs need to find in the maps before they run.
Result<void> Loader::prepare(bool adopted) {
  cache_control& control = memory_.control();
  publish(control.mode, CACHE_MODE_BYPASS);
  control.abi_version = CACHE_ABI_VERSION;
  control.heartbeat_limit_ns = 3 * kSecondNs / 2;
  control.bucket_count = memory_.buckets.size();
  control.segment_count = memory_.segments.size();
  control.guard_mask = memory_.guards.size() - 1;
  control.sketch_blocks = memory_.sketch.size();
  publish(control.sample_one_of, 0);
  publish(control.sample_keys_one_of, 0);
  publish(control.admit_from, 0);
  control.lease_mask = bpf_map__max_entries(bpf_object__find_map_by_name(objects_->host->obj, "leases")) - 1;
  const KeepalivePace pace(config_.revalidate_after);
  control.keepalive_shift = pace.shift();
  publish(control.keepalive_ticks, pace.ticks());
  control.netns_cookie = objects_->host->rodata->use_netns_cookie ? netns_cookie() : 0;
  control.rate_limit_pps = config_.rate_limit_pps;
  control.allow_list = config_.allow.empty() ? 0 : 1;
  if (adopted) release_leaked_pins(memory_.store());
  connection blank = {};
  blank.rx_busy = blank.tx_busy = 1;
  const std::uint32_t zero = 0;
  const int fd = bpf_map__fd(objects_->host->maps.new_connection);
  if (const int failed = bpf_map_update_elem(fd, &zero, &blank, BPF_ANY); failed != 0)
    return errno_error("cannot prepare the connections' map", failed);
  return {};
}

// The XDP object is opened once per interface and way of attaching; what only it uses must still be one map.
Result<void> Loader::make_own_maps_of_xdp() {
  SkeletonPtr<cache_xdp> xdp(cache_xdp::open());
  if (!xdp) return errno_error("cannot open the cache's XDP program");
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, xdp->obj) {
    const std::string name = bpf_map__name(map);
    if (bpf_map__is_internal(map) ||
        bpf_object__find_map_by_name(objects_->host->obj, name.c_str()) != nullptr)
      continue;
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = bpf_map__map_flags(map));
    Fd fd(bpf_map_create(bpf_map__type(map), name.c_str(), bpf_map__key_size(map), bpf_map__value_size(map),
                         bpf_map__max_entries(map), &options));
    if (!fd) return errno_error("cannot make map " + name);
    xdp_maps_.emplace(name, std::move(fd));
  }
  return fill_allowed();
}

Result<void> Loader::fill_allowed() {
  if (config_.allow.empty()) return {};
  const auto own = xdp_maps_.find("allowed");
  const int fd = own != xdp_maps_.end() ? own->second.get()
                                        : bpf_object__find_map_fd_by_name(objects_->host->obj, "allowed");
  for (const Prefix& prefix : config_.allow) {
    allowed_prefix key = {};
    to_words(prefix.address, key.addr_be);
    key.bits = prefix.bits + (prefix.address.is_v4() ? 96u : 0u);
    const std::uint32_t value = 1;
    if (const int failed = bpf_map_update_elem(fd, &key, &value, BPF_ANY); failed != 0)
      return errno_error("cannot allow " + to_string(prefix), failed);
  }
  return {};
}

Result<OpenedObject> Loader::open_xdp() const {
  auto xdp = xdp_image_.open();
  if (!xdp) return xdp;
  if (Result<void> shared = share_maps(*objects_->host->obj, *xdp->object); !shared) return shared.error();
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, xdp->object) {
    if (bpf_map__is_internal(map)) continue;
    const std::string name = bpf_map__name(map);
    if (const auto own = xdp_maps_.find(name); own != xdp_maps_.end())
      if (const int failed = bpf_map__reuse_fd(map, own->second.get()); failed != 0)
        return errno_error("cannot share map " + name, failed);
    if (bpf_map__fd(map) < 0)
      return Error{EINVAL, "map " + name + " of program " + xdp_image_.program + " is nobody's"};
  }
  return xdp;
}

Result<void> Loader::attach_to_root(const std::string& name, const bpf_program& program) {
  const Result<std::string> root = find_cgroup2_root();
  if (!root) return root.error();
  const std::string pin = pins_.path("links/" + name);
  const std::uint32_t before = link_id(pin);
  auto attached = CgroupAttachment::attach(pins_, name, program, *root);
  if (!attached) return std::move(attached).error();
  cgroup_.insert_or_assign(name, *std::move(attached));
  links_kept_ &= before != 0 && before == link_id(pin);
  return {};
}

Result<void> Loader::attach_cgroup() {
  // The end of sockets is seen before what comes through them: nothing seen can be left over.
  Result<void> done = attach_to_root("cache_release", *objects_->host->progs.cache_release);
  return done ? observe_packets(true) : done;
}

Result<void> Loader::observe_packets(bool on) {
  // Replies are seen before requests, for the same reason.
  const std::pair<const char*, bpf_program*> programs[] = {
      {"cache_egress", objects_->host->progs.cache_egress},
      {"cache_ingress", objects_->host->progs.cache_ingress},
  };
  for (const auto& [name, program] : programs) {
    const auto attached = cgroup_.find(name);
    if (on == (attached != cgroup_.end())) continue;
    Result<void> done = on ? attach_to_root(name, *program) : attached->second.detach();
    if (!done) return done;
    if (!on) cgroup_.erase(attached);
  }
  return {};
}

Result<void> Loader::attach_interface(const Interface& interface) {
  auto tc = TcAttachment::attach(pins_, interface, *objects_->host->progs.cache_fill);
  if (!tc) return std::move(tc).error();
  tc_.insert_or_assign(interface.index, *std::move(tc));
  const XdpImage image = {[this] { return open_xdp(); }, xdp_image_.program, xdp_image_.build_id};
  auto xdp = XdpAttachment::attach(pins_, interface, config_.xdp_mode, image);
  if (!xdp) return std::move(xdp).error();
  spdlog::info("{}: {}{}", interface.name, xdp->how(), xdp->placement().kept ? " (kept)" : "");
  if (!xdp->placement().note.empty()) spdlog::info("{}: {}", interface.name, xdp->placement().note);
  xdp_.insert_or_assign(interface.index, *std::move(xdp));
  return {};
}

void Loader::forget_interface(int index) {
  tc_.erase(index);
  xdp_.erase(index);
}

}  // namespace bmc::cache

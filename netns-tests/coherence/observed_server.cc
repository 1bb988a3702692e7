// SPDX-License-Identifier: Apache-2.0
// Observer: loading, attaching and reading the programs of cgroup/ without a daemon.
#include "netns-tests/coherence/observed_server.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <sstream>

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/coherence/lease.bpf.h"
#include "apps/memcached-cache/daemon/sock_diag.h"
#include "apps/memcached-cache/store/sketch.h"
#include "cache_host.skel.h"
#include "netns-tests/lib/lab_error.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace bmc::lab {
namespace {

constexpr uint32_t kGuards = 4096;
constexpr uint32_t kLeases = 4096;
constexpr uint64_t kSeed = 0x5eed5eed5eed5eedull;

template <class T>
T must(Result<T> result) {
  if (!result) throw LabError(result.error().what);
  return std::move(*result);
}

void must_be_zero(int failed, const std::string& what) {
  if (failed != 0) throw LabError(what + ": " + std::strerror(failed < 0 ? -failed : errno));
}

std::string cgroup_root() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device, where, type;
    if (fields >> device >> where >> type && type == "cgroup2") return where;
  }
  throw LabError("cgroup v2 is not mounted; mount it: mount -t cgroup2 none /sys/fs/cgroup");
}

uint64_t hash_by_seed(const std::string& key) {
  uint64_t hash = kSeed;
  for (size_t at = 0; at < key.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, key.data() + at, std::min<size_t>(8, key.size() - at));
    hash = cache_hash_word(hash, word);
  }
  return cache_hash_finish(hash, static_cast<uint32_t>(key.size()));
}

Observer::Guard unpack(const uint64_t& word) {
  const uint64_t now = __atomic_load_n(&word, __ATOMIC_ACQUIRE);
  return {GUARD_GENERATION(now), GUARD_IN_FLIGHT(now)};
}

// bpf_get_netns_cookie() may be called from cgroup_skb programs since 6.13.
bool kernel_tells_namespaces() {
  return libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_netns_cookie, nullptr) == 1;
}

}  // namespace

Observer::Observer(const Netns& netns) {
  skeleton_ = cache_host__open();
  if (skeleton_ == nullptr) throw LabError("cannot open the cache_host object");
  bpf_map__set_max_entries(skeleton_->maps.guards, kGuards);
  bpf_map__set_max_entries(skeleton_->maps.hints, kGuards);
  bpf_map__set_max_entries(skeleton_->maps.leases, kLeases);
  skeleton_->rodata->use_netns_cookie = kernel_tells_namespaces();
  must_be_zero(cache_host__load(skeleton_), "cannot load the cache_host object");
  control_ = must(MappedArray<cache_control>::map(bpf_map__fd(skeleton_->maps.control)));
  servers_ = must(MappedArray<server_state>::map(bpf_map__fd(skeleton_->maps.servers)));
  guards_ = must(MappedArray<guard>::map(bpf_map__fd(skeleton_->maps.guards)));
  hints_ = must(MappedArray<ttl_hint>::map(bpf_map__fd(skeleton_->maps.hints)));
  leases_ = must(MappedArray<lease>::map(bpf_map__fd(skeleton_->maps.leases)));
  sketch_ = must(MappedArray<sketch_block>::map(bpf_map__fd(skeleton_->maps.sketch)));
  buckets_ = must(MappedArray<bucket>::map(bpf_map__fd(skeleton_->maps.buckets)));
  segments_ = must(MappedArray<segment>::map(bpf_map__fd(skeleton_->maps.segments)));
  log_ = must(MappedArray<LogSegment>::map(bpf_map__fd(skeleton_->maps.log_bytes)));
  const auto take = [](void* events, void* data, size_t) {
    static_cast<std::vector<cache_event>*>(events)->push_back(*static_cast<const cache_event*>(data));
    return 0;
  };
  ring_ = ring_buffer__new(bpf_map__fd(skeleton_->maps.events), take, &events_, nullptr);
  if (ring_ == nullptr) throw LabError("cannot read map events");
  configure(netns);
  attach();
}

Observer::~Observer() {
  for (bpf_link* link : links_) bpf_link__destroy(link);
  ring_buffer__free(ring_);
  cache_host__destroy(skeleton_);
}

void Observer::configure(const Netns& netns) {
  connection blank = {};
  blank.rx_busy = blank.tx_busy = 1;
  const uint32_t zero = 0;
  must_be_zero(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.new_connection), &zero, &blank, BPF_ANY),
               "cannot write map new_connection");
  servers_[0].hash_seed = kSeed;
  cache_control& control = control_[0];
  control.abi_version = CACHE_ABI_VERSION;
  control.guard_mask = kGuards - 1;
  control.lease_mask = kLeases - 1;
  control.sketch_blocks = 1;
  control.bucket_count = control.segment_count = 1;
  {
    const ScopedNetns inside(netns);
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    socklen_t size = sizeof control.netns_cookie;
    must_be_zero(::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &control.netns_cookie, &size),
                 "cannot read the namespace's cookie");
  }
  control.port[0] = {kMemcachedPort, 0, 1};
}

void Observer::attach() {
  const Fd cgroup(::open(cgroup_root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (bpf_program* program :
       {skeleton_->progs.cache_ingress, skeleton_->progs.cache_egress, skeleton_->progs.cache_release}) {
    bpf_link* link = bpf_program__attach_cgroup(program, cgroup.get());
    if (link == nullptr) throw LabError(std::string("cannot attach ") + bpf_program__name(program));
    links_.push_back(link);
  }
}

Observer::Guard Observer::key(const std::string& key) const {
  return unpack(guards_[cache_guard_index(hash_by_seed(key), kGuards - 1)].word);
}

void Observer::count_gets(const std::string& key, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) sketch_add(&sketch_[0], hash_of(key), 0);
}

uint64_t Observer::hash_of(const std::string& key) const { return hash_by_seed(key); }

void Observer::make_known(const std::string& key) {
  __atomic_store_n(&buckets_[0].way[0],
                   WAY_VALID | cache_tag(hash_of(key)) << WAY_TAG_SHIFT | WAY_OFFSET_MASK, __ATOMIC_SEQ_CST);
}

std::optional<Observer::Entry> Observer::entry_of(const std::string& key) const {
  for (const __u64& each : buckets_[0].way) {
    const uint64_t way = __atomic_load_n(&each, __ATOMIC_ACQUIRE);
    if (!(way & WAY_VALID) || (way >> WAY_TAG_SHIFT & WAY_TAG_MASK) != cache_tag(hash_of(key))) continue;
    if (((way >> WAY_GENERATION_SHIFT ^ segments_[0].generation) & WAY_GENERATION_MASK) != 0) continue;
    const uint8_t* at = log_[0].byte + ((way & WAY_OFFSET_MASK) << CACHE_ENTRY_ALIGN_SHIFT);
    Entry found;
    std::memcpy(&found.header, at, sizeof found.header);
    found.text.assign(reinterpret_cast<const char*>(at) + sizeof found.header, found.header.text_len);
    return found;
  }
  return std::nullopt;
}

Observer::Guard Observer::global() const { return unpack(servers_[0].global); }

uint64_t Observer::counter(enum cache_counter counter) const {
  const int cpus = libbpf_num_possible_cpus();
  std::vector<uint64_t> values(static_cast<size_t>(cpus));
  const uint32_t index = counter;
  must_be_zero(bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.counters), &index, values.data()),
               "cannot read map counters");
  uint64_t sum = 0;
  for (const uint64_t value : values) sum += value;
  return sum;
}

std::vector<cache_event> Observer::events(enum cache_event_kind kind) {
  events_.clear();
  ring_buffer__consume(ring_);
  std::erase_if(events_, [kind](const cache_event& event) { return event.kind != kind; });
  return events_;
}

std::vector<connection> Observer::connections() const {
  std::vector<connection> found;
  const int map = bpf_map__fd(skeleton_->maps.connections);
  uint64_t key = 0, next = 0;
  for (bool first = true; bpf_map_get_next_key(map, first ? nullptr : &key, &next) == 0; first = false) {
    key = next;
    connection element;
    if (bpf_map_lookup_elem(map, &key, &element) == 0) found.push_back(element);
  }
  return found;
}

uint32_t Observer::hinted_deadline(const std::string& key) const {
  const uint64_t hash = hash_by_seed(key);
  const uint32_t index = cache_guard_index(hash, kGuards - 1);
  const ttl_hint& hint = hints_[index];
  const uint64_t stamp = guard_stamp(__atomic_load_n(&guards_[index].word, __ATOMIC_ACQUIRE),
                                     __atomic_load_n(&servers_[0].global, __ATOMIC_ACQUIRE));
  if (hint.sequence % 2 != 0 || hint.key_hash != hash || hint.stamp != stamp) return CACHE_DEADLINE_UNKNOWN;
  return hint.deadline;
}

lease Observer::lease_of(const Endpoint& client, uint16_t request_id) const {
  std::array<uint32_t, 4> address{0, 0, htonl(0xffff), 0};
  if (client.is_v6()) {
    inet_pton(AF_INET6, client.ip.c_str(), address.data());
  } else {
    inet_pton(AF_INET, client.ip.c_str(), &address[3]);
  }
  const lease_identity identity =
      lease_identify(0, address.data(), htons(client.port), htons(request_id), kSeed, kLeases - 1);
  lease found = leases_[identity.slot];
  if (found.tag != identity.tag) found.tag = 0;
  return found;
}

sweep_call Observer::sweep(sweep_call call) const {
  // The kernel writes the context of a syscall program back to where it came from.
  LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &call, .ctx_size_in = sizeof call);
  must_be_zero(bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.cache_sweep), &options),
               "cannot run cache_sweep");
  return call;
}

void Observer::learn_server_sockets(const Netns& netns) {
  const ScopedNetns inside(netns);
  auto diag = must(cache::SockDiag::open());
  std::vector<cache::SocketInfo> sockets;
  const std::array<uint16_t, 1> ports{kMemcachedPort};
  for (const auto transport : {cache::Transport::kTcp, cache::Transport::kUdp})
    if (auto listed = diag.list(transport, ports, sockets); !listed) throw LabError(listed.error().what);
  const uint32_t server = 0;
  for (const cache::SocketInfo& socket : sockets) {
    if (socket.transport == cache::Transport::kTcp && !socket.listening()) continue;
    must_be_zero(
        bpf_map_update_elem(bpf_map__fd(skeleton_->maps.server_sockets), &socket.cookie, &server, BPF_ANY),
        "cannot write map server_sockets");
  }
}

void Observer::publish_clock(uint64_t floor_s, int64_t wall_to_mono_s) {
  servers_[0].clock_floor_s = floor_s;
  servers_[0].wall_to_mono_s = wall_to_mono_s;
}

std::vector<udp_write> Observer::udp_writes() const {
  const int map = bpf_map__fd(skeleton_->maps.udp_writes);
  std::vector<udp_write> writes;
  udp_write_key key{}, next{};
  for (bool first = true; bpf_map_get_next_key(map, first ? nullptr : &key, &next) == 0; first = false) {
    key = next;
    udp_write write{};
    if (bpf_map_lookup_elem(map, &key, &write) == 0) writes.push_back(write);
  }
  return writes;
}

}  // namespace bmc::lab

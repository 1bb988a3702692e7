// SPDX-License-Identifier: Apache-2.0
// Maps of replicas; see group_maps.h.
#include "apps/paxos/host/group_maps.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "control-plane/bpf_object.h"
#include "control-plane/parse.h"

namespace bmc::paxos::host {
namespace {

constexpr const char* kGroups = "groups";
constexpr const char* kDoorbells = "doorbells";

// Of a map of maps user space reads the inner map's id; 0: none.
std::uint32_t inner_id(int map, const paxos_address& address) {
  std::uint32_t id = 0;
  return bpf_map_lookup_elem(map, &address, &id) == 0 ? id : 0;
}

// The kernel returns once no program looks at what was there before.
Result<void> put(int map, const paxos_address& address, int inner) {
  const auto id = map_id(inner);
  if (!id) return id.error();
  if (inner_id(map, address) == *id) return {};
  if (bpf_map_update_elem(map, &address, &inner, BPF_ANY) != 0)
    return errno_error("cannot enter the memory of replica " + to_string(to_endpoint(address)));
  return {};
}

// Every address that is in `map`.
std::vector<paxos_address> keys_of(int map) {
  std::vector<paxos_address> keys;
  paxos_address key = {};
  for (bool first = true; bpf_map_get_next_key(map, first ? nullptr : &key, &key) == 0; first = false)
    keys.push_back(key);
  return keys;
}

Result<GroupMap> mapped(Fd group, Fd doorbell, uid_t uid) {
  GroupMap map{uid, std::move(group), std::move(doorbell), {}};
  auto memory = MappedArray<paxos_group>::map(map.group.get());
  if (!memory) return std::move(memory).error();
  map.memory = *std::move(memory);
  return map;
}

// "00000000000000000000ffff0a000001_7400_1000": address, port, user.
std::string name_of(const paxos_address& address, uid_t uid) {
  return pin_name(address) + "_" + std::to_string(uid);
}

}  // namespace

void GroupMap::freeze() {
  __atomic_fetch_and(&cells().gate, ~PAXOS_ARMED, __ATOMIC_SEQ_CST);
  __atomic_fetch_and(&cells().leader_gate, ~PAXOS_ARMED, __ATOMIC_SEQ_CST);
}

std::string GroupMaps::pin(const char* folder, const std::string& name) const {
  return pins_.path(std::string(folder) + "/" + name);
}

void GroupMaps::unpin(const std::string& name) const {
  for (const char* folder : {kGroups, kDoorbells}) ::unlink(pin(folder, name).c_str());
}

Result<void> GroupMaps::start(bool adopted, const std::vector<PortGrant>& allow) {
  for (const char* folder : {kGroups, kDoorbells})
    if (Result<void> made = pins_.make_folder(folder); !made) return made;
  for (const std::string& name : names_in(pins_.path(kGroups))) {
    Result<void> taken = adopted ? adopt(name, allow) : Result<void>(Error{ESTALE, "not of these maps"});
    if (taken) continue;
    if (adopted) spdlog::info("the memory of replica {} goes: {}", name, taken.error().what);
    unpin(name);
  }
  // What the programs find and we do not hold could be frozen by nobody.
  for (const int map : {groups_fd_, doorbells_fd_})
    for (const paxos_address& address : keys_of(map))
      if (!all_.contains(address)) bpf_map_delete_elem(map, &address);
  return {};
}

Result<void> GroupMaps::adopt(const std::string& name, const std::vector<PortGrant>& allow) {
  const std::size_t behind = name.rfind('_');
  const auto address = from_pin_name(name.substr(0, behind));
  const auto uid = parse_number(behind == std::string::npos ? "" : name.substr(behind + 1), UINT32_MAX);
  if (!address || !uid || all_.contains(*address)) return Error{EINVAL, "it has no name of ours"};
  const auto user = static_cast<uid_t>(*uid);
  if (std::ranges::none_of(allow,
                           [&](const auto& each) { return each.covers(user, ntohs(address->port_be)); }))
    return Error{EACCES, "user " + std::to_string(user) + " may not have its port any more"};
  Fd group(bpf_obj_get(pin(kGroups, name).c_str()));
  Fd doorbell(bpf_obj_get(pin(kDoorbells, name).c_str()));
  if (!group || !doorbell) return errno_error("cannot open its pinned maps");
  auto map = mapped(std::move(group), std::move(doorbell), user);
  if (!map) return std::move(map).error();
  map->freeze();
  return insert(*address, *std::move(map));
}

// Pinned before the programs find it: what they use is known to whoever comes after a crash.
Result<void> GroupMaps::make(const paxos_address& address, uid_t uid) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  Fd group(
      bpf_map_create(BPF_MAP_TYPE_ARRAY, "paxos_group", sizeof(__u32), sizeof(paxos_group), 1, &options));
  Fd doorbell(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "paxos_doorbell", 0, 0, PAXOS_DOORBELL_BYTES, nullptr));
  if (!group || !doorbell) return errno_error("cannot make the memory of a replica");
  const std::string name = name_of(address, uid);
  if (Result<void> pinned = pin_over(doorbell.get(), pin(kDoorbells, name)); !pinned) return pinned;
  if (Result<void> pinned = pin_over(group.get(), pin(kGroups, name)); !pinned) return pinned;
  auto map = mapped(std::move(group), std::move(doorbell), uid);
  if (!map) return std::move(map).error();
  return insert(address, *std::move(map));
}

Result<void> GroupMaps::insert(const paxos_address& address, GroupMap map) {
  if (Result<void> done = put(doorbells_fd_, address, map.doorbell.get()); !done) return done;
  if (Result<void> done = put(groups_fd_, address, map.group.get()); !done) return done;
  all_.insert_or_assign(address, std::move(map));
  return {};
}

// The programs lose it first; frozen it is by then.
Result<void> GroupMaps::remove(const paxos_address& address) {
  for (const int map : {groups_fd_, doorbells_fd_})
    if (bpf_map_delete_elem(map, &address) != 0 && errno != ENOENT)
      return errno_error("cannot remove the memory of replica " + to_string(to_endpoint(address)));
  unpin(name_of(address, all_.at(address).uid));
  all_.erase(address);
  return {};
}

Result<GroupMap*> GroupMaps::find_or_make(const paxos_address& address, uid_t uid,
                                          const std::function<bool(const paxos_address&)>& is_used) {
  if (const auto found = all_.find(address); found != all_.end() && found->second.uid != uid)
    if (Result<void> removed = remove(address); !removed) return removed.error();
  if (!all_.contains(address) && all_.size() >= PAXOS_ADDRESSES_MAX) {
    std::optional<paxos_address> oldest;
    for (const auto& [each, map] : all_)
      if (!is_used(each) && (!oldest || map.last_used < all_.at(*oldest).last_used)) oldest = each;
    if (!oldest)
      return Error{ENOSPC, "all " + std::to_string(PAXOS_ADDRESSES_MAX) +
                               " places for replicas of this host are taken: end one first"};
    if (Result<void> removed = remove(*oldest); !removed) return removed.error();
  }
  if (!all_.contains(address))
    if (Result<void> made = make(address, uid); !made) return made.error();
  GroupMap& map = all_.at(address);
  map.last_used = ++uses_;
  return &map;
}

void GroupMaps::freeze(const paxos_address& address) {
  if (const auto found = all_.find(address); found != all_.end()) found->second.freeze();
}

void GroupMaps::freeze_all() {
  for (auto& [address, map] : all_) map.freeze();
}

}  // namespace bmc::paxos::host

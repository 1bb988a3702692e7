// SPDX-License-Identifier: Apache-2.0
// The table of faults; see nemesis.h. Those of the network are in network_faults.cc.
#include "netns-tests/paxos/nemesis/nemesis.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "netns-tests/paxos/nemesis/kernel_faults.h"
#include "netns-tests/paxos/nemesis/network_faults.h"

namespace bmc::nemesis {
namespace {

using cluster::KvCluster;

std::size_t any_replica(Scene& scene) { return scene.random.below(scene.cluster.size()); }

std::size_t leader_or_any(Scene& scene) {
  const auto leader = scene.cluster.leader();
  return leader ? *leader : any_replica(scene);
}

std::size_t minority(const Scene& scene) { return (scene.cluster.size() - 1) / 2; }

// Replicas in random order, as many as may fail at the same time.
std::vector<std::size_t> some_minority(Scene& scene) {
  std::vector<std::size_t> all(scene.cluster.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[scene.random.below(i)]);
  all.resize(1 + scene.random.below(minority(scene)));
  return all;
}

// With memory durability a replica that comes back is not one of the majority until it has recovered: the
// next one must not be killed before.
bool wait_for_recovery(const Scene& scene) {
  if (scene.cluster.options().durability == "wal") return true;
  return scene.cluster.wait_following(scene.until);
}

void kill_and_restart(Scene& scene, const std::vector<std::size_t>& victims) {
  for (const std::size_t victim : victims) scene.cluster.replica(victim).kill();
  scene.deeds["kills"] += victims.size();
  scene.last(scene.random.between(50, 1500));
  for (const std::size_t victim : victims) scene.cluster.replica(victim).start_again();
}

void kill_some(Scene& scene) {
  while (!scene.until.passed() && wait_for_recovery(scene)) {
    kill_and_restart(scene, some_minority(scene));
    scene.last(scene.random.between(0, 1500));
  }
}

void kill_leader(Scene& scene) {
  while (!scene.until.passed() && wait_for_recovery(scene)) {
    kill_and_restart(scene, {leader_or_any(scene)});
    scene.last(scene.random.between(100, 1500));
  }
}

// As a loss of power would, but for what the kernel had not written yet: the simulator does that.
void kill_all(Scene& scene) {
  while (!scene.until.passed()) {
    std::vector<std::size_t> all(scene.cluster.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    ++scene.deeds["kills of all"];
    kill_and_restart(scene, all);
    scene.last(scene.random.between(1500, 3000));
  }
}

void stop_some(Scene& scene) {
  while (!scene.until.passed()) {
    std::vector<std::size_t> victims = some_minority(scene);
    if (scene.random.chance(0.5)) victims[0] = leader_or_any(scene);
    for (const std::size_t victim : victims) scene.cluster.replica(victim).pause();
    scene.deeds["stops"] += victims.size();
    scene.last(scene.random.between(50, 2000));
    for (const std::size_t victim : victims) scene.cluster.replica(victim).resume();
    scene.last(scene.random.between(100, 800));
  }
}

void change_clocks(Scene& scene) {
  constexpr std::int64_t kDay = 86'400 * lab::kSecond;
  while (!scene.until.passed()) {
    const bool far = scene.random.chance(0.3);
    const std::int64_t reach = far ? 1000 * kDay : 5 * lab::kSecond;
    scene.cluster.replica(any_replica(scene)).faults().realtime_offset_ns =
        scene.random.between(-reach, reach);
    ++scene.deeds["clock changes"];
    scene.last(scene.random.between(20, 400));
  }
}

// The replica has to end itself, since it can promise nothing any more.
void spoil_disk(Scene& scene, std::size_t victim, const std::string& deed, const std::function<void()>& spoil,
                const std::function<void()>& repair) {
  scene.cluster.replica(victim).let_it_end();
  spoil();
  const bool ended = scene.cluster.replica(victim).wait_end(scene.until);
  scene.last(scene.random.between(0, 800));
  repair();
  if (ended) ++scene.deeds[deed];
  scene.cluster.replica(victim).start_again();
  scene.last(scene.random.between(300, 1500));
}

void fill_disks(Scene& scene) {
  while (!scene.until.passed() && wait_for_recovery(scene)) {
    const std::size_t victim = scene.random.chance(0.5) ? leader_or_any(scene) : any_replica(scene);
    auto& disk = scene.cluster.replica(victim).disk();
    const std::uint64_t left = scene.random.below(16) * 1024;
    spoil_disk(
        scene, victim, "ends by a full disk", [&] { disk.fill(left); }, [&] { disk.drain(); });
  }
}

void fail_syncs(Scene& scene) {
  while (!scene.until.passed() && wait_for_recovery(scene)) {
    const std::size_t victim = scene.random.chance(0.5) ? leader_or_any(scene) : any_replica(scene);
    auto& faults = scene.cluster.replica(victim).faults();
    spoil_disk(
        scene, victim, "ends by a failed sync", [&] { faults.sync_fails = 1; },
        [&] { faults.sync_fails = 0; });
  }
}

void slow_syncs(Scene& scene) {
  while (!scene.until.passed()) {
    for (const std::size_t victim : some_minority(scene))
      scene.cluster.replica(victim).faults().sync_delay_us =
          static_cast<std::uint32_t>(scene.random.between(1'000, 300'000));
    ++scene.deeds["slow disks"];
    scene.last(scene.random.between(300, 2000));
    for (std::size_t i = 0; i < scene.cluster.size(); ++i)
      scene.cluster.replica(i).faults().sync_delay_us = 0;
  }
}

constexpr Nemesis kNemeses[] = {
    {"kill", "kill -9 of up to a minority, started again", false, kill_some},
    {"kill-leader", "kill -9 of the leader", false, kill_leader},
    {"kill-all", "kill -9 of all at once", true, kill_all},
    {"stop", "SIGSTOP of up to a minority, the leader often among them", false, stop_some},
    {"partition", "two halves that do not hear each other, new ones again and again", false, partition},
    {"one-way", "some replicas are heard but hear nothing, or the other way round", false, one_way},
    {"bridge", "two halves with one replica that hears both", false, bridge},
    {"isolate-leader", "the leader is cut off from the replicas, not from the clients", false,
     isolate_leader},
    {"loss", "packets are lost, repeated, delayed and reordered", false, lose_packets},
    {"clock", "the wall clocks jump, up to years", false, change_clocks},
    {"full-disk", "no space on a replica's disk", true, fill_disks},
    {"failing-sync", "fdatasync() fails", true, fail_syncs},
    {"slow-sync", "fdatasync() takes up to 300 ms on a minority", true, slow_syncs},
    {"kill-unread", "kill -9 of who stood still while its kernel accepted for it", false, kill_before_taking},
    {"neighbours", "a replica's neighbour entries are flushed and made anew", false, forget_neighbours},
    {"interface", "MAC addresses and MTUs change", false, change_interfaces},
    {"kill-bmcd", "kill -9 of a bmcd, started again", false, kill_bmcd, true},
    {"detach", "XDP and TC programs are detached, and attached again", false, detach_programs, true},
    {"switch", "offloads are switched on and off", false, switch_offloads, true},
};

}  // namespace

std::span<const Nemesis> all_nemeses() { return kNemeses; }

std::vector<const Nemesis*> parse_nemeses(const std::string& list, const std::string& durability,
                                          bool with_bmcd) {
  std::vector<const Nemesis*> chosen;
  const auto take = [&](const Nemesis& nemesis) {
    const bool is_promised = !nemesis.needs_wal || durability == "wal";
    if (is_promised && (with_bmcd || !nemesis.needs_bmcd)) chosen.push_back(&nemesis);
  };
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    const std::string name = list.substr(at, end - at);
    at = end + 1;
    if (name == "all") {
      for (const Nemesis& nemesis : kNemeses) take(nemesis);
      continue;
    }
    const auto found = std::find_if(std::begin(kNemeses), std::end(kNemeses),
                                    [&](const Nemesis& nemesis) { return name == nemesis.name; });
    if (found == std::end(kNemeses)) throw std::invalid_argument("there is no nemesis '" + name + "'");
    take(*found);
  }
  if (chosen.empty())
    throw std::invalid_argument("'" + list + "' is only for --durability wal, or for --offloads on or mixed");
  return chosen;
}

void heal(KvCluster& cluster) {
  heal_network(cluster);
  heal_kernels(cluster);
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    auto& replica = cluster.replica(i);
    replica.faults().sync_fails = 0;
    replica.faults().sync_delay_us = 0;
    replica.faults().realtime_offset_ns = 0;
    replica.disk().drain();
    replica.resume();
    replica.start_again();
  }
}

}  // namespace bmc::nemesis

// SPDX-License-Identifier: Apache-2.0
// See network_faults.h.
#include "netns-tests/paxos/nemesis/network_faults.h"

#include <algorithm>

namespace bmc::nemesis {
namespace {

// `heard(from, to)`: whether replica `to` hears replica `from`.
template <class Heard>
void connect(Scene& scene, Heard heard) {
  for (std::size_t from = 0; from < scene.cluster.size(); ++from)
    for (std::size_t to = 0; to < scene.cluster.size(); ++to)
      scene.cluster.mesh().fault_switch().set_blocked(from, to, !heard(from, to));
}

// For each replica whether it is of the first group; neither group is empty.
std::vector<bool> two_groups(Scene& scene) {
  std::vector<bool> first(scene.cluster.size());
  for (std::size_t i = 0; i < first.size(); ++i) first[i] = scene.random.chance(0.5);
  const std::size_t odd_one = scene.random.below(first.size());
  first[odd_one] = true;
  first[(odd_one + 1) % first.size()] = false;
  return first;
}

// Again and again: a cut for a while, then whole for a while, or the next cut at once.
template <class Cut>
void cut_again_and_again(Scene& scene, const char* deed, Cut cut) {
  while (!scene.until.passed()) {
    cut();
    ++scene.deeds[deed];
    scene.last(scene.random.between(200, 2500));
    if (scene.random.chance(0.5)) continue;
    connect(scene, [](std::size_t, std::size_t) { return true; });
    scene.last(scene.random.between(100, 1500));
  }
}

}  // namespace

void partition(Scene& scene) {
  cut_again_and_again(scene, "partitions", [&] {
    const auto first = two_groups(scene);
    connect(scene, [&](std::size_t from, std::size_t to) { return first[from] == first[to]; });
  });
}

void one_way(Scene& scene) {
  cut_again_and_again(scene, "one-way cuts", [&] {
    const auto first = two_groups(scene);
    connect(scene, [&](std::size_t from, std::size_t to) { return !first[from] || first[to]; });
  });
}

void bridge(Scene& scene) {
  cut_again_and_again(scene, "bridges", [&] {
    const auto first = two_groups(scene);
    const std::size_t between = scene.random.below(first.size());
    connect(scene, [&](std::size_t from, std::size_t to) {
      return first[from] == first[to] || from == between || to == between;
    });
  });
}

void isolate_leader(Scene& scene) {
  cut_again_and_again(scene, "leaders isolated", [&] {
    const auto leader = scene.cluster.leader();
    const std::size_t alone = leader ? *leader : scene.random.below(scene.cluster.size());
    connect(scene, [&](std::size_t from, std::size_t to) { return from != alone && to != alone; });
  });
}

void lose_packets(Scene& scene) {
  while (!scene.until.passed()) {
    lab::PathFaults faults;
    faults.drop = 0.01 * static_cast<double>(scene.random.below(11));
    faults.duplicate = 0.05;
    faults.reorder = 0.05;
    faults.delay = 0.05;
    faults.corrupt = 0.005;
    faults.delay_ms_max = scene.random.between(1, 100);
    faults.duplicate_udp = true;
    for (std::size_t port = 0; port < scene.cluster.size(); ++port)
      scene.cluster.mesh().fault_switch().set_faults(port, faults);
    ++scene.deeds["bad weathers"];
    scene.last(scene.random.between(500, 2000));
  }
}

void heal_network(cluster::KvCluster& cluster) {
  auto& fault_switch = cluster.mesh().fault_switch();
  fault_switch.set_faults(lab::PathFaults{});
  for (std::size_t from = 0; from < cluster.size(); ++from)
    for (std::size_t to = 0; to < cluster.size(); ++to) fault_switch.set_blocked(from, to, false);
}

}  // namespace bmc::nemesis

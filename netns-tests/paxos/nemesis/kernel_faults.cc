// SPDX-License-Identifier: Apache-2.0
// See kernel_faults.h.
#include "netns-tests/paxos/nemesis/kernel_faults.h"

namespace bmc::nemesis {
namespace {

constexpr unsigned kMtu = 1500;
constexpr const char* kOffloads[] = {"ack", "quorum", "broadcast"};

std::size_t any_replica(Scene& scene) { return scene.random.below(scene.cluster.size()); }

// One that has a bmcd.
lab::Bmcd& any_bmcd(Scene& scene) {
  for (;;)
    if (lab::Bmcd* bmcd = scene.cluster.bmcd(any_replica(scene))) return *bmcd;
}

void ensure_running(lab::Bmcd& bmcd) {
  if (!bmcd.process().running()) bmcd.start_again();
}

}  // namespace

// The process stands still and its programs go on for as long as the lease lasts: what they accept is
// acknowledged (memory) and in nobody's log when the process ends.
void kill_before_taking(Scene& scene) {
  const bool in_memory = scene.cluster.options().durability == "memory";
  while (!scene.until.passed()) {
    if (in_memory && !scene.cluster.wait_following(scene.until)) return;
    const std::size_t victim = any_replica(scene);
    scene.cluster.replica(victim).pause();
    scene.last(scene.random.between(0, 200));
    scene.cluster.replica(victim).kill();
    ++scene.deeds["kills before taking"];
    scene.last(scene.random.between(0, 100));
    scene.cluster.replica(victim).start_again();
    scene.last(scene.random.between(0, 200));
  }
}

void kill_bmcd(Scene& scene) {
  while (!scene.until.passed()) {
    lab::Bmcd& bmcd = any_bmcd(scene);
    bmcd.kill_hard();
    ++scene.deeds["bmcds killed"];
    scene.last(scene.random.between(0, 1500));
    bmcd.start_again();
    scene.last(scene.random.between(0, 1500));
  }
}

// XDP and TC are taken off in flight, and put on again.
void detach_programs(Scene& scene) {
  while (!scene.until.passed()) {
    lab::Bmcd& bmcd = any_bmcd(scene);
    bmcd.ctl({"detach"});
    bmcd.process().wait_exit(lab::Deadline::in_ms(5000));
    ++scene.deeds["programs detached"];
    scene.last(scene.random.between(0, 1000));
    ensure_running(bmcd);
    scene.last(scene.random.between(500, 1500));
  }
}

void switch_offloads(Scene& scene) {
  while (!scene.until.passed()) {
    const bool on = scene.random.chance(0.5);
    const auto done = any_bmcd(scene).ctl({"paxos", kOffloads[scene.random.below(3)], on ? "on" : "off"});
    if (done.exit_code == 0) ++scene.deeds["offloads switched"];
    scene.last(scene.random.between(0, 150));
  }
}

void forget_neighbours(Scene& scene) {
  while (!scene.until.passed()) {
    const std::size_t victim = any_replica(scene);
    scene.cluster.mesh().forget_neighbours(victim);
    ++scene.deeds["neighbours forgotten"];
    if (scene.random.chance(0.5)) scene.last(scene.random.between(0, 300));
    scene.cluster.mesh().introduce(victim);
    scene.last(scene.random.between(0, 300));
  }
}

void change_interfaces(Scene& scene) {
  unsigned number = 0;
  while (!scene.until.passed()) {
    const std::size_t victim = any_replica(scene);
    if (scene.random.chance(0.5)) {
      scene.cluster.mesh().change_mac(victim, ++number);
      ++scene.deeds["MAC addresses changed"];
    } else {
      scene.cluster.mesh().set_mtu(victim, static_cast<unsigned>(scene.random.between(600, kMtu)));
      ++scene.deeds["MTUs changed"];
    }
    scene.last(scene.random.between(50, 800));
    scene.cluster.mesh().set_mtu(victim, kMtu);
  }
}

void heal_kernels(cluster::KvCluster& cluster) {
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    cluster.mesh().set_mtu(i, kMtu);
    cluster.mesh().introduce(i);
    lab::Bmcd* const bmcd = cluster.bmcd(i);
    if (bmcd == nullptr) continue;
    ensure_running(*bmcd);
    for (const char* each : kOffloads) bmcd->ctl({"paxos", each, "on"});
  }
}

}  // namespace bmc::nemesis

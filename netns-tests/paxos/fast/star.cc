// SPDX-License-Identifier: Apache-2.0
// Building it with ip(8) and ethtool(8); see star.h.
#include "netns-tests/paxos/fast/star.h"

#include <bpf/bpf.h>
#include <net/if.h>
#include <sys/socket.h>

#include <numeric>

#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"
#include "paxos_fast.skel.h"

namespace bmc::fast {
namespace {

using lab::checked;
using lab::run_checked;
using paxos::ReplicaIndex;
using paxos::test::kLeader;

constexpr std::uint16_t kPort = 7000;

// Of the interface between the leader and a backup, at the end of `owner`.
std::string mac(ReplicaIndex backup, ReplicaIndex owner) {
  return "02:bc:00:97:0" + std::to_string(backup) + ":0" + std::to_string(owner);
}

void put(const bpf_map* map, const void* key, const void* value) {
  checked(bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY),
          std::string("write map ") + bpf_map__name(map));
}

// One end: its address, and the way to the other.
void address_end(const lab::Netns& netns, const std::string& device, ReplicaIndex own, ReplicaIndex other,
                 ReplicaIndex backup) {
  const auto ip = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"ip", "-n", netns.name()});
    run_checked(arguments);
  };
  // Whole checksums, as from a real interface.
  run_checked({"ethtool", "-K", device, "tx", "off"}, &netns);
  ip({"link", "set", device, "address", mac(backup, own), "addrgenmode", "none"});
  ip({"addr", "replace", address_of(own) + "/32", "dev", device});
  ip({"link", "set", device, "up"});
  ip({"route", "add", address_of(other) + "/32", "dev", device});
  ip({"neigh", "replace", address_of(other), "lladdr", mac(backup, other), "dev", device, "nud",
      "permanent"});
}

}  // namespace

std::string address_of(ReplicaIndex replica) { return "192.0.2." + std::to_string(1 + replica); }

Host::Host(ReplicaIndex self)
    : self_(self), netns_("replica" + std::to_string(self)), program_(paxos_fast__open_and_load()) {
  if (program_ == nullptr) lab::fail_errno("cannot load paxos_fast");
  const std::uint32_t zero = 0;
  const paxos_control control{PAXOS_FAST_ABI_VERSION, PAXOS_OFFLOAD_ACK | PAXOS_OFFLOAD_QUORUM};
  const paxos_address address = paxos::test::address_of(self);
  const int group = group_.fd(), ring = group_.ring_fd();
  put(program_->maps.paxos_control, &zero, &control);
  put(program_->maps.paxos_groups, &address, &group);
  put(program_->maps.paxos_doorbells, &address, &ring);
  group_.clear();
}

Host::~Host() {
  for (bpf_link* link : links_) bpf_link__destroy(link);
  paxos_fast__destroy(program_);
}

void Host::start(const std::vector<std::string>& devices) {
  const lab::ScopedNetns inside(netns_);
  for (const std::string& device : devices) {
    bpf_link* link = bpf_program__attach_xdp(program_->progs.paxos_fast,
                                             static_cast<int>(::if_nametoindex(device.c_str())));
    if (link == nullptr) lab::fail_errno("cannot attach paxos_fast to " + device);
    links_.push_back(link);
  }
  socket_ = lab::Fd(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  socklen_t length = 0;
  const sockaddr_storage local = lab::to_sockaddr({address_of(self_), kPort}, length);
  checked(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&local), length), "bind");
}

std::uint64_t Host::counter(paxos_fast_counter counter) const {
  const std::uint32_t index = counter;
  std::vector<std::uint64_t> cpus(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  checked(bpf_map_lookup_elem(bpf_map__fd(program_->maps.paxos_counters), &index, cpus.data()),
          "read counters");
  return std::accumulate(cpus.begin(), cpus.end(), std::uint64_t{0});
}

void Host::send(const std::string& payload, ReplicaIndex to) {
  socklen_t length = 0;
  const sockaddr_storage address = lab::to_sockaddr({address_of(to), kPort}, length);
  checked(::sendto(socket_.get(), payload.data(), payload.size(), 0,
                   reinterpret_cast<const sockaddr*>(&address), length),
          "sendto");
}

std::optional<std::string> Host::receive(lab::Deadline deadline) {
  if (!lab::wait_fd(socket_.get(), POLLIN, deadline)) return std::nullopt;
  std::string payload(4096, '\0');
  payload.resize(static_cast<std::size_t>(
      checked(::recv(socket_.get(), payload.data(), payload.size(), MSG_DONTWAIT), "recv")));
  return payload;
}

Star::Star() {
  for (ReplicaIndex i = 0; i < paxos::test::kReplicas; ++i) hosts_.push_back(std::make_unique<Host>(i));
  std::vector<std::string> devices;
  for (ReplicaIndex i = 0; i < paxos::test::kReplicas; ++i) {
    if (i == kLeader) continue;
    devices.push_back("eth" + std::to_string(devices.size()));
    connect(i, devices.back());
    host(i).start({"eth0"});
  }
  leader().start(devices);
}

void Star::connect(ReplicaIndex backup, const std::string& leader_device) {
  run_checked({"ip", "link", "add", "eth0", "netns", host(backup).netns().name(), "type", "veth", "peer",
               "name", leader_device, "netns", leader().netns().name()});
  address_end(host(backup).netns(), "eth0", backup, kLeader, backup);
  address_end(leader().netns(), leader_device, kLeader, backup, backup);
}

}  // namespace bmc::fast

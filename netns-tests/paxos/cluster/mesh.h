// SPDX-License-Identifier: Apache-2.0
// Namespaces for the replicas of a cluster and one for their clients, all on one Ethernet: a user-space
// switch that mistreats packets, or the kernel's where speed counts. Used by the nemesis, the benchmark and
// the demo.
//
//   replica 0 … n-1 (10.98.0.1 …) ──┐
//                                   ├── switch: port i is replica i, port n the clients
//   clients (10.98.0.100) ──────────┘
//
// Neighbours are static: after a partition nobody waits for ARP.
#ifndef BMC_NETNS_TESTS_PAXOS_CLUSTER_MESH_H
#define BMC_NETNS_TESTS_PAXOS_CLUSTER_MESH_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/fault_switch.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/xdp_pass.h"
#include "netns-tests/lib/xdp_switch.h"

namespace bmc::cluster {

class Mesh {
 public:
  // `fault_seed`: of the user-space switch; none: the kernel's. `kernel_answers`: what XDP programs of
  // replicas send arrives, for which a veth device wants a program at its other end. That of the kernel's
  // switch forwards the frames as well, so that the network takes less of the processors that the replicas
  // run on; without it a bridge does.
  Mesh(std::size_t replicas, std::optional<std::uint64_t> fault_seed, bool kernel_answers = false);

  std::size_t replicas() const { return replicas_.size(); }
  const lab::Netns& replica(std::size_t index) const { return *replicas_.at(index); }
  const lab::Netns& clients() const { return clients_; }
  lab::Endpoint address(std::size_t replica, std::uint16_t port) const;

  // Its port i is replica i. Only of a mesh with a seed.
  lab::FaultSwitch& fault_switch() { return *switch_; }
  std::size_t clients_port() const { return replicas(); }

  // The replica's device has another hardware address from now on, which all others know.
  void change_mac(std::size_t replica, unsigned number) const;
  void set_mtu(std::size_t replica, unsigned bytes) const;
  // Everybody whom the replica knows is forgotten, and made known again.
  void forget_neighbours(std::size_t replica) const;
  void introduce(std::size_t replica) const;

 private:
  void plug_in(const lab::Netns& netns, std::size_t port);
  void forward_in_xdp();
  const lab::Netns& member(std::size_t port) const { return port < replicas() ? replica(port) : clients_; }

  mutable std::vector<unsigned> mac_numbers_;  // by port
  std::vector<std::unique_ptr<lab::Netns>> replicas_;
  lab::Netns clients_{"clients"};
  lab::Netns middle_{"switch"};
  std::unique_ptr<lab::FaultSwitch> switch_;
  std::vector<std::unique_ptr<lab::XdpPass>> passes_;
  std::unique_ptr<lab::XdpSwitch> xdp_switch_;
};

}  // namespace bmc::cluster

#endif

// SPDX-License-Identifier: Apache-2.0
// Building it with ip(8) and ethtool(8); see mesh.h.
#include "netns-tests/paxos/cluster/mesh.h"

#include <cstdio>
#include <filesystem>

#include "netns-tests/lib/process.h"

namespace bmc::cluster {
namespace {

using lab::run_checked;

constexpr const char* kBridge = "bridge";
constexpr const char* kDevice = "eth0";  // in each member's namespace
constexpr std::size_t kClientsHost = 100;

std::string port_device(std::size_t port) { return "port" + std::to_string(port); }

// `number`: of the addresses that the port had before.
lab::MacAddress mac_address(std::size_t port, unsigned number) {
  return {0x02, 0xbc, 0x00, 0x98, static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(port)};
}

std::string mac(std::size_t port, unsigned number) {
  const lab::MacAddress of = mac_address(port, number);
  char text[18];
  std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", of[0], of[1], of[2], of[3], of[4],
                of[5]);
  return text;
}

// A switch does not ask netfilter, where the kernel has that for bridges.
void forward_unfiltered(const lab::Netns& netns) {
  constexpr const char* kFilter = "net/bridge/bridge-nf-call-iptables";
  const lab::ScopedNetns inside(netns);
  if (std::filesystem::exists(std::string("/proc/sys/") + kFilter)) netns.sysctl(kFilter, "0");
}

}  // namespace

Mesh::Mesh(std::size_t replicas, std::optional<std::uint64_t> fault_seed, bool kernel_answers)
    : mac_numbers_(replicas + 1) {
  for (std::size_t i = 0; i < replicas; ++i)
    replicas_.push_back(std::make_unique<lab::Netns>("replica" + std::to_string(i)));
  for (std::size_t i = 0; i < replicas; ++i) plug_in(*replicas_[i], i);
  plug_in(clients_, clients_port());
  for (std::size_t port = 0; port <= clients_port(); ++port) introduce(port);

  std::vector<std::string> ports;
  for (std::size_t port = 0; port <= clients_port(); ++port) ports.push_back(port_device(port));
  if (fault_seed) {
    for (std::size_t i = 0; kernel_answers && i < replicas; ++i) {
      const lab::ScopedNetns inside(middle_);
      passes_.push_back(std::make_unique<lab::XdpPass>(ports[i]));
    }
    switch_ = std::make_unique<lab::FaultSwitch>(middle_, ports, *fault_seed);
    return;
  }
  if (kernel_answers) forward_in_xdp();
  run_checked({"ip", "-n", middle_.name(), "link", "add", kBridge, "type", "bridge"});
  run_checked({"ip", "-n", middle_.name(), "link", "set", kBridge, "up"});
  forward_unfiltered(middle_);
  for (const std::string& port : ports)
    run_checked({"ip", "-n", middle_.name(), "link", "set", port, "master", kBridge});
}

lab::Endpoint Mesh::address(std::size_t replica, std::uint16_t port) const {
  const std::size_t host = replica == clients_port() ? kClientsHost : replica + 1;
  return {"10.98.0." + std::to_string(host), port};
}

void Mesh::plug_in(const lab::Netns& netns, std::size_t port) {
  const std::string far = port_device(port);
  run_checked({"ip", "link", "add", kDevice, "netns", netns.name(), "type", "veth", "peer", "name", far,
               "netns", middle_.name()});
  // Segments as they will be on the wire, with complete checksums; nothing merged on the way into the switch.
  run_checked({"ethtool", "-K", kDevice, "tx", "off", "gro", "off"}, &netns);
  run_checked({"ethtool", "-K", far, "tx", "off", "gro", "off"}, &middle_);
  run_checked({"ip", "-n", middle_.name(), "link", "set", far, "up", "addrgenmode", "none"});
  run_checked(
      {"ip", "-n", netns.name(), "link", "set", kDevice, "address", mac(port, 0), "addrgenmode", "none"});
  run_checked({"ip", "-n", netns.name(), "addr", "add", address(port, 0).ip + "/24", "dev", kDevice});
  run_checked({"ip", "-n", netns.name(), "link", "set", kDevice, "up"});
}

void Mesh::forward_in_xdp() {
  xdp_switch_ = std::make_unique<lab::XdpSwitch>();
  for (std::size_t port = 0; port <= clients_port(); ++port) {
    run_checked({"ethtool", "-K", kDevice, "gro", "on"}, &member(port));
    const lab::ScopedNetns inside(middle_);
    xdp_switch_->add(port_device(port));
    xdp_switch_->send_to(mac_address(port, 0), port_device(port));
  }
}

void Mesh::introduce(std::size_t own_port) const {
  for (std::size_t port = 0; port <= clients_port(); ++port)
    if (port != own_port)
      run_checked({"ip", "-n", member(own_port).name(), "neigh", "replace", address(port, 0).ip, "lladdr",
                   mac(port, mac_numbers_[port]), "dev", kDevice, "nud", "permanent"});
}

void Mesh::change_mac(std::size_t replica, unsigned number) const {
  mac_numbers_[replica] = number;
  run_checked({"ip", "-n", member(replica).name(), "link", "set", kDevice, "address", mac(replica, number)});
  for (std::size_t port = 0; port <= clients_port(); ++port) introduce(port);
  if (xdp_switch_ == nullptr) return;
  const lab::ScopedNetns inside(middle_);
  xdp_switch_->send_to(mac_address(replica, number), port_device(replica));
}

void Mesh::set_mtu(std::size_t replica, unsigned bytes) const {
  run_checked({"ip", "-n", member(replica).name(), "link", "set", kDevice, "mtu", std::to_string(bytes)});
}

void Mesh::forget_neighbours(std::size_t replica) const {
  run_checked({"ip", "-n", member(replica).name(), "neigh", "flush", "dev", kDevice, "nud", "permanent"});
}

}  // namespace bmc::cluster

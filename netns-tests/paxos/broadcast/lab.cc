// SPDX-License-Identifier: Apache-2.0
// Building it with ip(8) and ethtool(8); see lab.h.
#include "netns-tests/paxos/broadcast/lab.h"

#include <cstdio>
#include <sstream>

#include "netns-tests/lib/process.h"

namespace bmc::broadcast {
namespace {

using lab::run_checked;

constexpr const char* kDevice = "eth0";  // in each member's namespace
constexpr const char* kDirect = "direct";
constexpr std::size_t kFirstHost = 10;

std::string mac_of(std::size_t host) {
  char text[18];
  std::snprintf(text, sizeof(text), "02:bc:00:97:00:%02x", static_cast<unsigned>(host & 0xff));
  return text;
}

// "10.97.0.5" and "fd97::5"; on the direct link the net is 96.
std::string ip_of(std::size_t host, bool v6, bool direct = false) {
  const std::string net = direct ? "96" : "97";
  return (v6 ? "fd" + net + "::" : "10." + net + ".0.") + std::to_string(host);
}

void in(const lab::Netns& netns, const std::string& arguments) {
  std::vector<std::string> command{"ip", "-n", netns.name()};
  std::istringstream words(arguments);
  for (std::string word; words >> word;) command.push_back(word);
  run_checked(command);
}

void address(const lab::Netns& netns, const std::string& device, std::size_t host, bool direct) {
  in(netns, "link set " + device + " address " + mac_of(host + (direct ? 100 : 0)) + " addrgenmode none");
  in(netns, "addr add " + ip_of(host, false, direct) + "/24 dev " + device);
  in(netns, "addr add " + ip_of(host, true, direct) + "/64 dev " + device + " nodad");
  // Neighbour discovery asks from it when the packet's own source is another interface's.
  in(netns, "addr add fe80::" + std::to_string(host) + "/64 dev " + device + " nodad");
  in(netns, "link set " + device + " up");
}

}  // namespace

Lab::Lab(LabOptions options) : options_(options) {
  in(bridge_, "link add bridge type bridge mcast_snooping 0");
  in(bridge_, "link set bridge up addrgenmode none");
  plug_in(sender_, "sender", options.sender_offload);
  broadcast::address(sender_, kDevice, 1, false);
  for (std::size_t i = 0; i < options.receivers; ++i) {
    receivers_.push_back(std::make_unique<lab::Netns>("receiver" + std::to_string(i)));
    if (options.last_is_direct && i + 1 == options.receivers) {
      plug_in_direct(i);
      continue;
    }
    plug_in(*receivers_[i], "port" + std::to_string(i), true);
    broadcast::address(*receivers_[i], kDevice, kFirstHost + i, false);
  }
}

// The bridge's ends complete checksums, as a wire would need them: the receivers' stacks verify every one.
void Lab::plug_in(const lab::Netns& netns, const std::string& port, bool offload) {
  run_checked({"ip", "link", "add", kDevice, "netns", netns.name(), "type", "veth", "peer", "name", port,
               "netns", bridge_.name()});
  run_checked({"ethtool", "-K", port, "tx", "off", "gro", "off"}, &bridge_);
  if (!offload) run_checked({"ethtool", "-K", kDevice, "tx", "off"}, &netns);
  in(bridge_, "link set " + port + " master bridge up addrgenmode none");
}

void Lab::plug_in_direct(std::size_t index) {
  const lab::Netns& receiver = *receivers_[index];
  run_checked({"ip", "link", "add", kDirect, "netns", sender_.name(), "type", "veth", "peer", "name", kDevice,
               "netns", receiver.name()});
  run_checked({"ethtool", "-K", kDirect, "tx", "off"}, &sender_);
  broadcast::address(sender_, kDirect, 1, true);
  broadcast::address(receiver, kDevice, kFirstHost + index, true);
  // Its answers, and the sender's address, which is the bridge's net's.
  in(receiver, "route add 10.97.0.0/24 via 10.96.0.1");
  in(receiver, "-6 route add fd97::/64 via fd96::1");
}

lab::Endpoint Lab::sender_address(bool v6, std::uint16_t port) const { return {ip_of(1, v6), port}; }

lab::Endpoint Lab::address(std::size_t receiver, bool v6, std::uint16_t port) const {
  const bool direct = options_.last_is_direct && receiver + 1 == receivers();
  return {ip_of(kFirstHost + receiver, v6, direct), port};
}

std::string Lab::mac(std::size_t receiver) const { return mac_of(kFirstHost + receiver); }

void Lab::ip(const std::string& arguments) const { in(sender_, arguments); }

}  // namespace bmc::broadcast

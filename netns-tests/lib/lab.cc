// SPDX-License-Identifier: Apache-2.0
// Building the topologies with ip(8) and ethtool(8); see lab.h.
#include "netns-tests/lib/lab.h"

#include <cstdio>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"

namespace bmc::lab {
namespace {

std::string mac(unsigned link, unsigned end) {
  char text[18];
  std::snprintf(text, sizeof(text), "02:bc:00:00:%02x:%02x", link, end);
  return text;
}

std::string ipv4(unsigned link, unsigned host) {
  return "10.99." + std::to_string(link) + "." + std::to_string(host);
}

std::string ipv6(unsigned link, unsigned host) {
  return "fd99:" + std::to_string(link) + "::" + std::to_string(host);
}

/// One end of a link: addresses, and the other end as a static neighbour.
void address_end(const Netns& netns, const std::string& device, unsigned link, unsigned own, unsigned other) {
  const auto ip = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"ip", "-n", netns.name()});
    run_checked(arguments);
  };
  ip({"link", "set", device, "address", mac(link, own), "addrgenmode", "none"});
  ip({"addr", "add", ipv4(link, own) + "/24", "dev", device});
  ip({"addr", "add", ipv6(link, own) + "/64", "dev", device, "nodad"});
  ip({"link", "set", device, "up"});
  for (const auto& address : {ipv4(link, other), ipv6(link, other)})
    ip({"neigh", "replace", address, "lladdr", mac(link, other), "dev", device, "nud", "permanent"});
}

/// Acknowledge at once: a test that waits for each segment's ACK would wait 40 ms for each.
void acknowledge_quickly(const Netns& netns, const std::string& device, unsigned link, unsigned own) {
  run_checked({"ip", "-n", netns.name(), "route", "change", ipv4(link, 0) + "/24", "dev", device, "src",
               ipv4(link, own), "quickack", "1"});
  run_checked({"ip", "-n", netns.name(), "-6", "route", "add", ipv6(link, 0) + "/64", "dev", device, "metric",
               "10", "quickack", "1"});
}

void offload(const Netns& netns, const std::string& device, bool gro) {
  run_checked({"ethtool", "-K", device, "tx", "off", "gro", gro ? "on" : "off"}, &netns);
}

}  // namespace

Endpoint Link::server(bool v6, uint16_t port) const { return {v6 ? ipv6(number, 1) : ipv4(number, 1), port}; }
Endpoint Link::far(bool v6, uint16_t port) const { return {v6 ? ipv6(number, 2) : ipv4(number, 2), port}; }
std::string Link::server_mac() const { return mac(number, 1); }
std::string Link::far_mac() const { return mac(number, 2); }

Lab::Lab(LinkOptions options) : link_(connect(client_, options)) {}

Link Lab::add_link(LinkOptions options) { return connect(client_, options); }

void Lab::make_pair(const Netns& left, const std::string& left_device, const Netns& right,
                    const std::string& right_device) {
  run_checked({"ip", "link", "add", left_device, "netns", left.name(), "type", "veth", "peer", "name",
               right_device, "netns", right.name()});
}

void Lab::address_link(const Link& link, const Netns& far) {
  address_end(server_, link.server_device, link.number, 1, 2);
  address_end(far, link.far_device, link.number, 2, 1);
}

void Lab::receive_at_once(const Netns& far, const std::string& device) {
  const ScopedNetns inside(far);
  receivers_.emplace_back(device);
}

Link Lab::connect(Netns& far, LinkOptions options) {
  const unsigned number = links_++;
  const std::string device = "eth" + std::to_string(number);
  const Link link{number, device, device};
  make_pair(server_, device, far, device);
  offload(server_, device, options.server_gro);
  offload(far, device, true);
  address_link(link, far);
  if (options.far_xdp) receive_at_once(far, device);
  if (options.quick_ack) {
    acknowledge_quickly(server_, device, number, 1);
    acknowledge_quickly(far, device, number, 2);
  }
  return link;
}

void Lab::add_faulty_path(uint64_t seed) {
  if (switch_) throw LabError("the faulty path exists already");
  writer_ = std::make_unique<Netns>("writer");
  middle_ = std::make_unique<Netns>("switch");
  const unsigned number = links_++;
  const std::string device = "eth" + std::to_string(number);
  faulty_link_ = Link{number, device, device};
  make_pair(server_, device, *middle_, "to-server");
  make_pair(*writer_, device, *middle_, "to-writer");
  offload(server_, device, true);
  offload(*writer_, device, true);
  // The switch must see the segments as they are sent: nothing merged on its way in.
  for (const char* end : {"to-server", "to-writer"}) {
    offload(*middle_, end, false);
    run_checked({"ip", "-n", middle_->name(), "link", "set", end, "up", "addrgenmode", "none"});
  }
  address_link(*faulty_link_, *writer_);
  receive_at_once(*middle_, "to-server");
  switch_ = std::make_unique<FaultSwitch>(*middle_, std::vector<std::string>{"to-writer", "to-server"}, seed);
}

}  // namespace bmc::lab

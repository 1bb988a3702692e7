// SPDX-License-Identifier: Apache-2.0
// Interfaces and addresses through rtnetlink; see interface_watch.h.
#include "control-plane/interface_watch.h"

#include <linux/if_addr.h>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "control-plane/netlink.h"

namespace bmc {
namespace {

using boost::asio::ip::address;

std::optional<address> read_address(unsigned char family, std::span<const std::byte> bytes) {
  if (family == AF_INET && bytes.size() == 4) {
    boost::asio::ip::address_v4::bytes_type raw;
    std::memcpy(raw.data(), bytes.data(), raw.size());
    return boost::asio::ip::address_v4(raw);
  }
  if (family == AF_INET6 && bytes.size() == 16) {
    boost::asio::ip::address_v6::bytes_type raw;
    std::memcpy(raw.data(), bytes.data(), raw.size());
    return boost::asio::ip::address_v6(raw);  // without scope: compared with packets
  }
  return std::nullopt;
}

void read_link(const NetlinkView& view, std::map<int, Interface>& interfaces) {
  const auto* link = view.fixed<ifinfomsg>();
  if (link == nullptr || view.header->nlmsg_type != RTM_NEWLINK) return;
  Interface& interface = interfaces[link->ifi_index];
  interface.index = link->ifi_index;
  interface.up = (link->ifi_flags & IFF_UP) != 0;
  interface.mtu = read_as<std::uint32_t>(view.attribute(IFLA_MTU, sizeof *link)).value_or(0);
  if (const auto name = view.attribute(IFLA_IFNAME, sizeof *link)) {
    const auto* text = reinterpret_cast<const char*>(name->data());
    interface.name.assign(text, ::strnlen(text, name->size()));
  }
}

void read_interface_address(const NetlinkView& view, std::map<int, Interface>& interfaces) {
  const auto* message = view.fixed<ifaddrmsg>();
  if (message == nullptr || view.header->nlmsg_type != RTM_NEWADDR) return;
  const std::uint32_t flags =
      read_as<std::uint32_t>(view.attribute(IFA_FLAGS, sizeof *message)).value_or(message->ifa_flags);
  // A tentative address (duplicate detection under way) or one that failed it takes no traffic.
  if ((flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0 && (flags & IFA_F_OPTIMISTIC) == 0) return;
  // On a point-to-point link IFA_ADDRESS is the peer's and IFA_LOCAL ours; IPv6 has only IFA_ADDRESS.
  auto bytes = view.attribute(IFA_LOCAL, sizeof *message);
  if (!bytes) bytes = view.attribute(IFA_ADDRESS, sizeof *message);
  const auto found = interfaces.find(static_cast<int>(message->ifa_index));
  if (!bytes || found == interfaces.end()) return;
  const auto parsed = read_address(message->ifa_family, *bytes);
  auto& all = found->second.addresses;
  if (parsed && std::find(all.begin(), all.end(), *parsed) == all.end()) all.push_back(*parsed);
}

bool same_link(const Interface& a, const Interface& b) {
  return a.name == b.name && a.up == b.up && a.mtu == b.mtu;
}

bool same_addresses(const Interface& a, const Interface& b) {
  return std::is_permutation(a.addresses.begin(), a.addresses.end(), b.addresses.begin(), b.addresses.end());
}

}  // namespace

InterfaceWatch::InterfaceWatch(boost::asio::io_context& loop) : socket_(loop) {}

Result<void> InterfaceWatch::start() {
  // Subscribed before the first reading, so that no change falls in between.
  auto socket = open_netlink(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  if (!socket) return within("cannot watch interfaces", std::move(socket).error());
  socket_.assign(socket->release());
  socket_.non_blocking(true);
  auto interfaces = read_all();
  if (!interfaces) return within("cannot list interfaces", std::move(interfaces).error());
  interfaces_ = *std::move(interfaces);
  wait();
  return {};
}

void InterfaceWatch::stop() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

const Interface* InterfaceWatch::find(std::string_view name) const {
  for (const auto& [index, interface] : interfaces_)
    if (interface.name == name) return &interface;
  return nullptr;
}

void InterfaceWatch::subscribe(std::function<void(const InterfaceEvent&)> callback) {
  subscribers_.push_back(std::move(callback));
}

Result<InterfaceWatch::Interfaces> InterfaceWatch::read_all() {
  const auto socket = open_netlink(NETLINK_ROUTE, 0);
  if (!socket) return socket.error();
  Interfaces interfaces;
  ifinfomsg any_link = {};
  any_link.ifi_family = AF_UNSPEC;
  NetlinkMessage links(RTM_GETLINK, NLM_F_DUMP, any_link);
  if (auto done = netlink_request(socket->get(), links,
                                  [&](const NetlinkView& view) { read_link(view, interfaces); });
      !done)
    return done.error();
  ifaddrmsg any_address = {};
  any_address.ifa_family = AF_UNSPEC;
  NetlinkMessage addresses(RTM_GETADDR, NLM_F_DUMP, any_address);
  if (auto done = netlink_request(socket->get(), addresses,
                                  [&](const NetlinkView& view) { read_interface_address(view, interfaces); });
      !done)
    return done.error();
  return interfaces;
}

void InterfaceWatch::wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](const boost::system::error_code& failed) {
                       if (!failed) receive();
                     });
}

// A message only tells that something changed: what is then read anew. Changes are rare, and so lost messages
// (ENOBUFS), messages of other kinds and reordered ones need no care of their own. Only a deletion is noted:
// an interface that went to another namespace and came back has its old index.
void InterfaceWatch::receive() {
  alignas(nlmsghdr) std::byte buffer[8192];
  std::set<int> deleted;
  while (true) {
    const ssize_t received = ::recv(socket_.native_handle(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (received < 0 && errno != ENOBUFS && errno != EINTR) break;
    if (received < 0) continue;
    visit_messages({buffer, static_cast<std::size_t>(received)}, [&](const NetlinkView& view) {
      const auto* link = view.fixed<ifinfomsg>();
      // A bridge tells of a port that left it by a deletion of family AF_BRIDGE.
      if (view.header->nlmsg_type == RTM_DELLINK && link != nullptr && link->ifi_family == AF_UNSPEC)
        deleted.insert(link->ifi_index);
    });
  }
  auto now = read_all();
  if (now) {
    replace(*std::move(now), deleted);
  } else {
    spdlog::warn("cannot list interfaces after a change: {}", now.error().what);
  }
  if (socket_.is_open()) wait();
}

void InterfaceWatch::replace(Interfaces now, const std::set<int>& deleted) {
  Interfaces before = std::exchange(interfaces_, std::move(now));
  std::vector<InterfaceEvent> events;
  for (const auto& [index, old] : before)
    if (interfaces_.count(index) == 0 || deleted.count(index) != 0)
      events.push_back({InterfaceEvent::Kind::kRemoved, old});
  for (const int index : deleted) before.erase(index);
  for (const auto& [index, interface] : interfaces_) {
    const auto old = before.find(index);
    if (old == before.end()) {
      events.push_back({InterfaceEvent::Kind::kAdded, interface});
      continue;
    }
    if (!same_link(old->second, interface)) events.push_back({InterfaceEvent::Kind::kChanged, interface});
    if (!same_addresses(old->second, interface))
      events.push_back({InterfaceEvent::Kind::kAddresses, interface});
  }
  for (const InterfaceEvent& event : events)
    for (const auto& callback : subscribers_) callback(event);
}

}  // namespace bmc

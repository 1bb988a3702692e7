// SPDX-License-Identifier: Apache-2.0
#include "loadgen/interface.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "control-plane/fd.h"
#include "loadgen/socket_address.h"

namespace bmc::loadgen {
namespace {

// The address the kernel would send from: that of a socket connected to the server.
Result<IpAddress> source_address(const IpAddress& server, std::uint16_t port) {
  const SocketAddress to = socket_address(server, port);
  Fd socket(::socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress from;
  socklen_t size = sizeof from.storage;
  if (!socket || ::connect(socket.get(), to.get(), to.size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&from.storage), &size) != 0)
    return errno_error("no route to " + server.text());
  return ip_address(from);
}

Result<Mac> interface_mac(const std::string& interface) {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = {};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (!socket || ::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0)
    return errno_error("cannot read the Ethernet address of " + interface);
  Mac mac;
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  return mac;
}

// The answer to RTM_GETNEIGH for one address holds its link-layer address.
Result<Mac> neighbour_mac(int ifindex, const IpAddress& address) {
  struct {
    nlmsghdr header;
    ndmsg message;
    rtattr attribute;
    std::uint8_t bytes[16];
  } ask = {};
  const std::size_t size = address.family == 4 ? 4 : 16;
  ask.header.nlmsg_type = RTM_GETNEIGH;
  ask.header.nlmsg_flags = NLM_F_REQUEST;
  ask.header.nlmsg_len = static_cast<__u32>(NLMSG_LENGTH(sizeof ask.message) + RTA_LENGTH(size));
  ask.message.ndm_family = static_cast<__u8>(address.family == 4 ? AF_INET : AF_INET6);
  ask.message.ndm_ifindex = ifindex;
  ask.attribute.rta_type = NDA_DST;
  ask.attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
  std::memcpy(ask.bytes, address.bytes.data(), size);
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  alignas(nlmsghdr) char answer[4096];
  if (!socket || ::send(socket.get(), &ask, ask.header.nlmsg_len, 0) < 0) return errno_error("rtnetlink");
  const ssize_t got = ::recv(socket.get(), answer, sizeof answer, 0);
  if (got < 0) return errno_error("rtnetlink");
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  if (NLMSG_OK(header, static_cast<unsigned>(got)) && header->nlmsg_type == RTM_NEWNEIGH) {
    const auto* message = static_cast<const ndmsg*>(NLMSG_DATA(header));
    auto left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof *message));
    const auto* each = reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(message) +
                                                       NLMSG_ALIGN(sizeof *message));
    for (; RTA_OK(each, left); each = RTA_NEXT(each, left)) {
      if (each->rta_type != NDA_LLADDR || RTA_PAYLOAD(each) != 6) continue;
      Mac mac;
      std::memcpy(mac.data(), RTA_DATA(each), mac.size());
      return mac;
    }
  }
  return Error{ENOENT, "the Ethernet address of " + address.text() +
                           " is not known: ping it first, or give --peer-mac"};
}

}  // namespace

Result<Link> resolve_link(const std::string& interface, const IpAddress& server, std::uint16_t server_port,
                          const std::optional<Mac>& server_mac) {
  const unsigned ifindex = ::if_nametoindex(interface.c_str());
  if (ifindex == 0) return errno_error("no interface " + interface);
  Link link;
  link.server = server;
  link.server_port = server_port;
  auto client = source_address(server, server_port);
  if (!client) return client.error();
  link.client = *client;
  auto own = interface_mac(interface);
  if (!own) return own.error();
  link.client_mac = *own;
  auto peer = server_mac ? Result<Mac>(*server_mac) : neighbour_mac(static_cast<int>(ifindex), server);
  if (!peer) return peer.error();
  link.server_mac = *peer;
  return link;
}

}  // namespace bmc::loadgen

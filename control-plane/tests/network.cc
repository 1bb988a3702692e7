// SPDX-License-Identifier: Apache-2.0
// A private network for tests; see network.h.
#include "control-plane/tests/network.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "control-plane/netlink.h"
#include "control-plane/pins.h"

namespace bmc::test {
namespace {

[[noreturn]] void die(const std::string& what) {
  std::perror(what.c_str());
  std::abort();
}

void must(const Result<void>& result, const std::string& what) {
  if (result) return;
  std::fprintf(stderr, "%s: %s\n", what.c_str(), result.error().what.c_str());
  std::abort();
}

void request(NetlinkMessage& message, const std::string& what) {
  const auto socket = open_netlink(NETLINK_ROUTE, 0);
  if (!socket) die(what);
  must(netlink_request(socket->get(), message, [](const NetlinkView&) {}), what);
}

// Attributes that are to be the content of another.
class Nested {
 public:
  Nested& add(std::uint16_t type, const void* data, std::size_t size) {
    const std::size_t start = bytes_.size();
    bytes_.resize(start + RTA_SPACE(size));
    const rtattr header{static_cast<unsigned short>(RTA_LENGTH(size)), type};
    std::memcpy(bytes_.data() + start, &header, sizeof header);
    std::memcpy(bytes_.data() + start + RTA_LENGTH(0), data, size);
    return *this;
  }
  template <typename Fixed>
  explicit Nested(const Fixed& fixed) : bytes_(NLMSG_ALIGN(sizeof fixed)) {
    std::memcpy(bytes_.data(), &fixed, sizeof fixed);
  }
  Nested() = default;
  const std::vector<char>& bytes() const { return bytes_; }

 private:
  std::vector<char> bytes_;
};

ifinfomsg link_message(const std::string& name) {
  ifinfomsg link = {};
  link.ifi_index = static_cast<int>(::if_nametoindex(name.c_str()));
  if (link.ifi_index == 0) die("no interface " + name);
  return link;
}

}  // namespace

void enter_own_network() {
  static const bool entered = [] {
    if (::unshare(CLONE_NEWNET) != 0) die("unshare: these tests need root");
    set_up("lo", true);
    return true;
  }();
  (void)entered;
}

VethPair::VethPair(const std::string& left, const std::string& right) : left_(left), right_(right) {
  Nested peer{ifinfomsg{}};
  peer.add(IFLA_IFNAME, right.c_str(), right.size() + 1);
  Nested data;
  data.add(VETH_INFO_PEER, peer.bytes().data(), peer.bytes().size());
  Nested info;
  info.add(IFLA_INFO_KIND, "veth", 5).add(IFLA_INFO_DATA, data.bytes().data(), data.bytes().size());
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, ifinfomsg{});
  message.add(IFLA_IFNAME, left.c_str(), left.size() + 1)
      .add(IFLA_LINKINFO, info.bytes().data(), info.bytes().size());
  request(message, "cannot make a veth pair");
  set_up(left, true);
  set_up(right, true);
}

VethPair::~VethPair() {
  if (::if_nametoindex(left_.c_str()) != 0) delete_interface(left_);
}

Interface VethPair::describe(const std::string& name) {
  Interface interface;
  interface.name = name;
  interface.index = static_cast<int>(::if_nametoindex(name.c_str()));
  interface.up = true;
  interface.mtu = 1500;
  return interface;
}

void delete_interface(const std::string& name) {
  NetlinkMessage message(RTM_DELLINK, NLM_F_ACK, link_message(name));
  request(message, "cannot delete " + name);
}

void set_mtu(const std::string& name, std::uint32_t mtu) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK, link_message(name));
  message.add(IFLA_MTU, &mtu, sizeof mtu);
  request(message, "cannot set the MTU of " + name);
}

void set_up(const std::string& name, bool up) {
  ifinfomsg link = link_message(name);
  link.ifi_flags = up ? IFF_UP : 0;
  link.ifi_change = IFF_UP;
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK, link);
  request(message, "cannot set " + name + " up or down");
}

void add_address(const std::string& name, const std::string& address, unsigned prefix) {
  const bool v4 = address.find(':') == std::string::npos;
  unsigned char bytes[16];
  if (::inet_pton(v4 ? AF_INET : AF_INET6, address.c_str(), bytes) != 1) die(address);
  ifaddrmsg wanted = {};
  wanted.ifa_family = v4 ? AF_INET : AF_INET6;
  wanted.ifa_prefixlen = static_cast<unsigned char>(prefix);
  wanted.ifa_flags = IFA_F_NODAD;
  wanted.ifa_index = ::if_nametoindex(name.c_str());
  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, wanted);
  message.add(IFA_LOCAL, bytes, v4 ? 4 : 16).add(IFA_ADDRESS, bytes, v4 ? 4 : 16);
  request(message, "cannot add " + address);
}

FrameSocket::FrameSocket(const Interface& interface)
    : socket_(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(kTestEtherType))),
      ifindex_(interface.index) {
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(kTestEtherType);
  address.sll_ifindex = ifindex_;
  if (!socket_ || ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    die("cannot open a packet socket");
}

void FrameSocket::send() {
  const char payload[46] = {};
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(kTestEtherType);
  address.sll_ifindex = ifindex_;
  address.sll_halen = ETH_ALEN;
  std::memset(address.sll_addr, 0xff, ETH_ALEN);
  // The transmit path may be full for a moment; then the frame was not sent and is sent again.
  while (::sendto(socket_.get(), payload, sizeof payload, 0, reinterpret_cast<sockaddr*>(&address),
                  sizeof address) < 0)
    if (errno != ENOBUFS && errno != EAGAIN) die("cannot send a frame");
}

int FrameSocket::received_now() {
  int frames = 0;
  char buffer[256];
  sockaddr_ll from = {};
  socklen_t size = sizeof from;
  while (::recvfrom(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from),
                    &size) >= 0) {
    if (from.sll_pkttype != PACKET_OUTGOING) ++frames;
    size = sizeof from;
  }
  return frames;
}

PinDirectory::PinDirectory() {
  if (!check_bpffs("/sys/fs/bpf") && ::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) != 0)
    die("cannot mount bpffs: these tests need root");
  static int count = 0;
  path_ = "/sys/fs/bpf/bmc_test_" + std::to_string(::getpid()) + "_" + std::to_string(count++);
}

PinDirectory::~PinDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace bmc::test

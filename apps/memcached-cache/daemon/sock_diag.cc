// SPDX-License-Identifier: Apache-2.0
// Raw netlink: one dump per port and address family, filtered in the kernel.
#include "apps/memcached-cache/daemon/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>

namespace bmc::cache {
namespace {

// One instruction, "source port is": eight bytes long, and past the end (four more) where it is not. Its
// argument stands in `no` of the word that follows (net/ipv4/inet_diag.c, valid_port_comparison()).
struct PortFilter {
  inet_diag_bc_op equals = {INET_DIAG_BC_S_EQ, 8, 12};
  inet_diag_bc_op port = {INET_DIAG_BC_NOP, 0, 0};
};
static_assert(sizeof(PortFilter) == 8);

struct ListRequest {
  nlmsghdr header = {};
  inet_diag_req_v2 query = {};
  nlattr filter_header = {};
  PortFilter filter;
};
static_assert(sizeof(ListRequest) == sizeof(nlmsghdr) + sizeof(inet_diag_req_v2) + sizeof(nlattr) + 8);

struct DestroyRequest {
  nlmsghdr header = {};
  inet_diag_req_v2 query = {};
};

// A closed socket can execute nothing: TIME_WAIT has no process any more.
constexpr std::uint32_t kTcpStates = 0xffff & ~(1u << TCP_TIME_WAIT);

boost::asio::ip::address address_of(std::uint8_t family, const __be32* words) {
  if (family == AF_INET) {
    boost::asio::ip::address_v4::bytes_type bytes;
    std::memcpy(bytes.data(), words, bytes.size());
    return boost::asio::ip::address_v4(bytes);
  }
  boost::asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), words, bytes.size());
  return boost::asio::ip::address_v6(bytes);
}

void set_address(const boost::asio::ip::address& address, __be32* words) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    std::memcpy(words, bytes.data(), bytes.size());
  } else {
    const auto bytes = address.to_v6().to_bytes();
    std::memcpy(words, bytes.data(), bytes.size());
  }
}

SocketInfo socket_of(const inet_diag_msg& message, Transport transport) {
  SocketInfo socket;
  socket.cookie = message.id.idiag_cookie[0] | static_cast<std::uint64_t>(message.id.idiag_cookie[1]) << 32;
  socket.transport = transport;
  socket.state = message.idiag_state;
  socket.local = address_of(message.idiag_family, message.id.idiag_src);
  socket.remote = address_of(message.idiag_family, message.id.idiag_dst);
  socket.local_port = ntohs(message.id.idiag_sport);
  socket.remote_port = ntohs(message.id.idiag_dport);
  socket.unread = message.idiag_rqueue;
  socket.unsent = message.idiag_wqueue;
  socket.inode = message.idiag_inode;
  socket.interface = message.id.idiag_if;
  return socket;
}

}  // namespace

bool SocketInfo::listening() const { return transport == Transport::kTcp && state == TCP_LISTEN; }

Result<SockDiag> SockDiag::open() {
  Fd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink)
    return errno_error("cannot ask the kernel for its sockets (sock_diag; is the module inet_diag there?)");
  // The kernel answers at once; a time limit only so that no error of ours can stop the loop for ever.
  const timeval limit = {1, 0};
  ::setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return SockDiag(std::move(netlink));
}

Result<void> SockDiag::list(Transport transport, std::span<const std::uint16_t> ports,
                            std::vector<SocketInfo>& sockets) {
  for (const std::uint16_t port : ports) {
    for (const int family : {AF_INET, AF_INET6}) {
      if (Result<void> listed = list_port(transport, static_cast<std::uint8_t>(family), port, sockets);
          !listed)
        return within("cannot list the sockets of port " + std::to_string(port), listed.error());
    }
  }
  return {};
}

Result<void> SockDiag::list_port(Transport transport, std::uint8_t family, std::uint16_t port,
                                 std::vector<SocketInfo>& sockets) {
  ListRequest request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = ++sequence_;
  request.query.sdiag_family = family;
  request.query.sdiag_protocol = static_cast<std::uint8_t>(transport);
  request.query.idiag_states = transport == Transport::kTcp ? kTcpStates : ~0u;
  request.filter_header.nla_len = sizeof(nlattr) + sizeof(PortFilter);
  request.filter_header.nla_type = INET_DIAG_REQ_BYTECODE;
  request.filter.port.no = port;
  if (::send(netlink_.get(), &request, sizeof request, 0) < 0) return errno_error("sock_diag request");
  while (true) {
    Result<bool> more = receive(transport, &sockets);
    if (!more) return more.error();
    if (!*more) return {};
  }
}

// One datagram of the answer. False: it was the last one.
Result<bool> SockDiag::receive(Transport transport, std::vector<SocketInfo>* sockets) {
  alignas(nlmsghdr) static thread_local std::array<char, 32 * 1024> buffer;
  const ssize_t got = ::recv(netlink_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) return errno_error("sock_diag answer");
  auto left = static_cast<unsigned int>(got);
  for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
       message = NLMSG_NEXT(message, left)) {
    if (message->nlmsg_seq != sequence_) continue;  // left over from a request that was given up
    if (message->nlmsg_type == NLMSG_DONE) return false;
    if (message->nlmsg_type == NLMSG_ERROR) {
      const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(message));
      if (error->error == 0) return false;
      if (error->error == -ENOENT && sockets != nullptr)
        return Error{ENOENT,
                     "this kernel cannot list sockets: the modules tcp_diag and udp_diag are not there, nor "
                     "loaded by themselves; load them with: modprobe -a tcp_diag udp_diag"};
      return errno_error("sock_diag", error->error);
    }
    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        message->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
      continue;
    if (sockets != nullptr)
      sockets->push_back(socket_of(*static_cast<const inet_diag_msg*>(NLMSG_DATA(message)), transport));
  }
  return true;
}

Result<void> SockDiag::destroy(const SocketInfo& socket) {
  DestroyRequest request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DESTROY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.header.nlmsg_seq = ++sequence_;
  request.query.sdiag_family = socket.local.is_v4() ? AF_INET : AF_INET6;
  request.query.sdiag_protocol = static_cast<std::uint8_t>(socket.transport);
  request.query.idiag_states = ~0u;
  request.query.id.idiag_sport = htons(socket.local_port);
  request.query.id.idiag_dport = htons(socket.remote_port);
  request.query.id.idiag_if = socket.interface;
  request.query.id.idiag_cookie[0] = static_cast<std::uint32_t>(socket.cookie);
  request.query.id.idiag_cookie[1] = static_cast<std::uint32_t>(socket.cookie >> 32);
  set_address(socket.local, request.query.id.idiag_src);
  set_address(socket.remote, request.query.id.idiag_dst);
  if (::send(netlink_.get(), &request, sizeof request, 0) < 0) return errno_error("SOCK_DESTROY");
  Result<bool> answered = receive(socket.transport, nullptr);
  if (!answered) return answered.error();
  return {};
}

}  // namespace bmc::cache

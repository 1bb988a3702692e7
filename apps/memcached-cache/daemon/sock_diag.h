// SPDX-License-Identifier: Apache-2.0
// SockDiag: the kernel's list of sockets on given local ports, with their queues (NETLINK_SOCK_DIAG).
// Used by the audit (which connections still live, whose bytes were read) and by discovery.
#ifndef BMC_CACHE_DAEMON_SOCK_DIAG_H
#define BMC_CACHE_DAEMON_SOCK_DIAG_H

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "control-plane/fd.h"
#include "control-plane/result.h"

namespace bmc::cache {

enum class Transport : std::uint8_t { kTcp = 6, kUdp = 17 };

// One socket of this network namespace, as it was when the kernel came to it.
struct SocketInfo {
  std::uint64_t cookie = 0;  // as bpf_get_socket_cookie() gives it; never used twice
  Transport transport = Transport::kTcp;
  std::uint8_t state = 0;  // TCP_ESTABLISHED...
  boost::asio::ip::address local;
  boost::asio::ip::address remote;  // unspecified where there is none
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint32_t unread = 0;  // bytes received and not read (TCP listener: connections not accepted)
  std::uint32_t unsent = 0;  // TCP: bytes written and not acknowledged
  std::uint32_t inode = 0;   // 0: no process has it open any more, or not yet
  std::uint32_t interface = 0;

  bool listening() const;
  // Nothing can be executed any more from what was received so far, given that memcached gets to run:
  // nothing is left to be read, and no reply waits for room (a full one makes memcached put off commands
  // it has already read).
  bool drained() const { return unread == 0 && unsent == 0; }
};

class SockDiag {
 public:
  static Result<SockDiag> open();

  // Appends every socket bound to one of `ports`, of both address families, to `sockets`. TCP: those whose
  // process may still execute or accept something, so no TIME_WAIT. Blocking, microseconds per socket. A
  // socket that exists all the time is in the list; one that comes or goes meanwhile may be or not.
  Result<void> list(Transport transport, std::span<const std::uint16_t> ports,
                    std::vector<SocketInfo>& sockets);

  // Resets a TCP connection. Fails with ENOENT where it is gone; needs CAP_NET_ADMIN.
  Result<void> destroy(const SocketInfo& socket);

 private:
  explicit SockDiag(Fd netlink) : netlink_(std::move(netlink)) {}

  Result<void> list_port(Transport transport, std::uint8_t family, std::uint16_t port,
                         std::vector<SocketInfo>& sockets);
  Result<bool> receive(Transport transport, std::vector<SocketInfo>* sockets);

  Fd netlink_;
  std::uint32_t sequence_ = 0;
};

}  // namespace bmc::cache

#endif

// SPDX-License-Identifier: Apache-2.0
// The replica's end of the join socket, in small, with every way to be wrong. Used by tests of host/ and by
// the program that joins in the tests among namespaces.
#ifndef BMC_PAXOS_HOST_TESTS_JOIN_CLIENT_H
#define BMC_PAXOS_HOST_TESTS_JOIN_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/abi/join_abi.h"
#include "control-plane/fd.h"

namespace bmc::paxos::host::test {

inline paxos_address address_of(const std::string& ip, std::uint16_t port) {
  paxos_address address = {};
  address.port_be = htons(port);
  if (inet_pton(AF_INET6, ip.c_str(), address.addr_be) == 1) return address;
  address.addr_be[2] = htonl(0xffff);
  if (inet_pton(AF_INET, ip.c_str(), &address.addr_be[3]) != 1) std::abort();
  return address;
}

// Of replica `self` of as many as there are addresses.
inline paxos_join_request request_of(const std::vector<paxos_address>& replicas, std::uint8_t self = 0,
                                     std::uint32_t wanted = PAXOS_OFFLOADS_ALL) {
  paxos_join_request request = {};
  request.magic = PAXOS_JOIN_MAGIC;
  request.version = PAXOS_JOIN_VERSION;
  request.self = self;
  request.replica_count = static_cast<__u8>(replicas.size());
  request.wanted = wanted;
  for (std::size_t i = 0; i < replicas.size(); i++) request.replica[i] = replicas[i];
  return request;
}

// An IPv4 UDP socket; port 0: any, and the caller is told which.
inline Fd udp_socket(const std::string& ip, std::uint16_t& port) {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  inet_pton(AF_INET, ip.c_str(), &name.sin_addr);
  socklen_t bytes = sizeof name;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&name), bytes) != 0) return {};
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &bytes);
  port = ntohs(name.sin_port);
  return socket;
}

struct Answer {
  paxos_join_reply reply = {};
  std::vector<Fd> descriptors;

  std::string text() const { return reply.text; }
};

class JoinClient {
 public:
  explicit JoinClient(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) socket_.reset();
  }

  int get() const { return socket_.get(); }
  void close() { socket_.reset(); }

  bool send(const void* bytes, std::size_t size, const std::vector<int>& descriptors) {
    iovec part = {const_cast<void*>(bytes), size};
    std::vector<char> control(CMSG_SPACE(descriptors.size() * sizeof(int)));
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
      std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
    }
    return ::sendmsg(get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
  }
  bool send(const paxos_join_request& request, const std::vector<int>& descriptors) {
    return send(&request, sizeof request, descriptors);
  }

  // Nothing: bmcd has ended the connection, or (`flags`: MSG_DONTWAIT) there is no answer yet.
  std::optional<Answer> receive(int flags = 0) {
    Answer answer;
    iovec part = {&answer.reply, sizeof answer.reply};
    alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (::recvmsg(get(), &message, flags | MSG_CMSG_CLOEXEC) != static_cast<ssize_t>(sizeof answer.reply))
      return {};
    for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each))
      for (std::size_t i = 0; i < (each->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
        answer.descriptors.emplace_back(fd);
      }
    return answer;
  }

 private:
  Fd socket_;
};

}  // namespace bmc::paxos::host::test

#endif

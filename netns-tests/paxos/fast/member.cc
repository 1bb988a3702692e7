// SPDX-License-Identifier: Apache-2.0
// Joining as an unprivileged user; see member.h.
#include "netns-tests/paxos/fast/member.h"

#include <arpa/inet.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include "netns-tests/lib/lab_error.h"

namespace bmc::fast {
namespace {

using lab::checked;

// The calling thread alone: the C library's functions change the whole process. Its capabilities go with it.
void become_user(uid_t user) {
  checked(::syscall(SYS_setgroups, 0, nullptr), "setgroups");
  checked(::syscall(SYS_setresgid, user, user, user), "setresgid");
  checked(::syscall(SYS_setresuid, user, user, user), "setresuid");
}

lab::Fd connect_to(const std::string& path) {
  lab::Fd socket(checked(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  checked(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
          "connect to " + path);
  return socket;
}

void send_request(int connection, paxos_join_request request, int udp) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{&request, sizeof(request)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &udp, sizeof(int));
  checked(::sendmsg(connection, &message, MSG_NOSIGNAL), "send the join request");
}

std::vector<lab::Fd> receive_reply(int connection, paxos_join_reply& reply) {
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {};
  iovec part{&reply, sizeof(reply)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  if (!lab::wait_fd(connection, POLLIN, lab::Deadline::in_ms(10'000)))
    throw lab::LabError("bmcd does not answer the join request");
  const ssize_t bytes = checked(::recvmsg(connection, &message, MSG_CMSG_CLOEXEC), "receive the join reply");
  std::vector<lab::Fd> received;
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    std::vector<int> fds((each->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(fds.data(), CMSG_DATA(each), fds.size() * sizeof(int));
    for (const int fd : fds) received.emplace_back(fd);
  }
  if (bytes != sizeof(reply)) throw lab::LabError("a join reply of " + std::to_string(bytes) + " bytes");
  return received;
}

}  // namespace

paxos_address to_paxos_address(const lab::Endpoint& endpoint) {
  paxos_address address{};
  address.addr_be[2] = htonl(0xffff);
  address.addr_be[3] = ::inet_addr(endpoint.ip.c_str());
  address.port_be = htons(endpoint.port);
  return address;
}

Member::Member(const lab::Netns& netns, std::vector<lab::Endpoint> replicas, std::uint8_t self)
    : netns_(netns), replicas_(std::move(replicas)), self_(self) {
  const lab::ScopedNetns inside(netns_);
  socket_ = lab::Fd(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  socklen_t length = 0;
  const sockaddr_storage local = lab::to_sockaddr(replicas_.at(self_), length);
  checked(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&local), length), "bind");
}

void Member::join(const std::string& socket_path, std::uint32_t wanted) {
  connection_ = lab::Fd();
  std::exception_ptr failed;
  std::thread([&] {
    try {
      become_user(kUser);
      join_as_user(socket_path, wanted);
    } catch (...) {
      failed = std::current_exception();
    }
  }).join();
  if (failed) std::rethrow_exception(failed);
}

void Member::join_as_user(const std::string& socket_path, std::uint32_t wanted) {
  paxos_join_request request{};
  request.magic = PAXOS_JOIN_MAGIC;
  request.version = PAXOS_JOIN_VERSION;
  request.self = self_;
  request.replica_count = static_cast<std::uint8_t>(replicas_.size());
  request.wanted = wanted;
  for (std::size_t i = 0; i < replicas_.size(); ++i) request.replica[i] = to_paxos_address(replicas_[i]);
  connection_ = connect_to(socket_path);
  send_request(connection_.get(), request, socket_.get());
  const std::vector<lab::Fd> received = receive_reply(connection_.get(), reply_);
  if (reply_.error != 0) throw lab::LabError(std::string("the replica is refused: ") + reply_.text);
  if (received.size() < 2) throw lab::LabError("the join reply brings no descriptors");
  map_memory(received[0].get());
}

void Member::map_memory(int group) {
  void* memory = ::mmap(nullptr, sizeof(paxos_group), PROT_READ | PROT_WRITE, MAP_SHARED, group, 0);
  if (memory == MAP_FAILED) lab::fail_errno("cannot map the replica's memory");
  memory_.reset(static_cast<paxos_group*>(memory),
                [](paxos_group* mapped) { ::munmap(mapped, sizeof(*mapped)); });
  world_ = {};
  world_.cells = &memory_->cells;
  world_.slots = memory_->slot;
  world_.slot_count = PAXOS_SLOTS;
  backup_.emplace(world_);
}

std::optional<std::string> Member::receive(lab::Deadline deadline) {
  if (!lab::wait_fd(socket_.get(), POLLIN, deadline)) return std::nullopt;
  std::string payload(4096, '\0');
  payload.resize(static_cast<std::size_t>(
      checked(::recv(socket_.get(), payload.data(), payload.size(), MSG_DONTWAIT), "recv")));
  return payload;
}

}  // namespace bmc::fast

// SPDX-License-Identifier: Apache-2.0
// Receiving and sending on the join socket; see join_message.h.
#include "apps/paxos/host/join_message.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "apps/paxos/abi/broadcast_abi.h"

namespace bmc::paxos::host {
namespace {

// More than one, so that a peer that sends too many is told so; the kernel closes what does not fit.
constexpr std::size_t kDescriptorsRead = 4;
constexpr std::size_t kDescriptorsSent = 3;

std::vector<ReceivedFd> take_descriptors(msghdr& message) {
  std::vector<ReceivedFd> taken;
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; i++) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
      taken.emplace_back(fd);
    }
  }
  return taken;
}

Result<void> check_form(const paxos_join_request& request, std::size_t bytes) {
  const std::size_t readable = offsetof(paxos_join_request, version) + sizeof request.version;
  if (bytes < readable || request.magic != PAXOS_JOIN_MAGIC)
    return Error{EPROTO, "this is no request to join; the socket is for replicas of the bmcpaxos library"};
  if (request.version != PAXOS_JOIN_VERSION)
    return Error{EPROTONOSUPPORT, "the replica asks in version " + std::to_string(request.version) +
                                      " of the join protocol, this bmcd speaks version " +
                                      std::to_string(PAXOS_JOIN_VERSION) + ": update the older of the two"};
  if (bytes != sizeof request)
    return Error{EMSGSIZE, "a request to join has " + std::to_string(sizeof request) + " bytes, this one " +
                               (bytes > sizeof request ? "more" : std::to_string(bytes))};
  return {};
}

}  // namespace

Result<JoinMessage> receive_join(int connection) {
  JoinMessage join;
  char more = 0;
  iovec parts[] = {{&join.request, sizeof join.request}, {&more, sizeof more}};
  alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsRead * sizeof(int))];
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = std::size(parts);
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(connection, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return errno_error("cannot read the request to join", errno == EWOULDBLOCK ? EAGAIN : errno);
  std::vector<ReceivedFd> descriptors = take_descriptors(message);
  if (got == 0) return Error{ESHUTDOWN, "the replica has ended the connection"};
  if (Result<void> good = check_form(join.request, static_cast<std::size_t>(got)); !good) return good.error();
  if (descriptors.size() != 1 || (message.msg_flags & MSG_CTRUNC) != 0)
    return Error{EBADMSG, "a request to join brings one descriptor, the replica's UDP socket, this one " +
                              std::string(descriptors.empty() ? "none" : "more")};
  join.socket = std::move(descriptors.front());
  return join;
}

bool discard_message(int connection) {
  char byte = 0;
  const ssize_t got = ::recv(connection, &byte, sizeof byte, MSG_DONTWAIT);
  return got > 0 || (got < 0 && errno == EAGAIN);
}

Result<void> send_reply(int connection, const paxos_join_reply& reply, const std::vector<int>& descriptors) {
  iovec part = {const_cast<paxos_join_reply*>(&reply), sizeof reply};
  alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsSent * sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptors.size() > kDescriptorsSent) std::abort();
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  }
  if (::sendmsg(connection, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    return errno_error("cannot answer the replica", errno == EWOULDBLOCK ? EAGAIN : errno);
  return {};
}

paxos_join_reply blank_reply() {
  paxos_join_reply reply = {};
  reply.magic = PAXOS_JOIN_MAGIC;
  reply.version = PAXOS_JOIN_VERSION;
  reply.fast_abi_version = PAXOS_FAST_ABI_VERSION;
  reply.broadcast_abi_version = BROADCAST_ABI_VERSION;
  reply.broadcast_group = PAXOS_JOIN_NO_GROUP;
  return reply;
}

paxos_join_reply refusal(const Error& error) {
  paxos_join_reply reply = blank_reply();
  reply.error = static_cast<__u16>(error.code);
  set_text(reply, error.what);
  return reply;
}

void set_text(paxos_join_reply& reply, const std::string& text) {
  std::memset(reply.text, 0, sizeof reply.text);
  text.copy(reply.text, sizeof reply.text - 1);
}

}  // namespace bmc::paxos::host

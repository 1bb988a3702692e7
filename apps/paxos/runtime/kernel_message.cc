// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/runtime/kernel_message.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "apps/paxos/abi/broadcast_abi.h"

namespace bmc::paxos::runtime {
namespace {

constexpr std::size_t kDescriptorsMax = 8;  // more than any message brings

Error wrong(const std::string& what) { return {ErrorCode::configuration, what}; }

std::string text_of(const paxos_join_reply& reply) {
  return {reply.text, strnlen(reply.text, sizeof(reply.text))};
}

// What every message of bmcd has to be.
Result<paxos_join_reply> read_reply(const KernelMessage& message) {
  paxos_join_reply reply;
  if (!message.is_whole || message.bytes.size() != sizeof(reply))
    return wrong("bmcd's answer has " + std::to_string(message.bytes.size()) +
                 " bytes, and none of its messages has: it is of another version");
  std::memcpy(&reply, message.bytes.data(), sizeof(reply));
  if (reply.magic != PAXOS_JOIN_MAGIC || reply.version != PAXOS_JOIN_VERSION)
    return wrong("bmcd speaks version " + std::to_string(reply.version) +
                 " of the join socket, this replica " + std::to_string(PAXOS_JOIN_VERSION) +
                 ": run both of one release");
  if (reply.error != 0) {
    const std::string why = text_of(reply);
    return wrong("bmcd refuses: " + (why.empty() ? std::strerror(reply.error) : why));
  }
  return reply;
}

void take_descriptors(msghdr& message, std::vector<Fd>& descriptors) {
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= each->cmsg_len; at += sizeof(int)) {
      int descriptor = -1;
      std::memcpy(&descriptor, reinterpret_cast<const char*>(each) + at, sizeof(descriptor));
      descriptors.emplace_back(descriptor);
    }
  }
}

}  // namespace

paxos_address paxos_address_of(const Endpoint& endpoint) {
  const auto v6 = endpoint.address().is_v6() ? endpoint.address().to_v6()
                                             : boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped,
                                                                                endpoint.address().to_v4());
  paxos_address address{};
  static_assert(sizeof(address.addr_be) == sizeof(boost::asio::ip::address_v6::bytes_type));
  std::memcpy(address.addr_be, v6.to_bytes().data(), sizeof(address.addr_be));
  address.port_be = htons(endpoint.port());
  return address;
}

paxos_join_request join_request_of(const Options& options) {
  paxos_join_request request{};
  request.magic = PAXOS_JOIN_MAGIC;
  request.version = PAXOS_JOIN_VERSION;
  request.self = options.replica_index;
  request.replica_count = static_cast<std::uint8_t>(options.replicas.size());
  if (options.kernel.acknowledge) request.wanted |= PAXOS_OFFLOAD_ACK;
  if (options.kernel.quorum) request.wanted |= PAXOS_OFFLOAD_QUORUM;
  if (options.kernel.broadcast) request.wanted |= PAXOS_OFFLOAD_BROADCAST;
  std::size_t i = 0;
  for (const Endpoint& each : parse_endpoints(options.replicas))
    request.replica[i++] = paxos_address_of(each);
  return request;
}

Result<std::optional<KernelMessage>> receive_message(int socket) {
  std::array<char, 2 * sizeof(paxos_join_reply)> bytes;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> control;
  iovec piece{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return std::optional<KernelMessage>();
  if (size < 0)
    return Error{ErrorCode::io, std::string("the connection to bmcd is broken: ") + std::strerror(errno)};
  KernelMessage message;
  message.bytes.assign(bytes.data(), static_cast<std::size_t>(size));
  message.is_whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  take_descriptors(header, message.descriptors);
  return std::optional(std::move(message));
}

Result<void> send_request(int socket, const paxos_join_request& request, int descriptor) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec piece{const_cast<paxos_join_request*>(&request), sizeof(request)};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &descriptor, sizeof(descriptor));
  if (::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(request)) return {};
  return Error{ErrorCode::io, std::string("cannot ask bmcd: ") + std::strerror(errno)};
}

Result<KernelGrant> read_grant(KernelMessage message) {
  const auto reply = read_reply(message);
  if (!reply) return reply.error();
  if (reply->fast_abi_version != PAXOS_FAST_ABI_VERSION)
    return wrong("bmcd's programs have version " + std::to_string(reply->fast_abi_version) +
                 " of the shared memory, this replica " + std::to_string(PAXOS_FAST_ABI_VERSION) +
                 ": run both of one release");
  const bool broadcasts = reply->broadcast_group != PAXOS_JOIN_NO_GROUP;
  const std::size_t wanted = broadcasts ? 3 : 2;
  if (message.descriptors.size() != wanted)
    return wrong("bmcd's answer brings " + std::to_string(message.descriptors.size()) + " descriptors, not " +
                 std::to_string(wanted));
  KernelGrant grant;
  grant.offloads = reply->offloads & PAXOS_OFFLOADS_ALL;
  grant.group = std::move(message.descriptors[0]);
  grant.doorbell = std::move(message.descriptors[1]);
  grant.text = text_of(*reply);
  const bool is_known =
      reply->broadcast_abi_version == BROADCAST_ABI_VERSION && reply->broadcast_group < BROADCAST_GROUPS_MAX;
  if (broadcasts && is_known) {
    grant.reports = std::move(message.descriptors[2]);
    grant.broadcast_group = static_cast<std::uint8_t>(reply->broadcast_group);
  }
  return grant;
}

Result<std::uint32_t> read_switch(const KernelMessage& message) {
  const auto reply = read_reply(message);
  if (!reply) return reply.error();
  return reply->offloads & PAXOS_OFFLOADS_ALL;
}

}  // namespace bmc::paxos::runtime

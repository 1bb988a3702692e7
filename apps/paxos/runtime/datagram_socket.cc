// SPDX-License-Identifier: Apache-2.0
// recvmmsg() and sendmmsg().
#include "apps/paxos/runtime/datagram_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>

#include "apps/paxos/runtime/close_on_exec.h"

namespace bmc::paxos::runtime {
namespace {

constexpr std::size_t kDatagramBytes = 65536;  // no datagram is larger, so none is ever cut

// The limits of the system (net.core.rmem_max) do not hold for a process with CAP_NET_ADMIN.
void ask_for_buffer(int fd, int forced, int modest, std::uint32_t bytes) {
  const int wanted = static_cast<int>(bytes / 2);  // the kernel doubles it, for its own bookkeeping
  if (::setsockopt(fd, SOL_SOCKET, forced, &wanted, sizeof(wanted)) != 0) {
    ::setsockopt(fd, SOL_SOCKET, modest, &wanted, sizeof(wanted));
  }
}

// Router and host then say EMSGSIZE instead of cutting: the kernel programs see whole datagrams only.
bool forbid_fragmentation(int fd, bool v6) {
  if (!v6) {
    const int discover = IP_PMTUDISC_DO;
    return ::setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover)) == 0;
  }
  const int discover = IPV6_PMTUDISC_DO;
  const int on = 1;
  return ::setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof(discover)) == 0 &&
         ::setsockopt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof(on)) == 0;
}

}  // namespace

// 4 MiB of addresses, of which the kernel fills as many pages as datagrams need.
struct DatagramSocket::Buffers {
  Buffers() : bytes(std::make_unique_for_overwrite<char[]>(kBatch * kDatagramBytes)) {
    for (std::size_t i = 0; i < kBatch; i++) {
      pieces[i] = {bytes.get() + i * kDatagramBytes, kDatagramBytes};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = from[i].data();
    }
  }

  std::unique_ptr<char[]> bytes;
  std::array<Endpoint, kBatch> from;
  std::array<iovec, kBatch> pieces;
  std::array<mmsghdr, kBatch> messages;
};

DatagramSocket::DatagramSocket(boost::asio::ip::udp::socket socket)
    : socket_(std::move(socket)), buffers_(std::make_unique<Buffers>()) {}
DatagramSocket::DatagramSocket(DatagramSocket&& other) noexcept = default;
DatagramSocket::~DatagramSocket() = default;

Result<DatagramSocket> DatagramSocket::open(const boost::asio::any_io_executor& executor,
                                            const Endpoint& bind, std::uint32_t buffer_bytes) {
  boost::asio::ip::udp::socket socket(executor);
  boost::system::error_code error;
  const auto failed = [&](const std::string& why) {
    return Error{ErrorCode::io, "open UDP " + format_endpoint(bind) + ": " + why};
  };
  if (socket.open(bind.protocol(), error)) return failed(error.message());
  if (bind.address().is_v6()) socket.set_option(boost::asio::ip::v6_only(true), error);
  if (socket.non_blocking(true, error)) return failed(error.message());
  close_on_exec(socket);
  const int fd = socket.native_handle();
  if (!forbid_fragmentation(fd, bind.address().is_v6()))
    return failed("the kernel cannot forbid fragmentation");
  ask_for_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, buffer_bytes);
  ask_for_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, buffer_bytes);
  if (socket.bind(bind, error)) return failed(error.message());
  return DatagramSocket(std::move(socket));
}

std::size_t DatagramSocket::receive() {
  for (std::size_t i = 0; i < kBatch; i++) {
    buffers_->messages[i].msg_hdr.msg_namelen = static_cast<socklen_t>(buffers_->from[i].capacity());
  }
  const int count =
      ::recvmmsg(socket_.native_handle(), buffers_->messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count <= 0)
    return 0;  // nothing there, or an error of an earlier datagram that says nothing about these
  for (int i = 0; i < count; i++) buffers_->from[i].resize(buffers_->messages[i].msg_hdr.msg_namelen);
  return static_cast<std::size_t>(count);
}

const Endpoint& DatagramSocket::from(std::size_t i) const { return buffers_->from[i]; }

std::string_view DatagramSocket::datagram(std::size_t i) const {
  return {static_cast<const char*>(buffers_->pieces[i].iov_base), buffers_->messages[i].msg_len};
}

DatagramSocket::Sent DatagramSocket::send(std::span<const OutgoingDatagram> datagrams) {
  std::array<iovec, kBatch> pieces;
  std::array<mmsghdr, kBatch> messages;
  const std::size_t count = std::min(datagrams.size(), kBatch);
  for (std::size_t i = 0; i < count; i++) {
    const OutgoingDatagram& each = datagrams[i];
    pieces[i] = {const_cast<char*>(each.bytes->data()), each.bytes->size()};
    messages[i] = {};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = const_cast<void*>(static_cast<const void*>(each.to.data()));
    messages[i].msg_hdr.msg_namelen = static_cast<socklen_t>(each.to.size());
  }
  const int sent =
      ::sendmmsg(socket_.native_handle(), messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
  if (sent < 0) return {0, errno};
  return {static_cast<std::size_t>(sent), 0};
}

}  // namespace bmc::paxos::runtime

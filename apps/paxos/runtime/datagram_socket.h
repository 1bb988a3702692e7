// SPDX-License-Identifier: Apache-2.0
// A UDP socket that receives and sends many datagrams with one system call. Used by UdpTransport, which waits
// for it; nothing here blocks.
#ifndef BMC_PAXOS_RUNTIME_DATAGRAM_SOCKET_H
#define BMC_PAXOS_RUNTIME_DATAGRAM_SOCKET_H

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/udp.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "apps/paxos/include/bmc/paxos/error.h"
#include "apps/paxos/runtime/endpoint.h"

namespace bmc::paxos::runtime {

struct OutgoingDatagram {
  Endpoint to;
  std::shared_ptr<const std::string> bytes;
  bool is_bundle = false;     // of several messages
  ReplicaSet recipients = 0;  // not empty: to these in place of `to`, which is UdpTransport's business
};

class DatagramSocket {
 public:
  static constexpr std::size_t kBatch = 64;  // datagrams of one system call

  // `buffer_bytes` are asked of the kernel for each direction. Never fragmented by IP. Errors: io.
  static Result<DatagramSocket> open(const boost::asio::any_io_executor& executor, const Endpoint& bind,
                                     std::uint32_t buffer_bytes);
  DatagramSocket(DatagramSocket&& other) noexcept;
  ~DatagramSocket();

  // Receives what is there, at most kBatch; 0: nothing. The datagrams are valid until the next call.
  std::size_t receive();
  const Endpoint& from(std::size_t i) const;
  std::string_view datagram(std::size_t i) const;

  struct Sent {
    std::size_t count = 0;  // taken by the kernel, from the first on
    int error = 0;          // why the next one was not; 0: all were
  };
  // At most kBatch of them.
  Sent send(std::span<const OutgoingDatagram> datagrams);

  // For waiting, and closing.
  boost::asio::ip::udp::socket& socket() { return socket_; }

 private:
  struct Buffers;

  explicit DatagramSocket(boost::asio::ip::udp::socket socket);

  boost::asio::ip::udp::socket socket_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace bmc::paxos::runtime

#endif

// SPDX-License-Identifier: Apache-2.0
// memcached over UDP: 8-byte frame header, request ids, timeouts. Used by readers, writers and single tests.
#ifndef BMC_NETNS_TESTS_UDP_CLIENT_H
#define BMC_NETNS_TESTS_UDP_CLIENT_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/fd.h"

namespace bmc::lab {

class Netns;

/// One received datagram, frame header taken apart.
struct Datagram {
  uint16_t id = 0, sequence = 0, total = 0, reserved = 0;
  std::string payload;  ///< after the frame header
  std::string raw;      ///< all of it
};

/// The 8 bytes in front of a request of one datagram.
std::string udp_frame_header(uint16_t id, uint16_t sequence = 0, uint16_t total = 1, uint16_t reserved = 0);

/// A connected UDP socket inside `netns`. Not for use by several threads at once.
class UdpClient {
 public:
  UdpClient(const Netns& netns, const Endpoint& server, std::optional<Endpoint> local = std::nullopt);

  int fd() const { return socket_.get(); }
  Endpoint local() const;
  uint16_t next_id() { return ++last_id_; }

  /// False when the kernel refused it (a full queue, an ICMP error still to be reported).
  bool send(uint16_t id, std::string_view payload);
  bool send_raw(std::string_view datagram);
  std::optional<Datagram> receive(Deadline deadline);

  /// Sends under a fresh id and returns the payload of the first datagram that answers it.
  std::optional<std::string> request(std::string_view payload, int64_t timeout_ms = 1000);
  /// As request(), for replies of several datagrams: joins them until the text ends with `end`.
  std::optional<std::string> request_until(std::string_view payload, std::string_view end,
                                           int64_t timeout_ms = 1000);

 private:
  Fd socket_;
  uint16_t last_id_ = 0;
};

}  // namespace bmc::lab

#endif

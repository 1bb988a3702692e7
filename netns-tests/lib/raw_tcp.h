// SPDX-License-Identifier: Apache-2.0
// A TCP client of our own over a packet socket: every segment exactly as the test wants it (overlaps,
// repeats, holes, bad checksums, old timestamps, resets). Used by tests of the stream position.
#ifndef BMC_NETNS_TESTS_RAW_TCP_H
#define BMC_NETNS_TESTS_RAW_TCP_H

#include <map>
#include <string>
#include <string_view>

#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/frame.h"
#include "netns-tests/lib/lab.h"

namespace bmc::lab {

/// One connection from an address that no kernel owns (host .77 of the link), so that nobody else answers.
/// Payload offsets count from the first byte after the handshake.
class RawTcp {
 public:
  /// Does the handshake. `timestamps`: negotiate RFC 7323 timestamps.
  RawTcp(Netns& client, Netns& server, const Link& link, uint16_t port, bool timestamps = false);

  struct Segment {
    uint32_t offset = 0;
    std::string_view bytes{};
    bool bad_checksum = false;
    bool push = true;
    bool fin = false;
    uint32_t timestamp_age = 0;  ///< how far the timestamp lies back (PAWS); only with timestamps
  };
  /// Sends one segment; acknowledges what has been received so far.
  void send(const Segment& segment);
  /// Sends `bytes` as the next ones in order.
  void send_next(std::string_view bytes);
  /// A reset `ahead` bytes beyond the next one: out of the window it is one that TCP ignores.
  void send_reset(uint32_t ahead = 0);

  /// Takes arriving segments (acknowledging them) until the received stream ends with `end`.
  bool wait_received(std::string_view end, Deadline deadline);
  /// Waits until the server has acknowledged everything up to payload offset `offset`.
  bool wait_acknowledged(uint32_t offset, Deadline deadline);
  /// What the server sent so far, in order.
  const std::string& received() const { return received_; }
  uint32_t next_offset() const { return next_offset_; }
  uint32_t acknowledged_offset() const { return acknowledged_ - first_sequence_; }
  /// Withholds our acknowledgements: the server's data stays unacknowledged until it is set back.
  void set_acknowledge(bool on) { acknowledge_ = on; }

 private:
  void transmit(TcpFields fields, std::string_view payload, uint32_t timestamp_age);
  bool take_segment(Deadline deadline);
  void accept_payload(uint32_t sequence, std::string_view payload);

  Fd socket_;
  FrameAddress address_;
  bool timestamps_;
  uint32_t first_sequence_ = 0;  ///< sequence number of payload offset 0
  uint32_t next_offset_ = 0;
  uint32_t acknowledged_ = 0;  ///< by the server
  uint32_t receive_next_ = 0;  ///< the server's next sequence number
  uint32_t last_sent_ack_ = 0;
  uint32_t timestamp_echo_ = 0;
  uint32_t timestamp_ = 100'000;
  uint8_t last_flags_ = 0;
  bool acknowledge_ = true;
  std::string received_;
};

}  // namespace bmc::lab

#endif

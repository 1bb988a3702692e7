// SPDX-License-Identifier: Apache-2.0
// memcached over TCP: pipelining, requests cut into segments at chosen bytes, resets. Used by writers, the
// comparison and single tests.
#ifndef BMC_NETNS_TESTS_TCP_CLIENT_H
#define BMC_NETNS_TESTS_TCP_CLIENT_H

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

enum class CutMode {
  kBackToBack,    ///< one send per piece; GRO may join the pieces again
  kAcknowledged,  ///< the next piece leaves after the last was acknowledged: a segment each, surely
};

/// A connected socket (TCP inside `netns`, or a unix socket) with TCP_NODELAY. One thread at a time.
class TcpClient {
 public:
  TcpClient(const Netns& netns, const Endpoint& server);
  /// Connects to a unix stream socket.
  explicit TcpClient(const std::string& unix_path);

  /// As the constructor, but nothing when the connection is refused or takes longer than `timeout_ms`.
  static std::optional<TcpClient> try_connect(const Netns& netns, const Endpoint& server,
                                              int64_t timeout_ms = 1000);

  int fd() const { return socket_.get(); }
  uint16_t local_port() const;

  /// False when the connection is gone or `deadline` came before all was taken.
  bool send(std::string_view bytes, Deadline deadline = Deadline::in_ms(10'000));
  /// Sends `bytes` in pieces that end at the offsets `cuts` (ascending) and at its end.
  bool send_cut(std::string_view bytes, const std::vector<size_t>& cuts, CutMode mode,
                Deadline deadline = Deadline::in_ms(10'000));
  /// Waits until the peer has acknowledged all that was sent.
  bool wait_acknowledged(Deadline deadline);

  /// Exactly `count` bytes, or what came before the end or the deadline (then shorter).
  std::string read_exactly(size_t count, Deadline deadline = Deadline::in_ms(10'000));
  /// Up to and with `end`; nothing at the end of the stream or the deadline (what came stays readable).
  std::optional<std::string> read_until(std::string_view end, Deadline deadline = Deadline::in_ms(10'000));
  /// One reply line with its "\r\n".
  std::optional<std::string> read_line(Deadline deadline = Deadline::in_ms(10'000));
  /// The reply of an ASCII retrieval: every VALUE with its data up to "END\r\n", or one error line.
  std::optional<std::string> read_values(Deadline deadline = Deadline::in_ms(10'000));
  /// Sends `line` (with its "\r\n") and reads one line.
  std::optional<std::string> command(std::string_view line, int64_t timeout_ms = 10'000);
  /// Sends `line` and reads a retrieval reply.
  std::optional<std::string> get(std::string_view line, int64_t timeout_ms = 10'000);

  /// What has been received and not yet taken.
  const std::string& pending() const { return buffer_; }
  /// Takes what is there without waiting into pending().
  void poll_input();
  bool at_end() const { return ended_; }
  /// Waits for the peer's FIN or RST.
  bool wait_end(Deadline deadline);

  void close() { socket_.close(); }
  /// Closes with a RST, whatever is in flight.
  void reset();

 private:
  TcpClient() = default;
  bool fill(Deadline deadline);

  Fd socket_;
  std::string buffer_;
  bool ended_ = false;
};

}  // namespace bmc::lab

#endif

// SPDX-License-Identifier: Apache-2.0
// ControlServer: the daemon's unix socket. Speaks the framed protocol and hands requests to one handler.
// Owned by Daemon, on its loop.
#ifndef BMC_CONTROL_PLANE_CONTROL_SERVER_H
#define BMC_CONTROL_PLANE_CONTROL_SERVER_H

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "control-plane/control.pb.h"
#include "control-plane/result.h"
#include "control-plane/unix_listener.h"

namespace bmc {

// A response, and what is to be done once it was sent (or could not be).
struct ControlAnswer {
  control::Response response;
  std::function<void()> then;  // may be empty
};
using ControlHandler = std::function<ControlAnswer(const control::Request&)>;

// Whatever a client sends closes at most its own connection: frames over the limit, frames that are no
// message, silence for longer than kIdleLimit, or being one more than kSessionsMax.
class ControlServer {
 public:
  static constexpr std::size_t kSessionsMax = 16;
  static constexpr std::chrono::seconds kIdleLimit{30};

  ControlServer(boost::asio::io_context& loop, ControlHandler handler);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Listens at `path`, mode 0660. Makes the socket's directory (one level) if it is missing; takes the place
  // of a socket that nobody listens on any more; EADDRINUSE if somebody does.
  Result<void> listen(const std::string& path);

  // Closes everything and removes the socket, if it is still the one made here. Idempotent.
  void stop();

 private:
  class Session;

  void accept();

  boost::asio::io_context& loop_;
  ControlHandler handler_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  std::set<std::shared_ptr<Session>> sessions_;
  UnixListener listener_;
};

}  // namespace bmc

#endif

// SPDX-License-Identifier: Apache-2.0
// The daemon's unix socket; see control_server.h.
#include "control-plane/control_server.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "control-plane/control_frame.h"

namespace bmc {

using boost::asio::local::stream_protocol;
using boost::system::error_code;

// One connection. Alive while it stands in the server's set or an operation of its own is under way.
class ControlServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(ControlServer& server, stream_protocol::socket socket)
      : server_(&server), socket_(std::move(socket)), idle_(socket_.get_executor()) {
    socklen_t size = sizeof peer_;
    if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer_, &size) != 0)
      peer_ = {0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)};
  }

  void read_header() {
    watch_idle();
    boost::asio::async_read(socket_, boost::asio::buffer(header_),
                            [self = shared_from_this()](const error_code& failed, std::size_t) {
                              if (failed) return self->close("");
                              self->on_header();
                            });
  }

  // `why` is logged; empty: the peer went, which is ordinary.
  void close(const std::string& why) {
    if (!why.empty())
      spdlog::warn("control: closing the connection of pid {} uid {}: {}", peer_.pid, peer_.uid, why);
    idle_.cancel();
    error_code ignored;
    socket_.close(ignored);
    if (ControlServer* server = std::exchange(server_, nullptr)) server->sessions_.erase(shared_from_this());
  }

  // The server goes; nothing of it is touched afterwards.
  void abandon() {
    server_ = nullptr;
    close("");
  }

 private:
  void on_header() {
    const auto length = decode_frame_header(header_);
    if (!length) return close(length.error().what);
    body_.resize(*length);
    boost::asio::async_read(socket_, boost::asio::buffer(body_),
                            [self = shared_from_this()](const error_code& failed, std::size_t) {
                              if (failed) return self->close("");
                              self->on_body();
                            });
  }

  void on_body() {
    control::Request request;
    if (!request.ParseFromString(body_)) return close("it sent no request of our protocol");
    if (server_ == nullptr) return;
    const bool changes = request.has_invalidate() || request.has_mode() || request.has_detach() ||
                         !request.paxos().offload().empty();
    spdlog::log(changes ? spdlog::level::info : spdlog::level::debug, "control: {} from pid {} uid {} gid {}",
                kind_of(request), peer_.pid, peer_.uid, peer_.gid);
    ControlAnswer answer = server_->handler_(request);
    auto frame = encode_frame(answer.response);
    if (!frame) {
      control::Response too_large;
      too_large.set_code(EMSGSIZE);
      too_large.set_error(frame.error().what);
      frame = encode_frame(too_large);
    }
    watch_idle();
    reply_ = *std::move(frame);
    boost::asio::async_write(
        socket_, boost::asio::buffer(reply_),
        [self = shared_from_this(), then = std::move(answer.then)](const error_code& failed, std::size_t) {
          if (then) then();
          if (failed) return self->close("");
          if (self->server_ != nullptr) self->read_header();
        });
  }

  static std::string kind_of(const control::Request& request) {
    const auto* field = request.GetDescriptor()->FindFieldByNumber(static_cast<int>(request.kind_case()));
    return field == nullptr ? "an unknown request" : field->name();
  }

  void watch_idle() {
    idle_.expires_after(kIdleLimit);
    idle_.async_wait([self = shared_from_this()](const error_code& failed) {
      if (!failed) self->close("it was silent for " + std::to_string(kIdleLimit.count()) + " s");
    });
  }

  ControlServer* server_;  // null: abandoned or closed
  stream_protocol::socket socket_;
  boost::asio::steady_timer idle_;
  ucred peer_ = {};
  FrameHeader header_ = {};
  std::string body_;
  std::string reply_;
};

ControlServer::ControlServer(boost::asio::io_context& loop, ControlHandler handler)
    : loop_(loop), handler_(std::move(handler)), acceptor_(loop) {}

ControlServer::~ControlServer() { stop(); }

Result<void> ControlServer::listen(const std::string& path) {
  auto listener = UnixListener::open({path, "--control", SOCK_STREAM, 0660, static_cast<int>(kSessionsMax)});
  if (!listener) return std::move(listener).error();
  listener_ = *std::move(listener);
  acceptor_.assign(stream_protocol(), listener_.release());
  accept();
  return {};
}

void ControlServer::accept() {
  acceptor_.async_accept([this](const error_code& failed, stream_protocol::socket socket) {
    if (failed == boost::asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (failed) {
      spdlog::warn("control: cannot accept a connection: {}", failed.message());
    } else if (sessions_.size() >= kSessionsMax) {
      spdlog::warn("control: more than {} connections; the newest is refused", kSessionsMax);
    } else {
      const auto session = std::make_shared<Session>(*this, std::move(socket));
      sessions_.insert(session);
      session->read_header();
    }
    accept();
  });
}

void ControlServer::stop() {
  error_code ignored;
  acceptor_.close(ignored);
  for (const auto& session : std::exchange(sessions_, {})) session->abandon();
  listener_.close();
}

}  // namespace bmc

// SPDX-License-Identifier: Apache-2.0
// See tcp_channel.h.
#include "loadgen/tcp_channel.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "loadgen/clock.h"
#include "loadgen/sockets.h"

namespace bmc::loadgen {

Result<std::unique_ptr<Channel>> TcpChannel::open(const IpAddress& server, std::uint16_t port,
                                                  const ChannelContext& context) {
  std::unique_ptr<TcpChannel> channel(new TcpChannel(server, port, context));
  if (auto connected = channel->connect(); !connected) return connected.error();
  return std::unique_ptr<Channel>(std::move(channel));
}

Result<void> TcpChannel::connect() {
  auto socket = connect_tcp(server_, port_);
  if (!socket) return socket.error();
  const int on = 1;
  if (::setsockopt(socket->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      ::fcntl(socket->get(), F_SETFL, O_NONBLOCK) != 0)
    return errno_error("cannot set up a TCP connection");
  socket_ = *std::move(socket);
  return {};
}

void TcpChannel::post(std::uint64_t intended_ns) {
  if (spare_.empty()) spare_.emplace_back();
  waiting_.push_back(std::move(spare_.back()));
  spare_.pop_back();
  Exchange& exchange = waiting_.back();
  context_.source.next(exchange, out_);
  exchange.intended_ns = intended_ns;
  exchange.sent_ns = monotonic_ns();
  context_.judge.count_sent();
}

Result<bool> TcpChannel::flush() {
  while (out_at_ < out_.size()) {
    const ssize_t sent = ::send(socket_.get(), out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (sent >= 0) {
      out_at_ += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno != EINTR) {
      if (auto again = start_again(); !again) return again.error();
    }
  }
  out_.clear();
  out_at_ = 0;
  return true;
}

Result<void> TcpChannel::receive() {
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (got <= 0) return start_again();
    in_.feed({buffer, static_cast<std::size_t>(got)});
    if (!take_pieces(monotonic_ns())) return start_again();
    if (static_cast<std::size_t>(got) < sizeof buffer) return {};
  }
}

bool TcpChannel::take_pieces(std::uint64_t now_ns) {
  for (;;) {
    const ReplyPiece piece = in_.next();
    if (piece.kind == ReplyPiece::Kind::kIncomplete) return true;
    if (waiting_.empty()) {
      context_.judge.count_unasked();
      return false;
    }
    Exchange& exchange = waiting_.front();
    if (piece.kind == ReplyPiece::Kind::kBroken) {
      if (exchange.fault == LOADGEN_COUNTER_COUNT) exchange.fault = LOADGEN_WRONG_LENGTH;
      return false;
    }
    if (!context_.judge.take(exchange, piece)) return false;
    if (!exchange.done) continue;
    context_.judge.finish(exchange, std::max(now_ns, exchange.sent_ns));
    spare_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

Result<void> TcpChannel::start_again() {
  for (Exchange& exchange : waiting_) {
    context_.judge.abandon(exchange);
    spare_.push_back(std::move(exchange));
  }
  waiting_.clear();
  out_.clear();
  out_at_ = 0;
  in_.clear();
  return connect();
}

Result<void> TcpChannel::reset() { return waiting_.empty() ? Result<void>() : start_again(); }

}  // namespace bmc::loadgen

// SPDX-License-Identifier: Apache-2.0
// Connecting, and writing what is queued as fast as the other end reads.
#include "apps/paxos/runtime/bulk_outgoing.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "apps/paxos/runtime/clock.h"
#include "apps/paxos/runtime/close_on_exec.h"

namespace bmc::paxos::runtime {
namespace {

using boost::asio::ip::tcp;

constexpr Micros kRetryUs = 200'000;
constexpr int kConnectRetries = 1;  // SYNs after the first: three seconds in all
constexpr int kUnansweredMsMax =
    2000;                            // then the connection is given up; a new one starts without a back-off
constexpr std::size_t kPieces = 16;  // of one system call

void set(int fd, int option, int value) { ::setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)); }

}  // namespace

BulkTransport::Outgoing::Outgoing(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor,
                                  const BulkConfig& config, const Endpoint& to, BulkCounters& counters)
    : monitor_(std::move(monitor)),
      config_(config),
      to_(to.address(), to.port()),
      counters_(counters),
      socket_(std::move(executor)) {}

void BulkTransport::Outgoing::send(std::shared_ptr<const std::string> message) {
  const bool may_connect = state_ != State::kIdle || monotonic_us() >= retry_at_;
  if (!may_connect || queue_bytes_ + message->size() > config_.queue_bytes_max) {
    counters_.send_dropped++;
    return;
  }
  queue_bytes_ += message->size();
  queue_.push_back(std::move(message));
  if (state_ == State::kIdle) connect();
  if (state_ == State::kConnected && !waiting_) send_queue();
}

void BulkTransport::Outgoing::connect() {
  boost::system::error_code error;
  socket_.open(to_.protocol(), error);
  if (!error) socket_.non_blocking(true, error);
  if (!error && !config_.listen.address().is_unspecified()) {
    socket_.bind(tcp::endpoint(config_.listen.address(), 0), error);
  }
  if (error) return hang_up();
  close_on_exec(socket_);
  set(socket_.native_handle(), TCP_NODELAY, 1);
  set(socket_.native_handle(), TCP_SYNCNT, kConnectRetries);
  set(socket_.native_handle(), TCP_USER_TIMEOUT, kUnansweredMsMax);
  state_ = State::kConnecting;
  socket_.async_connect(
      to_, guarded(monitor_, [this](const boost::system::error_code& failed) { connected(failed); }));
}

void BulkTransport::Outgoing::connected(const boost::system::error_code& error) {
  if (error) return hang_up();
  state_ = State::kConnected;
  send_queue();
}

void BulkTransport::Outgoing::send_queue() {
  while (!queue_.empty()) {
    std::array<iovec, kPieces> pieces;
    const std::size_t count = std::min(queue_.size(), kPieces);
    for (std::size_t i = 0; i < count; i++) {
      const std::size_t skipped = i == 0 ? sent_of_first_ : 0;
      pieces[i] = {const_cast<char*>(queue_[i]->data()) + skipped, queue_[i]->size() - skipped};
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return wait_writable();
    if (sent < 0) return hang_up();
    sent_of_first_ += static_cast<std::size_t>(sent);
    while (!queue_.empty() && sent_of_first_ >= queue_.front()->size()) {
      sent_of_first_ -= queue_.front()->size();
      queue_bytes_ -= queue_.front()->size();
      queue_.pop_front();
      counters_.sent++;
    }
  }
}

void BulkTransport::Outgoing::wait_writable() {
  waiting_ = true;
  socket_.async_wait(tcp::socket::wait_write,
                     guarded(monitor_, [this](const boost::system::error_code& error) {
                       waiting_ = false;
                       if (error) return hang_up();
                       send_queue();
                     }));
}

// What was queued may be out of date when a new connection stands: the core sends again what still matters.
void BulkTransport::Outgoing::hang_up() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  state_ = State::kIdle;
  retry_at_ = monotonic_us() + kRetryUs;
  counters_.send_dropped += queue_.size();
  queue_.clear();
  queue_bytes_ = 0;
  sent_of_first_ = 0;
}

}  // namespace bmc::paxos::runtime

// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/runtime/kernel_link.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bmc::paxos::runtime {
namespace {

constexpr std::chrono::milliseconds kPause{1000}, kPauseMax{4000};  // before asking again
constexpr std::chrono::milliseconds kAnswerLimit{10'000};

}  // namespace

KernelLink::KernelLink(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor,
                       std::string path, const paxos_join_request& request, Handlers handlers)
    : executor_(executor),
      monitor_(std::move(monitor)),
      path_(std::move(path)),
      request_(request),
      handlers_(std::move(handlers)),
      timer_(std::move(executor)),
      pause_(kPause) {}

void KernelLink::start(int udp_socket, std::chrono::milliseconds patience) {
  udp_socket_ = udp_socket;
  ask();
  if (!socket_) return;
  pollfd answer{socket_->native_handle(), POLLIN, 0};
  if (::poll(&answer, 1, static_cast<int>(patience.count())) > 0) receive();
}

void KernelLink::ask() {
  ++attempts_;
  if (const auto connected = connect(); !connected) return lose(connected.error().what);
  wait_readable();
  wait_answer();
}

Result<void> KernelLink::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return Error{ErrorCode::io, "cannot reach bmcd at " + path_ + " (" + std::strerror(errno) +
                                    "): is it running, with paxos-allow in its configuration?"};
  if (auto sent = send_request(socket.get(), request_, udp_socket_); !sent) return sent;
  socket_.emplace(executor_);
  boost::system::error_code refused;
  socket_->assign(socket.get(), refused);
  if (refused) return Error{ErrorCode::io, "cannot wait for bmcd: " + refused.message()};
  socket.release();
  return {};
}

void KernelLink::wait_readable() {
  socket_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      guarded(monitor_, [this, attempt = attempts_](const boost::system::error_code& error) {
                        if (error || attempt != attempts_ || !socket_) return;
                        receive();
                        if (attempt == attempts_ && socket_) wait_readable();
                      }));
}

void KernelLink::wait_answer() {
  timer_.expires_after(kAnswerLimit);
  timer_.async_wait(guarded(monitor_, [this, attempt = attempts_](const boost::system::error_code& error) {
    if (!error && attempt == attempts_ && !is_granted_) lose("bmcd does not answer");
  }));
}

void KernelLink::receive() {
  while (socket_) {
    auto message = receive_message(socket_->native_handle());
    if (!message) return lose(message.error().what);
    if (!*message) return;
    if ((*message)->bytes.empty()) return lose("bmcd has ended the connection");
    if (!take(*std::move(*message))) return;
  }
}

// Whether the connection goes on.
bool KernelLink::take(KernelMessage message) {
  if (is_granted_) {
    const auto offloads = read_switch(message);
    if (!offloads) return lose(offloads.error().what), false;
    handlers_.switched(*offloads);
    return true;
  }
  auto grant = read_grant(std::move(message));
  if (!grant) {
    ++counters_.refused;
    return lose(grant.error().what), false;
  }
  ++counters_.granted;
  is_granted_ = true;
  pause_ = kPause;
  said_.clear();
  timer_.cancel();
  handlers_.granted(*std::move(grant));
  return true;
}

// What was granted before stays in use.
void KernelLink::lose(const std::string& sentence) {
  counters_.lost += is_granted_;
  say(is_granted_ ? sentence + "; what it gave stays in use, and it is asked again"
                  : "no help of the kernel yet: " + sentence);
  is_granted_ = false;
  socket_.reset();
  const std::uint64_t attempt = ++attempts_;
  timer_.expires_after(pause_);
  pause_ = std::min(2 * pause_, kPauseMax);
  timer_.async_wait(guarded(monitor_, [this, attempt](const boost::system::error_code& error) {
    if (!error && attempt == attempts_) ask();
  }));
}

void KernelLink::say(const std::string& sentence) {
  if (sentence == said_) return;
  said_ = sentence;
  handlers_.log(sentence);
}

}  // namespace bmc::paxos::runtime

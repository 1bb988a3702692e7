// SPDX-License-Identifier: Apache-2.0
// The connection behind MemcachedSession. Every way out of a connection goes through end().
#include "apps/memcached-cache/daemon/memcached_session.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

Error system_error(const std::string& tried, const error_code& code) {
  return Error{code.value() > 0 ? code.value() : EIO, tried + ": " + code.message()};
}

}  // namespace

MemcachedSession::MemcachedSession(asio::io_context& loop, Endpoint server, Events events,
                                   SessionTiming timing)
    : loop_(loop),
      server_(server),
      events_(std::move(events)),
      timing_(timing),
      socket_(loop),
      timer_(loop),
      backoff_(timing.backoff_first),
      input_(kReadBytes) {}

void MemcachedSession::start() {
  stop();
  backoff_ = timing_.backoff_first;
  connect();
}

void MemcachedSession::stop() {
  connection_.end();
  object_.end();
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  up_ = timer_runs_ = false;
  reader_ = {};
  waiting_.clear();
  unsent_.clear();
  sending_.clear();
}

void MemcachedSession::restart(Error why) {
  if (up_) end(std::move(why));
}

void MemcachedSession::connect() {
  const auto failed = [this](const std::string& why, int code) {
    connection_.end();
    error_code ignored;
    socket_.close(ignored);
    retry_later();
    if (events_.failed)
      events_.failed(Error{code, "cannot connect to memcached at " + to_string(server_) + ": " + why});
  };
  timer_.expires_after(timing_.connect);
  // Where the loop was held up for longer than this, by the verifier say, both have come by now: connected
  // counts.
  timer_.async_wait(connection_.guard([this, failed](const error_code& code) {
    if (!code && !up_) failed("no answer", ETIMEDOUT);
  }));
  const asio::ip::tcp::endpoint endpoint(server_.address, server_.port);
  socket_.async_connect(endpoint, connection_.guard([this, failed](const error_code& code) {
    if (code) return failed(code.message(), code.value());
    timer_.cancel();
    connected();
  }));
}

void MemcachedSession::retry_later() {
  timer_.expires_after(backoff_);
  timer_.async_wait(connection_.guard([this](const error_code& code) {
    if (!code) connect();
  }));
  backoff_ = std::min(backoff_ * 2, timing_.backoff_most);
}

void MemcachedSession::connected() {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  up_ = true;
  read();
  events_.up();
}

void MemcachedSession::end(Error why) {
  connection_.end();
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  up_ = timer_runs_ = false;
  reader_ = {};
  unsent_.clear();
  sending_.clear();
  const std::deque<Waiting> waiting = std::exchange(waiting_, {});
  retry_later();
  // From here on handlers may do anything, stop() included: nothing of the session is touched after each.
  const auto alive = object_.guard([](const std::function<void()>& call) { call(); });
  for (const Waiting& one : waiting) {
    auto call = alive;
    call([&] { one.handler(why); });
  }
  auto call = alive;
  call([&] { events_.down(why); });
}

std::uint16_t MemcachedSession::local_port() const {
  error_code failed;
  const auto local = socket_.local_endpoint(failed);
  return failed ? std::uint16_t{0} : local.port();
}

void MemcachedSession::stats(std::string_view group, AnswerHandler handler) {
  const std::string text = group.empty() ? std::string("stats") : "stats " + std::string(group);
  request(text + "\r\n", ReplyShape::kStats, std::move(handler));
}

void MemcachedSession::connections(AnswerHandler handler) {
  request("stats conns\r\n", ReplyShape::kConnections, std::move(handler));
}

void MemcachedSession::version(AnswerHandler handler) {
  request("version\r\n", ReplyShape::kLine, std::move(handler));
}

void MemcachedSession::meta_debug(std::string_view key, AnswerHandler handler) {
  request("me " + std::string(key) + "\r\n", ReplyShape::kLine, std::move(handler));
}

void MemcachedSession::request(std::string text, ReplyShape shape, AnswerHandler handler) {
  if (!up_) {
    const Error error{ENOTCONN, "there is no connection to memcached at " + to_string(server_)};
    asio::post(loop_, object_.guard([handler = std::move(handler), error] { handler(error); }));
    return;
  }
  waiting_.push_back(Waiting{shape, monotonic_ns(), std::move(handler)});
  unsent_ += text;
  if (sending_.empty()) write();
  if (!timer_runs_) watch_deadline();
}

void MemcachedSession::write() {
  sending_ = std::exchange(unsent_, {});
  asio::async_write(socket_, asio::buffer(sending_),
                    connection_.guard([this](const error_code& code, std::size_t) {
                      if (code)
                        return end(system_error("writing to memcached at " + to_string(server_), code));
                      sending_.clear();
                      if (!unsent_.empty()) write();
                    }));
}

void MemcachedSession::read() {
  socket_.async_read_some(
      asio::buffer(input_), connection_.guard([this](const error_code& code, std::size_t bytes) {
        if (code == asio::error::eof)
          return end(Error{ECONNRESET, "memcached at " + to_string(server_) + " closed the connection"});
        if (code) return end(system_error("reading from memcached at " + to_string(server_), code));
        reader_.append({input_.data(), bytes});
        take_replies();
      }));
}

void MemcachedSession::take_replies() {
  const std::uint64_t now = monotonic_ns();
  while (!waiting_.empty()) {
    Result<std::optional<Reply>> reply = reader_.next(waiting_.front().shape);
    if (!reply) return end(reply.error());
    if (!*reply) return read();
    backoff_ = timing_.backoff_first;
    const Waiting done = std::move(waiting_.front());
    waiting_.pop_front();
    // The handler may end this connection or the session.
    bool here = false;
    auto still_here = connection_.guard([&here] { here = true; });
    done.handler(Answer{std::move(**reply), done.sent_ns, now});
    still_here();
    if (!here) return;
  }
  if (!reader_.empty())
    return end(Error{EPROTO, "memcached at " + to_string(server_) + " sent what nobody asked for"});
  read();
}

void MemcachedSession::watch_deadline() {
  if (waiting_.empty()) {
    timer_runs_ = false;
    return;
  }
  timer_runs_ = true;
  const std::uint64_t deadline =
      waiting_.front().sent_ns +
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(timing_.reply).count());
  const std::uint64_t now = monotonic_ns();
  if (now >= deadline)
    return end(Error{ETIMEDOUT, "memcached at " + to_string(server_) + " does not answer"});
  timer_.expires_after(duration(deadline - now));
  timer_.async_wait(connection_.guard([this](const error_code& code) {
    if (!code) watch_deadline();
  }));
}

}  // namespace bmc::cache

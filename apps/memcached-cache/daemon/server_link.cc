// SPDX-License-Identifier: Apache-2.0
// Handshake and polls. Every answered request is also a barrier.
#include "apps/memcached-cache/daemon/server_link.h"

#include <algorithm>
#include <utility>

#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace {

// Without a clock to read, this often is enough to notice the end of a process that does not close its
// socket.
constexpr std::uint64_t kIdlePollNs = kSecondNs;

}  // namespace

ServerLink::ServerLink(boost::asio::io_context& loop, Endpoint server, Events events)
    : events_(std::move(events)),
      session_(loop, server,
               {[this] { handshake(); }, [this](const Error& error) { down(error); },
                [this](const Error& error) { events_.absent(error.what); }}),
      timer_(loop) {}

void ServerLink::start() { session_.start(); }

void ServerLink::stop() {
  process_.end();
  timer_.cancel();
  session_.stop();
  known_ = clock_runs_ = false;
}

void ServerLink::restart(const std::string& why) { session_.restart(Error{ESTALE, why}); }

void ServerLink::handshake() {
  process_.end();
  quarantine_ = Quarantine();
  session_.stats("settings", process_.guard([this](const Result<Answer>& settings) {
    if (!settings || settings->reply.stats.empty()) return handshake_failed(settings);
    session_.stats("", process_.guard([this, found = settings->reply.stats](const Result<Answer>& stats) {
      if (!stats || stats->reply.stats.empty()) return handshake_failed(stats);
      introduced(found, *stats);
    }));
  }));
}

void ServerLink::handshake_failed(const Result<Answer>& answer) {
  const std::string why = handshake_refusal(answer, server());
  // Where memcached said it in words it will say so again. Where the connection ended, memcached may just
  // have been ending too: the session tries again by itself, and the second time counts.
  if (!why.empty() && (answer.ok() || why == failure_)) events_.refused(why);
  failure_ = why;
  // An answer without statistics (out of memory for a moment) ends no connection: ask again on a new one.
  if (answer.ok() && why.empty())
    restart("memcached at " + to_string(server()) + " does not tell its statistics: " + answer->reply.line);
}

void ServerLink::introduced(const Stats& settings, const Answer& stats) {
  Result<ServerFacts> facts = read_facts(settings, stats.reply.stats);
  if (!facts) {
    events_.refused("what listens at " + to_string(server()) +
                    " is no memcached that bmcd knows: " + facts.error().what);
    return;
  }
  facts_ = *std::move(facts);
  stats_ = stats.reply.stats;
  clock_ = ServerClock();
  clock_runs_ = false;
  failure_.clear();
  known_ = true;
  poll_later();
  events_.known();
}

void ServerLink::begin_clock(std::uint32_t margin_s) {
  clock_ = ServerClock(margin_s);
  clock_runs_ = true;
  poll_later();
}

void ServerLink::poll_later() {
  const std::uint64_t now = monotonic_ns();
  const std::uint64_t due = clock_runs_ ? clock_.next_poll_ns(now) : now + kIdlePollNs;
  timer_.expires_after(duration(due - std::min(due, now)));
  timer_.async_wait(process_.guard([this](const boost::system::error_code& code) {
    if (!code) poll();
  }));
}

void ServerLink::poll() {
  session_.stats("", process_.guard([this](const Result<Answer>& answer) {
    if (answer) polled(*answer);
  }));
}

void ServerLink::polled(const Answer& answer) {
  quarantine_.answered(answer.sent_ns, answer.received_ns);
  const Result<ClockReading> reading = read_clock(answer.reply.stats);
  if (!reading) return restart(reading.error().what);
  const auto pid = answer.reply.stats.find("pid");
  if (pid == answer.reply.stats.end() || parse_number(pid->second) != facts_.pid)
    return restart("another process answers on the connection to memcached");
  if (clock_runs_) {
    const Result<void> taken =
        clock_.observe({answer.sent_ns, answer.received_ns, reading->uptime_s, reading->time_s});
    if (!taken) return restart(taken.error().what);
  }
  stats_ = answer.reply.stats;
  poll_later();
  events_.polled();
}

void ServerLink::confirm(std::function<void()> done) {
  session_.version(process_.guard([this, done = std::move(done)](const Result<Answer>& answer) {
    if (!answer) return;
    quarantine_.answered(answer->sent_ns, answer->received_ns);
    done();
  }));
}

void ServerLink::hurry() {
  // What is under way is a barrier too. And our own connection is observed like any other: while it is out of
  // step, it takes one question at a time to get back.
  if (known_ && session_.outstanding() == 0) confirm([] {});
}

void ServerLink::meta_debug(std::string_view key, MemcachedSession::AnswerHandler handler) {
  session_.meta_debug(key, std::move(handler));
}

void ServerLink::settings(MemcachedSession::AnswerHandler handler) {
  session_.stats("settings", settling(std::move(handler)));
}

void ServerLink::connections(MemcachedSession::AnswerHandler handler) {
  session_.connections(settling(std::move(handler)));
}

// Every answer is one more barrier.
MemcachedSession::AnswerHandler ServerLink::settling(MemcachedSession::AnswerHandler handler) {
  return process_.guard([this, handler = std::move(handler)](const Result<Answer>& answer) {
    if (answer) quarantine_.answered(answer->sent_ns, answer->received_ns);
    handler(answer);
  });
}

void ServerLink::down(const Error& error) {
  process_.end();
  timer_.cancel();
  clock_runs_ = false;
  if (std::exchange(known_, false)) events_.lost(error);
}

}  // namespace bmc::cache

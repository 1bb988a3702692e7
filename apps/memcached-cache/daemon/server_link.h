// SPDX-License-Identifier: Apache-2.0
// ServerLink: the conversation with one memcached process after another at one address: who it is, whether it
// still lives, what its clock shows. Owned by ServerTable, which decides what follows from it.
#ifndef BMC_CACHE_DAEMON_SERVER_LINK_H
#define BMC_CACHE_DAEMON_SERVER_LINK_H

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "apps/memcached-cache/daemon/memcached_session.h"
#include "apps/memcached-cache/daemon/quarantine.h"
#include "apps/memcached-cache/daemon/server_clock.h"
#include "apps/memcached-cache/daemon/server_facts.h"
#include "control-plane/config.h"
#include "control-plane/lifetime.h"
#include "control-plane/result.h"

namespace bmc::cache {

class ServerLink {
 public:
  struct Events {
    std::function<void()> known;                      // facts() are those of the process that answers
    std::function<void(const std::string&)> refused;  // the handshake failed in a way that will not pass
    std::function<void(const std::string&)> absent;   // a try to connect failed
    std::function<void(const Error&)> lost;           // the process that was known, or the way to it, is gone
    std::function<void()> polled;                     // stats() and the clock are new
  };

  ServerLink(boost::asio::io_context& loop, Endpoint server, Events events);

  // Looks for a memcached until stop(). Events come from the loop, never from within start() or stop().
  void start();
  void stop();
  // As if the connection had ended: the process must show again who it is. `lost` comes before it returns.
  void restart(const std::string& why);

  // From `known` on, until `lost`.
  bool is_known() const { return known_; }
  const ServerFacts& facts() const { return facts_; }
  const Endpoint& server() const { return session_.server(); }
  // Our own end of the connection; 0: none.
  std::uint16_t local_port() const { return session_.local_port(); }

  // Starts to read memcached's clock; `margin_s` as ServerClock has it. Ends with `lost`.
  void begin_clock(std::uint32_t margin_s);
  bool clock_runs() const { return clock_runs_; }
  const ServerClock& clock() const { return clock_; }

  // One round trip, from now on: `done` is called once memcached has answered; not at all if it is lost
  // before.
  void confirm(std::function<void()> done);

  // What memcached's TCP connections had handed over before this moment is executed (Quarantine over every
  // answered request).
  std::uint64_t settled_ns() const { return quarantine_.settled_ns(); }
  // One more barrier, for who waits for settled_ns() to move on.
  void hurry();

  void meta_debug(std::string_view key, MemcachedSession::AnswerHandler handler);
  // `stats settings`; the handler is not called if the connection ends before.
  void settings(MemcachedSession::AnswerHandler handler);
  // `stats conns`, what is about UDP; likewise.
  void connections(MemcachedSession::AnswerHandler handler);

  // memcached's own statistics, as last told; empty: none yet.
  const Stats& stats() const { return stats_; }

 private:
  MemcachedSession::AnswerHandler settling(MemcachedSession::AnswerHandler handler);
  void handshake();
  void handshake_failed(const Result<Answer>& answer);
  void introduced(const Stats& settings, const Answer& stats);
  void poll();
  void polled(const Answer& answer);
  void poll_later();
  void down(const Error& error);

  const Events events_;
  MemcachedSession session_;
  boost::asio::steady_timer timer_;
  bool known_ = false;
  bool clock_runs_ = false;
  std::string failure_;  // of the last handshake; empty: none
  ServerFacts facts_;
  ServerClock clock_;
  Quarantine quarantine_;
  Stats stats_;
  Lifetime process_;  // ends with the connection
};

}  // namespace bmc::cache

#endif

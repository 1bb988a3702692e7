// SPDX-License-Identifier: Apache-2.0
// MemcachedSession: one TCP connection to memcached with pipelined requests, kept up by reconnecting.
// Used by ServerLink (statistics, TTL probes) and by discovery.
#ifndef BMC_CACHE_DAEMON_MEMCACHED_SESSION_H
#define BMC_CACHE_DAEMON_MEMCACHED_SESSION_H

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/memcached-cache/daemon/reply_reader.h"
#include "control-plane/config.h"
#include "control-plane/lifetime.h"
#include "control-plane/result.h"

namespace bmc::cache {

struct SessionTiming {
  std::chrono::milliseconds connect{3000};
  // Longer than any pause of a memcached that lives; a stopped one is given up after it.
  std::chrono::milliseconds reply{10000};
  std::chrono::milliseconds backoff_first{50};
  std::chrono::milliseconds backoff_most{1000};
};

// An answered request. memcached executed it between the two moments (CLOCK_MONOTONIC).
struct Answer {
  Reply reply;
  std::uint64_t sent_ns = 0;
  std::uint64_t received_ns = 0;
};

// One thread only. Handlers run on the loop, never from within the call that was given them, and may call
// anything of the session but its destructor. restart() calls those that wait before it returns.
class MemcachedSession {
 public:
  using AnswerHandler = std::function<void(Result<Answer>)>;

  struct Events {
    std::function<void()> up;           // connected; requests may be sent
    std::function<void(Error)> down;    // was up and has ended; every waiting handler was called before
    std::function<void(Error)> failed;  // a try to connect failed; optional
  };

  MemcachedSession(boost::asio::io_context& loop, Endpoint server, Events events, SessionTiming timing = {});

  // Connects, and connects again whenever the connection ends, until stop().
  void start();
  // Ends the connection; handlers that wait are dropped without a call, no event follows.
  void stop();
  // Ends the connection as if memcached had, and begins anew.
  void restart(Error why);

  bool up() const { return up_; }
  const Endpoint& server() const { return server_; }
  std::size_t outstanding() const { return waiting_.size(); }
  std::uint16_t local_port() const;  // 0: not connected

  // `stats` (empty group) or `stats <group>`. A refusal by memcached ("ERROR") is an Answer with that line.
  // While the session is not up the handler gets ENOTCONN.
  void stats(std::string_view group, AnswerHandler handler);
  // `stats conns`, of which the answer has what is about UDP.
  void connections(AnswerHandler handler);
  // The answer is the line "VERSION ...".
  void version(AnswerHandler handler);
  // `me <key>`; see parse_meta_reply(). `key` holds no byte up to 0x20 and no 0x7f.
  void meta_debug(std::string_view key, AnswerHandler handler);

 private:
  struct Waiting {
    ReplyShape shape;
    std::uint64_t sent_ns;
    AnswerHandler handler;
  };

  void connect();
  void retry_later();
  void connected();
  void request(std::string text, ReplyShape shape, AnswerHandler handler);
  void write();
  void read();
  void take_replies();
  void watch_deadline();
  void end(Error why);

  boost::asio::io_context& loop_;
  const Endpoint server_;
  const Events events_;
  const SessionTiming timing_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;  // connect's deadline, back-off, then the oldest request's deadline
  std::chrono::milliseconds backoff_;
  bool up_ = false;
  bool timer_runs_ = false;  // for a request's deadline
  ReplyReader reader_;
  std::deque<Waiting> waiting_;  // in the order of their requests
  std::string unsent_;
  std::string sending_;  // lent to the write that is under way; empty: none is
  std::vector<char> input_;
  Lifetime connection_;  // callbacks of the present connection, or of the try to make one
  Lifetime object_;      // answers given from within a call
};

}  // namespace bmc::cache

#endif

// SPDX-License-Identifier: Apache-2.0
// UnfinishedValues: whether one of memcached's workers still waits for the rest of a value over UDP. One per
// server, owned by ServerTable.
#ifndef BMC_CACHE_DAEMON_UNFINISHED_VALUES_H
#define BMC_CACHE_DAEMON_UNFINISHED_VALUES_H

#include <cstdint>
#include <functional>
#include <optional>

#include "apps/memcached-cache/daemon/memcached_session.h"
#include "control-plane/lifetime.h"
#include "control-plane/result.h"

namespace bmc::cache {

// A datagram that ends within a value leaves the worker that read it waiting, and whatever that one reads
// next counts for the rest: a later datagram that looks like a get is then a write that nobody sees. Where
// the programs saw the first one they hold its key. Of those that came before them (before bmcd, or during a
// rest) memcached tells: a worker that waits has its UDP connection in state conn_nread in `stats conns`, and
// leaves it only when the value is stored (memcached.c 1.6.18: drive_machine(), process_stats_conns(); each
// worker has a descriptor of its own for every UDP socket).
//
// So: first every datagram from before is read (UdpBarrier), then the question is sent, and only an answer
// without such a connection ends the hold. While it executes a value that came whole, a worker is in that
// state too: then the question is asked again.
class UnfinishedValues {
 public:
  static constexpr std::uint64_t kPauseFirstNs = 1'000'000'000;
  static constexpr std::uint64_t kPauseMostNs =
      32'000'000'000;  // memcached lists all its connections each time

  struct World {
    // ServerLink::connections(); the handler is not called once the connection has ended.
    std::function<void(MemcachedSession::AnswerHandler)> connections;
    // UDP sockets that memcached has: no fewer connections can be told.
    std::function<std::size_t()> sockets;
    std::function<std::uint64_t()> now_ns;
  };

  explicit UnfinishedValues(World world) : world_(std::move(world)) {}

  // Every datagram that nobody saw is read: asks, unless a question is under way or the last answer was a
  // moment ago. `none` is called, later, if no value is unfinished.
  void ask(std::function<void()> none);
  // What was asked before counts no more.
  void forget();

 private:
  void answered(const Result<Answer>& answer, const std::function<void()>& none);

  World world_;
  Lifetime question_;
  bool waiting_ = false;
  std::uint64_t next_ns_ = 0;  // not to be asked again before
  std::uint64_t pause_ns_ = kPauseFirstNs;
  bool told_ = false;  // the log why nothing is served yet
};

// Of memcached's connections over UDP, those within a value. `told` is the answer to `stats conns`, of which
// only what is about UDP matters. Fails with EPROTO where fewer than `sockets` are told of, or one without a
// state.
Result<std::size_t> count_unfinished(const Reply& told, std::size_t sockets);

}  // namespace bmc::cache

#endif

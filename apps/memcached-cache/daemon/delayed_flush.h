// SPDX-License-Identifier: Apache-2.0
// DelayedFlush: asks memcached for a flush_all that is still to act, where commands went by that nobody read.
// One per server, owned by ServerTable.
#ifndef BMC_CACHE_DAEMON_DELAYED_FLUSH_H
#define BMC_CACHE_DAEMON_DELAYED_FLUSH_H

#include <cstdint>
#include <functional>
#include <optional>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/daemon/memcached_session.h"
#include "apps/memcached-cache/daemon/server_clock.h"
#include "control-plane/result.h"

namespace bmc::cache {

// A write that nobody read is executed by the time that the hold for it ends. Not so `flush_all 60`: it is
// executed too, and acts a minute later. memcached tells of it: `oldest` of `stats settings` is the second of
// its own clock at which the last flush_all acts, or acted (memcached.c 1.6.18: process_flush_all_command(),
// item_is_flushed(); server_stats() tells `uptime` as that clock less ITEM_UPDATE_INTERVAL).
//
// SERVER_FLUSH_UNSEEN is set before such a hold ends, so what it stands for was executed before. We raise
// ASKED, clear UNSEEN, and only then ask: the answer knows of everything that set the mark we cleared, and
// what sets it again makes us ask again. One of the two bits stands until the answer is in `flush_from`.
class DelayedFlush {
 public:
  struct World {
    // ServerLink::settings(); the handler is not called once the connection has ended.
    std::function<void(MemcachedSession::AnswerHandler)> settings;
    std::function<const ServerClock&()> clock;
    // The server's slot of map `servers`; null: it has none.
    std::function<server_state*()> state;
    // Nothing is served from deadline `from` on, until memcached's clock is seen beyond the next `within_s`.
    std::function<Result<void>(std::uint32_t from, std::uint32_t within_s)> schedule;
  };

  explicit DelayedFlush(World world) : world_(std::move(world)) {}

  // A bit may be set, or memcached's clock, which is needed to understand the answer, was read: asks if so.
  void look();
  // The connection ended: no answer will come.
  void forget() { waiting_ = false; }

 private:
  void answered(const Result<Answer>& answer);

  World world_;
  bool waiting_ = false;
  bool complained_ = false;
};

// `oldest` and the clock, as seconds of CLOCK_MONOTONIC between which the flush_all acts; nothing: none is to
// act any more. Fails with EPROTO where memcached does not tell it.
Result<std::optional<ServerClock::Span>> pending_flush(const Stats& settings, const ServerClock& clock);

}  // namespace bmc::cache

#endif

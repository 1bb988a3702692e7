// SPDX-License-Identifier: Apache-2.0
// The question for `oldest`, and what its answer means.
#include "apps/memcached-cache/daemon/delayed_flush.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/daemon/cache_memory.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace {

// ITEM_UPDATE_INTERVAL of memcached 1.4 to 1.6: what `uptime` is behind the clock that `oldest` is of.
constexpr std::int64_t kUptimeBehind = 60;

}  // namespace

Result<std::optional<ServerClock::Span>> pending_flush(const Stats& settings, const ServerClock& clock) {
  const auto told = settings.find("oldest");
  const std::optional<std::int64_t> oldest =
      told == settings.end() ? std::nullopt : parse_number(told->second);
  if (!oldest || *oldest < 0 || *oldest > std::numeric_limits<std::uint32_t>::max())
    return Error{EPROTO, "memcached does not tell its `oldest`"};
  if (*oldest == 0) return std::optional<ServerClock::Span>();
  const ServerClock::Span acts = clock.seconds_of(*oldest - kUptimeBehind);
  // In the second in which it acts, what is stored later is taken too.
  if (static_cast<std::int64_t>(clock.floor_s()) > acts.latest) return std::optional<ServerClock::Span>();
  // Later than a deadline can say: after nine years this host was up.
  if (deadline_from_second(acts.earliest - 1) == CACHE_DEADLINE_UNKNOWN)
    return std::optional<ServerClock::Span>();
  return std::optional(acts);
}

void DelayedFlush::look() {
  server_state* state = world_.state();
  if (state == nullptr || waiting_ || !world_.clock().known()) return;
  if ((load_hold(*state) & (SERVER_FLUSH_UNSEEN | SERVER_FLUSH_ASKED)) == 0) return;
  raise_hold(*state, SERVER_FLUSH_ASKED);
  clear_hold(*state, SERVER_FLUSH_UNSEEN);
  waiting_ = true;
  world_.settings([this](const Result<Answer>& answer) { answered(answer); });
}

// Where the answer is of no use ASKED stays, and the next reading of the clock asks again.
void DelayedFlush::answered(const Result<Answer>& answer) {
  waiting_ = false;
  server_state* state = world_.state();
  if (state == nullptr || !answer) return;
  const auto acts = pending_flush(answer->reply.stats, world_.clock());
  if (!acts) {
    if (!std::exchange(complained_, true)) spdlog::error("{}; nothing is served", acts.error().what);
    return;
  }
  if (*acts) {
    const auto now = static_cast<std::int64_t>(monotonic_ns() / kSecondNs);
    const std::int64_t within = std::clamp<std::int64_t>((*acts)->latest - now, 0, INT32_MAX) + 1;
    const Result<void> done =
        world_.schedule(deadline_from_second((*acts)->earliest - 1), static_cast<std::uint32_t>(within));
    if (!done) return spdlog::error("{}; nothing is served", done.error().what);
    spdlog::info("a flush_all that nobody saw acts within {} s; nothing is served from then on until it has",
                 within);
  }
  clear_hold(*state, SERVER_FLUSH_ASKED);
  look();
}

}  // namespace bmc::cache

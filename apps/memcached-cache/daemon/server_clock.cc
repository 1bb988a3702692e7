// SPDX-License-Identifier: Apache-2.0
// The bounds on memcached's clock. See server_clock.h for where each relation comes from.
#include "apps/memcached-cache/daemon/server_clock.h"

#include <algorithm>
#include <string>

#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace {

// current_time is 32 bits wide in memcached.
constexpr std::uint64_t kUptimeMax = 0xffffffff;
constexpr std::int64_t kTimeMax = 1ll << 40;
// Before the offset is known: 25 polls see a tick within 40 ms of it, for one second.
constexpr std::uint64_t kSearchNs = 40 * kMillisecondNs;
// How long after the expected tick to ask: libevent's timers are late by a few milliseconds.
constexpr std::uint64_t kAfterTickNs = 20 * kMillisecondNs;
// Having asked too early, ask again soon, a few times; then memcached is late or stopped.
constexpr std::uint32_t kEagerPolls = 5;
constexpr std::uint64_t kLateNs = 250 * kMillisecondNs;

}  // namespace

Result<void> ServerClock::observe(const ClockPoll& poll) {
  if (poll.uptime_s > kUptimeMax || poll.time_s < 0 || poll.time_s > kTimeMax ||
      poll.received_ns < poll.sent_ns)
    return Error{EPROTO, "memcached tells an impossible uptime or time: " + std::to_string(poll.uptime_s) +
                             ", " + std::to_string(poll.time_s)};
  const auto uptime = static_cast<std::int64_t>(poll.uptime_s);
  const std::int64_t identity = poll.time_s - uptime;
  if (last_ && poll.uptime_s < last_->uptime_s)
    return Error{ESTALE, "memcached's uptime went back from " + std::to_string(last_->uptime_s) + " to " +
                             std::to_string(poll.uptime_s)};
  if (last_ && identity != start_identity_) return Error{ESTALE, "memcached's start time changed"};
  const std::int64_t high = std::min(high_.value_or(INT64_MAX), second_of(poll.received_ns) - uptime);
  std::optional<std::int64_t> low = low_;
  const bool ticked = last_ && poll.uptime_s > last_->uptime_s;
  if (ticked) low = std::max(low.value_or(INT64_MIN), second_of(last_->sent_ns) - uptime);
  if (low && *low - static_cast<std::int64_t>(margin_s_) > high)
    return Error{ESTALE, "memcached's clock does not run with the kernel's monotonic clock"};

  high_ = high;
  low_ = low;
  start_identity_ = identity;
  polls_since_tick_ = ticked ? 0 : polls_since_tick_ + 1;
  if (ticked) note_tick(poll);
  last_ = poll;
  return {};
}

void ServerClock::note_tick(const ClockPoll& poll) {
  // Only a tick caught between two close polls says when ticks come.
  if (poll.received_ns - last_->sent_ns < kSecondNs / 2)
    tick_ns_ = last_->sent_ns + (poll.received_ns - last_->sent_ns) / 2;
}

std::uint64_t ServerClock::floor_s() const {
  if (!known()) return 0;
  const std::int64_t floor = static_cast<std::int64_t>(last_->uptime_s) + *low_ - margin_s_;
  return floor > 0 ? static_cast<std::uint64_t>(floor) : 0;
}

std::int64_t ServerClock::wall_to_mono_s() const { return *low_ - margin_s_ - start_identity_; }

ServerClock::Span ServerClock::seconds_of(std::int64_t uptime_s) const {
  return {uptime_s + *low_ - margin_s_, uptime_s + *high_ + margin_s_};
}

std::uint64_t ServerClock::next_poll_ns(std::uint64_t now_ns) const {
  if (tick_ns_ == 0) return now_ns + kSearchNs;
  if (polls_since_tick_ > kEagerPolls) return now_ns + kLateNs;
  if (polls_since_tick_ > 0) return now_ns + kAfterTickNs;
  // The last poll saw a tick: on to the first expected one that is not the same.
  const std::uint64_t earliest = now_ns + kSecondNs / 2;
  const std::uint64_t since = earliest > tick_ns_ ? earliest - tick_ns_ : 0;
  return tick_ns_ + (since + kSecondNs - 1) / kSecondNs * kSecondNs + kAfterTickNs;
}

}  // namespace bmc::cache

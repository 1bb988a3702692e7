// SPDX-License-Identifier: Apache-2.0
// The question for `stats conns`, and what its answer means.
#include "apps/memcached-cache/daemon/unfinished_values.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

namespace bmc::cache {

Result<std::size_t> count_unfinished(const Reply& told, std::size_t sockets) {
  constexpr std::string_view kOverUdp = ":UDP";
  const Error untold{EPROTO, "memcached does not tell the state of its UDP connections in `stats conns`"};
  std::size_t known = 0;
  std::size_t unfinished = 0;
  for (const auto& [name, value] : told.stats) {
    if (!name.ends_with(kOverUdp)) continue;
    const auto state = told.stats.find(name.substr(0, name.size() - kOverUdp.size()) + ":state");
    if (state == told.stats.end() || state->second.empty()) return untold;
    known++;
    unfinished += state->second == "conn_nread";
  }
  if (known < sockets) return untold;
  return unfinished;
}

void UnfinishedValues::ask(std::function<void()> none) {
  if (waiting_ || world_.now_ns() < next_ns_) return;
  waiting_ = true;
  world_.connections(question_.guard(
      [this, none = std::move(none)](const Result<Answer>& answer) { answered(answer, none); }));
}

void UnfinishedValues::forget() {
  question_.end();
  waiting_ = false;
  next_ns_ = 0;
  pause_ns_ = kPauseFirstNs;
  told_ = false;
}

void UnfinishedValues::answered(const Result<Answer>& answer, const std::function<void()>& none) {
  waiting_ = false;
  next_ns_ = world_.now_ns() + pause_ns_;
  pause_ns_ = std::min(2 * pause_ns_, kPauseMostNs);
  if (!answer) return;
  const Result<std::size_t> unfinished = count_unfinished(answer->reply, world_.sockets());
  if (unfinished && *unfinished == 0) {
    forget();
    return none();
  }
  // The first answer may have met a worker at a value that came whole.
  if (pause_ns_ <= 2 * kPauseFirstNs || std::exchange(told_, true)) return;
  if (!unfinished) return spdlog::error("{}; nothing is served", unfinished.error().what);
  spdlog::warn(
      "{} of memcached's workers wait for the rest of a value over UDP, and may store it at any time: "
      "nothing is "
      "served until they have, or memcached is restarted",
      *unfinished);
}

}  // namespace bmc::cache

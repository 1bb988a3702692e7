// SPDX-License-Identifier: Apache-2.0
// The two windows.
#include "apps/memcached-cache/daemon/rest_policy.h"

#include <algorithm>
#include <utility>

namespace bmc::cache {

RestPolicy::Verdict RestPolicy::step(const Seen& seen) {
  if (window_ns_ == 0) return Verdict::kAsBefore;
  const Verdict verdict = resting_ ? may_wake(seen) : judge(seen);
  last_ = seen;
  return verdict;
}

RestPolicy::Verdict RestPolicy::judge(const Seen& seen) {
  const std::uint64_t window = rested_ ? std::min(window_ns_, kTrialNs) : window_ns_;
  // The window is one in which there could be hits: it begins when the server is served.
  if (!seen.serves || !last_.serves) {
    begun_ = served_ = seen;
    return Verdict::kAsBefore;
  }
  if (seen.now_ns - begun_.now_ns < window) return Verdict::kAsBefore;
  const std::uint64_t hits = seen.hits - begun_.hits;
  const std::uint64_t misses = seen.misses - begun_.misses;
  const std::uint64_t requests = hits + misses + seen.replies - begun_.replies;
  const std::uint64_t seconds = std::max<std::uint64_t>((seen.now_ns - begun_.now_ns) / kSecondNs, 1);
  const bool filling = is_filling(seen, requests);
  begun_ = seen;
  if (requests >= kRequestsPerSecond * seconds && hits * kWorth < requests && !filling)
    return rest(seen, misses >= kAsksPerSecond * seconds);
  if (hits * kWorth >= requests && hits != 0) {
    rested_ = false;
    next_pause_ = kPauseFirstNs;
  }
  return Verdict::kAsBefore;
}

bool RestPolicy::is_filling(const Seen& seen, std::uint64_t requests) const {
  const bool has_room = seen.recycled - served_.recycled < seen.segments;
  return has_room && (seen.fills - begun_.fills) * kWorth >= requests;
}

RestPolicy::Verdict RestPolicy::rest(const Seen& seen, bool were_asks) {
  // Datagrams may have woken it that are no gets: then the next ones are nothing to hurry for either.
  const bool was_trial = std::exchange(rested_, true);
  resting_ = true;
  begun_ = seen;
  pause_ = were_asks || was_trial ? next_pause_ : 0;
  if (pause_ != 0) next_pause_ = std::min(2 * next_pause_, kPauseMostNs);
  return Verdict::kRest;
}

RestPolicy::Verdict RestPolicy::may_wake(const Seen& seen) {
  if (!seen.rests) {  // its process went: the next one is watched from its beginning
    resting_ = false;
    begun_ = seen;
    return Verdict::kAsBefore;
  }
  if (seen.now_ns - begun_.now_ns < pause_) return Verdict::kAsBefore;
  const std::uint64_t asks = seen.asks - last_.asks;
  const std::uint64_t ns = std::max<std::uint64_t>(seen.now_ns - last_.now_ns, 1);
  if (asks * kSecondNs / ns < kAsksPerSecond) return Verdict::kAsBefore;
  resting_ = false;
  begun_ = seen;
  return Verdict::kWake;
}

}  // namespace bmc::cache

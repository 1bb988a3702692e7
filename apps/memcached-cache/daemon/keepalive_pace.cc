// SPDX-License-Identifier: Apache-2.0
// See keepalive_pace.h.
#include "apps/memcached-cache/daemon/keepalive_pace.h"

#include <algorithm>
#include <bit>
#include <optional>

namespace bmc::cache {
namespace {

constexpr int kTicksBits = 3;

std::optional<std::int64_t> number(const Stats& stats, std::string_view name) {
  const auto found = stats.find(name);
  return found == stats.end() ? std::nullopt : parse_number(found->second);
}

}  // namespace

KeepalivePace::KeepalivePace(std::chrono::nanoseconds revalidate_after) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(revalidate_after.count(), 0));
  const int shift = std::max(static_cast<int>(std::bit_width(ns)) - 1 - kTicksBits, 0);
  const std::uint64_t half = (std::uint64_t{1} << shift) / 2;
  shift_ = static_cast<std::uint16_t>(shift);
  least_ = ticks_ = static_cast<std::uint16_t>((ns + half) >> shift);
}

void KeepalivePace::step(std::uint64_t now_ns, std::span<const Stats* const> servers) {
  if (!is_calm(servers))
    calm_since_ns_ = 0;
  else if (calm_since_ns_ == 0)
    calm_since_ns_ = now_ns;
  const std::uint64_t wanted_ns = evictions_ == 0 ? 0 : kCalmNs;
  if (calm_since_ns_ != 0 && now_ns - calm_since_ns_ >= wanted_ns)
    ticks_ = static_cast<std::uint16_t>(least_ * kStretch);
  else if (ticks_ > least_)
    ticks_--;
}

// What memcached does not tell is no reason to be calm.
bool KeepalivePace::is_calm(std::span<const Stats* const> servers) {
  std::int64_t evictions = 0;
  bool calm = !servers.empty();
  for (const Stats* stats : servers) {
    const auto evicted = number(*stats, "evictions");
    const auto bytes = number(*stats, "bytes"), limit = number(*stats, "limit_maxbytes");
    calm = calm && evicted && bytes && limit && *bytes <= *limit / 4 * 3;
    evictions += evicted.value_or(0);
  }
  calm = calm && evictions == evictions_;
  evictions_ = evictions;
  return calm;
}

}  // namespace bmc::cache

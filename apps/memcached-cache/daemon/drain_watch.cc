// SPDX-License-Identifier: Apache-2.0
// Book-keeping over successive socket lists.
#include "apps/memcached-cache/daemon/drain_watch.h"

#include <algorithm>
#include <utility>

namespace bmc::cache {

void DrainWatch::listed(std::uint64_t listed_ns, const std::vector<SocketInfo>& sockets) {
  std::unordered_map<std::uint64_t, std::uint64_t> now;
  now.reserve(sockets.size());
  for (const SocketInfo& socket : sockets) {
    if (socket.listening()) continue;
    const std::uint64_t before = drained_since(socket.cookie);
    now.emplace(socket.cookie, !socket.drained() ? 0 : before != 0 ? before : listed_ns);
  }
  since_ = std::move(now);
}

std::uint64_t DrainWatch::drained_since(std::uint64_t cookie) const {
  const auto found = since_.find(cookie);
  return found == since_.end() ? 0 : found->second;
}

void DrainWatch::start_again(std::uint64_t cookie, std::uint64_t listed_ns) {
  const auto found = since_.find(cookie);
  if (found != since_.end() && found->second != 0) found->second = listed_ns;
}

void DrainAll::begin(std::uint64_t now_ns) {
  begun_ns_ = now_ns;
  drained_ns_ = 0;
  open_.clear();
  done_.clear();
  waiting_for_.clear();
}

void DrainAll::listed(std::uint64_t listed_ns, const std::vector<SocketInfo>& sockets) {
  if (!running() || drained_ns_ != 0) return;
  const bool gathering = listed_ns < begun_ns_ + kGatherNs;
  std::set<std::uint64_t> open;
  waiting_for_.clear();
  for (const SocketInfo& socket : sockets) {
    if (socket.listening()) continue;
    const bool known = open_.contains(socket.cookie);
    if (!known && (!gathering || done_.contains(socket.cookie))) continue;
    if (socket.drained() && listed_ns >= begun_ns_ + kOnItsWayNs) {
      done_.insert(socket.cookie);
      continue;
    }
    open.insert(socket.cookie);
    waiting_for_.push_back(socket);
  }
  open_ = std::move(open);
  if (open_.empty() && !gathering) drained_ns_ = listed_ns;
}

}  // namespace bmc::cache

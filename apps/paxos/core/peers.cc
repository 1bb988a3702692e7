// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/core/peers.h"

#include <algorithm>
#include <functional>

namespace bmc::paxos {

namespace {
using Values = std::array<std::uint64_t, PAXOS_REPLICAS_MAX>;

// The `nth` largest (from 1) of the first `count`.
std::uint64_t nth_largest(Values values, std::size_t count, std::size_t nth) {
  std::sort(values.begin(), values.begin() + count, std::greater<>());
  return values[nth - 1];
}
}  // namespace

Peers::Peers(const CoreOptions& options, Micros now) : options_(options) { start_view(now); }

void Peers::start_view(Micros now) {
  for (Peer& each : peers_) {
    each.acked = 0;
    each.heard = now;
    each.pressed = now;
  }
}

Op Peers::acked_by(std::size_t quorum) const {
  Values acked{};
  for (std::size_t i = 0; i < options_.replica_count; ++i) acked[i] = peers_[i].acked;
  return nth_largest(acked, options_.replica_count, quorum);
}

Micros Peers::quorum_heard(Micros now) const {
  Values heard{};
  for (std::size_t i = 0; i < options_.replica_count; ++i) heard[i] = peers_[i].heard;
  heard[options_.index] = now;
  return nth_largest(heard, options_.replica_count, options_.quorum());
}

View Peers::wished_by(std::size_t quorum, View own, Micros now, Micros lifetime_us) const {
  Values wishes{};
  for (std::size_t i = 0; i < options_.replica_count; ++i) {
    wishes[i] = now - peers_[i].wished <= lifetime_us ? peers_[i].wish : 0;
  }
  wishes[options_.index] = own;
  return nth_largest(wishes, options_.replica_count, quorum);
}

}  // namespace bmc::paxos

// SPDX-License-Identifier: Apache-2.0
// What a replica knows of each of the others (and, for a uniform count, of itself). Used by ReplicaCore only.
#ifndef BMC_PAXOS_CORE_PEERS_H
#define BMC_PAXOS_CORE_PEERS_H

#include <array>

#include "apps/paxos/core/core_options.h"

namespace bmc::paxos {

struct Peer {
  std::uint32_t incarnation = 0;  // highest seen
  Micros heard = 0;               // when it last answered in this replica's view: PREPARE_OK, PONG
  View wish = 0;                  // of its newest START_VIEW_CHANGE
  Micros wished = 0;              // when that came; it lapses
  // Only valid when this replica leads:
  Op acked = 0;        // entries up to it are acknowledged in this view
  Micros pressed = 0;  // when `acked` last rose or PREPAREs were last repeated
};

class Peers {
 public:
  Peers(const CoreOptions& options, Micros now);

  Peer& operator[](ReplicaIndex index) { return peers_[index]; }
  const Peer& operator[](ReplicaIndex index) const { return peers_[index]; }

  // A new view: what was heard and acknowledged in the old one no longer counts.
  void start_view(Micros now);

  // The highest op that `quorum` replicas have acknowledged.
  Op acked_by(std::size_t quorum) const;
  // Since when a quorum, this replica included, has not been heard: the time at which the last of the quorum
  // that was heard most recently sent something.
  Micros quorum_heard(Micros now) const;
  // The highest view that `quorum` replicas wish for; `own` is this replica's wish. A wish older than
  // `lifetime_us` does not count.
  View wished_by(std::size_t quorum, View own, Micros now, Micros lifetime_us) const;

 private:
  const CoreOptions& options_;
  std::array<Peer, PAXOS_REPLICAS_MAX> peers_{};
};

}  // namespace bmc::paxos

#endif

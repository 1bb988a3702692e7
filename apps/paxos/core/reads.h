// SPDX-License-Identifier: Apache-2.0
// Linearizable reads that are under way. They pass three stages together with all that came in the meantime:
// waiting -> asked (one question for all of them is out: a COMMIT round of the leader, a READ_INDEX of a
// backup) -> confirmed (answered as soon as the op they must see is applied). Used by ReplicaCore only.
#ifndef BMC_PAXOS_CORE_READS_H
#define BMC_PAXOS_CORE_READS_H

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "apps/paxos/core/types.h"

namespace bmc::paxos {

struct Read {
  std::uint64_t client = 0;
  std::uint64_t session = 0;
  std::uint64_t number = 0;
  std::string query;
};

struct ConfirmedRead {
  Op index = 0;  // to be applied before the answer
  Read read;
};

struct Reads {
  // READ_INDEX questions of backups: bit i set; whose life it asks in, and its number there.
  struct Remote {
    ReplicaSet from = 0;
    std::array<std::uint32_t, PAXOS_REPLICAS_MAX> incarnation{};
    std::array<std::uint32_t, PAXOS_REPLICAS_MAX> echo{};

    bool has(ReplicaIndex asker, std::uint32_t life, std::uint32_t number) const {
      return (from >> asker & 1) && incarnation[asker] == life && echo[asker] == number;
    }
  };

  std::vector<Read> waiting;
  std::vector<Read> asked;
  std::deque<ConfirmedRead> confirmed;  // by index
  Remote remote_waiting;                // leader only
  Remote remote_asked;

  bool is_asking = false;
  std::uint32_t echo = 0;   // number of the newest question
  Op index = 0;             // leader: what the asked ones must see
  ReplicaSet answered = 0;  // leader: who has answered it

  std::size_t size() const { return waiting.size() + asked.size() + confirmed.size(); }
};

}  // namespace bmc::paxos

#endif

// SPDX-License-Identifier: Apache-2.0
// The sessions of the clients and the reply to the last request of each (VR Revisited section 4). Part of the
// replicated state: changed by applying entries only, equal on all replicas. Used by ReplicaCore only.
#ifndef BMC_PAXOS_CORE_CLIENT_TABLE_H
#define BMC_PAXOS_CORE_CLIENT_TABLE_H

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/core/types.h"

namespace bmc::paxos {

class ClientTable {
 public:
  struct Session {
    std::uint64_t client = 0;
    std::uint64_t session = 0;  // op of the REGISTER that opened it
    std::uint64_t number = 0;   // of the last request applied; 0: none yet
    Op last_op = 0;             // of that request, or of the REGISTER
    std::string result;         // of that request
  };

  explicit ClientTable(std::size_t sessions_max) : sessions_max_(sessions_max) {}

  // Null if the client has no session. Valid until the next change.
  const Session* find(std::uint64_t client) const;

  // Opens a session at `op`, or leaves the one the client has: a repeated REGISTER must not end it. If the
  // table is full, the session whose last request lies furthest back is evicted.
  const Session& open(std::uint64_t client, Op op);

  // The session's request `number` was applied at `op`. The session must be there.
  const Session& applied(std::uint64_t client, std::uint64_t number, Op op, std::string result);

  std::size_t size() const { return order_.size(); }

  // In the order of eviction, which is the same on all replicas.
  void save(body::Checkpoint& checkpoint) const;
  void load(const body::Checkpoint& checkpoint);

 private:
  const std::size_t sessions_max_;
  std::list<Session> order_;  // the one to be evicted first is at the front
  std::unordered_map<std::uint64_t, std::list<Session>::iterator> by_client_;
};

}  // namespace bmc::paxos

#endif

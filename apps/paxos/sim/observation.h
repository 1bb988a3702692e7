// SPDX-License-Identifier: Apache-2.0
// What a checker sees of one replica after every call into its core. Plain data, so that the checkers' own
// tests can make up histories that no core would write.
#ifndef BMC_PAXOS_SIM_OBSERVATION_H
#define BMC_PAXOS_SIM_OBSERVATION_H

#include <sstream>
#include <string>

#include "apps/paxos/core/replica_core.h"

namespace bmc::paxos::sim {

// The log of the replica that is looked at.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // Null: trimmed or not there.
  virtual const LogEntry* entry(Op op) const = 0;
};

struct Observation {
  ReplicaIndex replica = 0;
  Micros now = 0;      // simulated
  bool first = false;  // of this life; `before` is then empty
  const CoreView& before;
  const CoreView& after;
  const LogReader& log;
};

// Asks for something and promises nothing: a replica that is not (yet) in the view it names may send it.
inline bool is_question(MessageType type) {
  return type == MessageType::kRecovery || type == MessageType::kGetState ||
         type == MessageType::kGetCheckpoint;
}

// All arguments as one text.
template <typename... Parts>
std::string say(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

inline std::string replica_name(ReplicaIndex replica) { return say("replica ", unsigned{replica}); }

}  // namespace bmc::paxos::sim

#endif

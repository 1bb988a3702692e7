// SPDX-License-Identifier: Apache-2.0
// The command status: asks a running replica over memcached's protocol what it is doing.
#ifndef BMC_KV_PROGRAM_STATUS_H
#define BMC_KV_PROGRAM_STATUS_H

#include <map>
#include <string>

#include "control-plane/endpoint.h"
#include "control-plane/result.h"

namespace bmc::kv {

// Names and values of `stats paxos`.
using PaxosStats = std::map<std::string, std::string>;

// Blocks, for some seconds at most.
Result<PaxosStats> ask_status(const Endpoint& server);

// For a person, in lines; for a program. The error says that it is no paxos-kv that answered.
Result<std::string> show_status(const PaxosStats& stats);
Result<std::string> show_status_as_json(const PaxosStats& stats);

}  // namespace bmc::kv

#endif

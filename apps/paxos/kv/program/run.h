// SPDX-License-Identifier: Apache-2.0
// The command run: the replica and the server in one process, until SIGTERM or SIGINT.
#ifndef BMC_KV_PROGRAM_RUN_H
#define BMC_KV_PROGRAM_RUN_H

#include "apps/paxos/kv/program/config.h"
#include "control-plane/result.h"

namespace bmc::kv {

// Returns when everything has ended in good order.
Result<void> run(const Config& config);

}  // namespace bmc::kv

#endif

// SPDX-License-Identifier: Apache-2.0
// The hash chain over the log: equal chains at an op mean equal logs up to it. Used by the core, by storage
// and by the simulator's checkers.
#ifndef BMC_PAXOS_CORE_CHAIN_H
#define BMC_PAXOS_CORE_CHAIN_H

#include <string_view>

#include "apps/paxos/core/types.h"

namespace bmc::paxos {

// XXH3, 64 bits. Finds damage, not malice.
std::uint64_t hash_of(std::string_view bytes);

// Of the entry at `op`, first proposed in `view` with `batch`, behind an entry with chain `before`. Never 0,
// which is the chain of the empty log.
Chain chain_of(Chain before, Op op, View view, std::string_view batch);

}  // namespace bmc::paxos

#endif

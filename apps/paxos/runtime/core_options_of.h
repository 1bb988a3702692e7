// SPDX-License-Identifier: Apache-2.0
// The library's Options in the words of the core. They must be valid.
#ifndef BMC_PAXOS_RUNTIME_CORE_OPTIONS_OF_H
#define BMC_PAXOS_RUNTIME_CORE_OPTIONS_OF_H

#include "apps/paxos/core/core_options.h"
#include "apps/paxos/include/bmc/paxos/options.h"

namespace bmc::paxos::runtime {

CoreOptions core_options_of(const Options& options);
Durability durability_of(const Options& options);

}  // namespace bmc::paxos::runtime

#endif

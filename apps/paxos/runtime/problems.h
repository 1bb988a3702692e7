// SPDX-License-Identifier: Apache-2.0
// Options that are wrong, as one Error. Used where options come in from outside.
#ifndef BMC_PAXOS_RUNTIME_PROBLEMS_H
#define BMC_PAXOS_RUNTIME_PROBLEMS_H

#include <string>
#include <vector>

#include "apps/paxos/include/bmc/paxos/error.h"

namespace bmc::paxos::runtime {

inline Error configuration_error(const std::vector<std::string>& problems) {
  Error error{ErrorCode::configuration};
  for (const std::string& each : problems) error.what += (error.what.empty() ? "" : "; ") + each;
  return error;
}

}  // namespace bmc::paxos::runtime

#endif

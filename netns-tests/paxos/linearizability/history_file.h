// SPDX-License-Identifier: Apache-2.0
// A history as a file: one JSON object in each line, times in nanoseconds. Written by paxos-nemesis when
// something is wrong, read by its --check.
#ifndef BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_HISTORY_FILE_H
#define BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_HISTORY_FILE_H

#include <string>

#include "control-plane/result.h"
#include "netns-tests/paxos/linearizability/operation.h"

namespace bmc::linearizability {

Result<void> write_history(const std::string& path, const History& history);

// EINVAL with the line's number if one is no operation.
Result<History> read_history(const std::string& path);

}  // namespace bmc::linearizability

#endif

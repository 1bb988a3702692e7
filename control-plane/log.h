// SPDX-License-Identifier: Apache-2.0
// The log: spdlog to stderr, in journald's form under systemd. Set up once by the executables.
#ifndef BMC_CONTROL_PLANE_LOG_H
#define BMC_CONTROL_PLANE_LOG_H

#include <string>

namespace bmc {

// `level` is a name from the configuration, `program` whose lines they are. When stderr is journald's own
// stream (JOURNAL_STREAM says which), lines carry a "<priority>" prefix instead of a time of their own.
void set_up_log(const std::string& level, const std::string& program = "bmcd");

}  // namespace bmc

#endif

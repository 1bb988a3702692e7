// SPDX-License-Identifier: Apache-2.0
// PortGrant: which user may have what from bmcd for which of his ports. Read by the configuration, used by
// the application that it concerns.
#ifndef BMC_CONTROL_PLANE_PORT_GRANT_H
#define BMC_CONTROL_PLANE_PORT_GRANT_H

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "control-plane/result.h"

namespace bmc {

struct PortGrant {
  uid_t uid = 0;
  std::uint16_t first_port = 0, last_port = 0;  // 1 to 65535, in this order

  bool covers(uid_t user, std::uint16_t port) const {
    return user == uid && first_port <= port && port <= last_port;
  }
};

// "uid=1000,ports=7400-7409", "user=paxos,ports=7400"; in either order.
Result<PortGrant> parse_port_grant(std::string_view text);

std::string to_string(const PortGrant& grant);  // "uid=1000,ports=7400-7409"

}  // namespace bmc

#endif

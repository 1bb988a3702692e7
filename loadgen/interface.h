// SPDX-License-Identifier: Apache-2.0
// What the kernel knows of the way to a server: source address, Ethernet addresses of both ends. Asked over
// rtnetlink and ioctl in the calling thread's network namespace. Used by bmc-loadgen and the demo to fill a
// Link.
#ifndef BMC_LOADGEN_INTERFACE_H
#define BMC_LOADGEN_INTERFACE_H

#include <optional>
#include <string>

#include "control-plane/result.h"
#include "loadgen/frame.h"

namespace bmc::loadgen {

// `server_mac` is looked up among the neighbours when not given: a server behind a router needs it given, and
// a server never spoken to must have been pinged before.
Result<Link> resolve_link(const std::string& interface, const IpAddress& server, std::uint16_t server_port,
                          const std::optional<Mac>& server_mac = {});

}  // namespace bmc::loadgen

#endif

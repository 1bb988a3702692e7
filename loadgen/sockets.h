// SPDX-License-Identifier: Apache-2.0
// Opening sockets to the server, with errors that say what to do. Used by the population and the socket
// transports.
#ifndef BMC_LOADGEN_SOCKETS_H
#define BMC_LOADGEN_SOCKETS_H

#include <cstdint>

#include "control-plane/fd.h"
#include "control-plane/result.h"
#include "loadgen/frame.h"

namespace bmc::loadgen {

// Connected, blocking, five seconds at most for the connection and for each call after it.
Result<Fd> connect_tcp(const IpAddress& server, std::uint16_t port);

// Connected, not blocking.
Result<Fd> connect_udp(const IpAddress& server, std::uint16_t port);

// Whether anybody answers over UDP there: asks a few times, a second in all. The error says what may be
// missing.
Result<void> probe_udp(const IpAddress& server, std::uint16_t port);

}  // namespace bmc::loadgen

#endif

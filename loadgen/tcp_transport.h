// SPDX-License-Identifier: Apache-2.0
// The TCP transports: all over connections; and sets over TCP with gets over UDP, as users of a cache that
// serves UDP do.
#ifndef BMC_LOADGEN_TCP_TRANSPORT_H
#define BMC_LOADGEN_TCP_TRANSPORT_H

#include <memory>

#include "loadgen/socket_transport.h"

namespace bmc::loadgen {

// ECONNREFUSED and the like when nobody is there. `workload` must outlive the transport.
Result<std::unique_ptr<SocketTransport>> make_tcp_transport(const SocketOptions& options,
                                                            const Workload& workload);

// Each connection of a thread is a TCP connection and a UDP socket; each may have a whole pipeline
// outstanding.
Result<std::unique_ptr<SocketTransport>> make_mixed_transport(const SocketOptions& options,
                                                              const Workload& workload);

}  // namespace bmc::loadgen

#endif

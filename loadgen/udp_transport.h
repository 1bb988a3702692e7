// SPDX-License-Identifier: Apache-2.0
// The UDP transport: gets and sets in datagrams through sockets, in batches of sendmmsg and recvmmsg.
#ifndef BMC_LOADGEN_UDP_TRANSPORT_H
#define BMC_LOADGEN_UDP_TRANSPORT_H

#include <memory>

#include "loadgen/socket_transport.h"

namespace bmc::loadgen {

// ETIMEDOUT when nobody answers there. `workload` must outlive the transport.
Result<std::unique_ptr<SocketTransport>> make_udp_transport(const SocketOptions& options,
                                                            const Workload& workload);

// One connection of it.
Result<std::unique_ptr<Channel>> open_udp_channel(const SocketOptions& options,
                                                  const ChannelContext& context);

// EINVAL when a set may not fit a datagram of the server's: memcached takes requests of one datagram only.
Result<void> check_sets_fit_datagram(const SocketOptions& options, const Workload& workload);

}  // namespace bmc::loadgen

#endif

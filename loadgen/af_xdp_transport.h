// SPDX-License-Identifier: Apache-2.0
// The AF_XDP transport: whole frames from and to user space, past the network stack, on any interface. Needs
// CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW.
#ifndef BMC_LOADGEN_AF_XDP_TRANSPORT_H
#define BMC_LOADGEN_AF_XDP_TRANSPORT_H

#include <memory>
#include <string>

#include "loadgen/frame.h"
#include "loadgen/socket_transport.h"

namespace bmc::loadgen {

struct AfXdpOptions {
  std::string interface;
  Link link;
  bool verify_checksum = true;
};

// `sockets.threads` must be 1: replies come on any queue, and one thread reads all. Each connection is a
// source port. Everything happens in the calling thread's network namespace. `workload` must outlive the
// transport.
Result<std::unique_ptr<SocketTransport>> make_af_xdp_transport(const SocketOptions& sockets,
                                                               const AfXdpOptions& options,
                                                               const Workload& workload);

}  // namespace bmc::loadgen

#endif

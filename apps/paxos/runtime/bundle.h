// SPDX-License-Identifier: Apache-2.0
// Several messages in one datagram, one behind the other: what a client and a replica say to each other in
// one burst. Every message keeps its own header, which tells its length. What replicas say among themselves
// is never bundled: the kernel programs read one message to a datagram. Used by UdpTransport.
#ifndef BMC_PAXOS_RUNTIME_BUNDLE_H
#define BMC_PAXOS_RUNTIME_BUNDLE_H

#include <cstddef>
#include <cstring>
#include <string_view>

#include "apps/paxos/abi/paxos_wire.h"

namespace bmc::paxos::runtime {

// The message that `datagram` begins with, as far as its header can be believed: all of it if that says
// nothing of more. Never empty unless `datagram` is. The codec judges what it is.
inline std::string_view first_message(std::string_view datagram) {
  if (datagram.size() < PAXOS_HEADER_BYTES) return datagram;
  paxos_header header;
  std::memcpy(&header, datagram.data(), sizeof(header));
  return datagram.substr(0, PAXOS_HEADER_BYTES + std::size_t{header.body_len});
}

}  // namespace bmc::paxos::runtime

#endif

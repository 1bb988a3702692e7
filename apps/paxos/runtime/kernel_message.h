// SPDX-License-Identifier: Apache-2.0
// Messages of bmcd's join socket (abi/join_abi.h) as bytes and descriptors, and whether they are what they
// say. Used by KernelLink.
#ifndef BMC_PAXOS_RUNTIME_KERNEL_MESSAGE_H
#define BMC_PAXOS_RUNTIME_KERNEL_MESSAGE_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/abi/join_abi.h"
#include "apps/paxos/include/bmc/paxos/error.h"
#include "apps/paxos/include/bmc/paxos/options.h"
#include "apps/paxos/runtime/endpoint.h"
#include "control-plane/fd.h"

namespace bmc::paxos::runtime {

paxos_address paxos_address_of(const Endpoint& endpoint);
// Of options that are valid and name a socket.
paxos_join_request join_request_of(const Options& options);

// What a request was granted. Descriptors, owned.
struct KernelGrant {
  std::uint32_t offloads = 0;  // PAXOS_OFFLOAD_...: that are on now
  Fd group, doorbell;
  Fd reports;                        // of broadcasts; none: no broadcasts
  std::uint8_t broadcast_group = 0;  // valid if there are reports
  std::string text;                  // for a person; may be empty
};

// One message as it came.
struct KernelMessage {
  std::string bytes;  // empty: the other side has ended
  std::vector<Fd> descriptors;
  bool is_whole = true;
};

// Blocks not. Errors: io. Nothing: there is none.
Result<std::optional<KernelMessage>> receive_message(int socket);
// With one descriptor. Errors: io.
Result<void> send_request(int socket, const paxos_join_request& request, int descriptor);

// The answer to a request. Errors: configuration (refused, or it is none).
Result<KernelGrant> read_grant(KernelMessage message);
// What is told after it: the offloads. Errors: configuration.
Result<std::uint32_t> read_switch(const KernelMessage& message);

}  // namespace bmc::paxos::runtime

#endif

// SPDX-License-Identifier: Apache-2.0
// The messages of the join socket on a SOCK_SEQPACKET connection, with the descriptors that go with them
// (abi/join_abi.h). Used by JoinServer.
#ifndef BMC_PAXOS_HOST_JOIN_MESSAGE_H
#define BMC_PAXOS_HOST_JOIN_MESSAGE_H

#include <cstdint>
#include <string>
#include <vector>

#include "apps/paxos/abi/join_abi.h"
#include "apps/paxos/host/received_fd.h"
#include "control-plane/result.h"

namespace bmc::paxos::host {

// A request of the right form, with the one descriptor that it brought. What both say is not judged yet.
struct JoinMessage {
  paxos_join_request request = {};
  ReceivedFd socket;
};

// EAGAIN: there is none yet. ESHUTDOWN: the peer has ended. Other errors: what it sent is no request; the
// sentence is for the peer.
Result<JoinMessage> receive_join(int connection);

// What a peer sends that has no more to say; false once it has ended.
bool discard_message(int connection);

// EAGAIN: the peer does not read.
Result<void> send_reply(int connection, const paxos_join_reply& reply,
                        const std::vector<int>& descriptors = {});

// Without text and offloads.
paxos_join_reply blank_reply();
paxos_join_reply refusal(const Error& error);
// Cut where there is no room.
void set_text(paxos_join_reply& reply, const std::string& text);

}  // namespace bmc::paxos::host

#endif

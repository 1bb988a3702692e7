// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/trace.h"

#include "apps/paxos/sim/observation.h"

namespace bmc::paxos::sim {
namespace {

const char* name_of(MessageType type) {
  switch (type) {
    case MessageType::kPrepare:
      return "PREPARE";
    case MessageType::kPrepareOk:
      return "PREPARE_OK";
    case MessageType::kCommit:
      return "COMMIT";
    case MessageType::kStartViewChange:
      return "START_VIEW_CHANGE";
    case MessageType::kDoViewChange:
      return "DO_VIEW_CHANGE";
    case MessageType::kStartView:
      return "START_VIEW";
    case MessageType::kGetState:
      return "GET_STATE";
    case MessageType::kNewState:
      return "NEW_STATE";
    case MessageType::kRecovery:
      return "RECOVERY";
    case MessageType::kRecoveryResponse:
      return "RECOVERY_RESPONSE";
    case MessageType::kRequest:
      return "REQUEST";
    case MessageType::kReply:
      return "REPLY";
    case MessageType::kPing:
      return "PING";
    case MessageType::kPong:
      return "PONG";
    case MessageType::kReadIndex:
      return "READ_INDEX";
    case MessageType::kReadIndexReply:
      return "READ_INDEX_REPLY";
    case MessageType::kGetCheckpoint:
      return "GET_CHECKPOINT";
    case MessageType::kCheckpoint:
      return "CHECKPOINT";
  }
  return "?";
}

}  // namespace

std::string text_of(const Message& message) {
  return say(name_of(message.type), " from ", unsigned{message.sender}, "/", message.incarnation, " view ",
             message.view, " op ", message.op, " commit ", message.commit, " chain ", std::hex, message.chain,
             std::dec, " echo ", message.echo, " body ", message.body->size());
}

}  // namespace bmc::paxos::sim

// SPDX-License-Identifier: Apache-2.0
// A message between replicas, or between a client and a replica, outside of any socket: the fields of the
// wire header (abi/paxos_wire.h) in the host's types, and the serialized body (bodies.proto). What the
// header's other fields carry (magic, cluster, epoch, lengths, checksums) is the business of core/codec.h.
#ifndef BMC_PAXOS_CORE_MESSAGE_H
#define BMC_PAXOS_CORE_MESSAGE_H

#include <memory>
#include <string>

#include "apps/paxos/core/types.h"

namespace bmc::paxos {

struct Message {
  MessageType type = MessageType::kPing;
  std::uint8_t flags = 0;
  ReplicaIndex sender = PAXOS_SENDER_CLIENT;
  std::uint8_t ack_level = PAXOS_ACK_NONE;
  std::uint32_t incarnation = 0;
  std::uint32_t echo = 0;
  View view = 0;
  Op op = 0;
  Op commit = 0;
  Chain chain = 0;
  // Never null in a message that was decoded or that the core sends. Shared, never changed: the log, the
  // retransmission and N datagrams hold the same bytes.
  std::shared_ptr<const std::string> body;
};

}  // namespace bmc::paxos

#endif

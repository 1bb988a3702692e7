// SPDX-License-Identifier: Apache-2.0
// Messages as bytes: the wire header of abi/paxos_wire.h and the body behind it. Used by the runtime's
// transports and by the simulator; cutting a message into datagrams is the transport's business.
#ifndef BMC_PAXOS_CORE_CODEC_H
#define BMC_PAXOS_CORE_CODEC_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "apps/paxos/core/message.h"

namespace bmc::paxos {

// Why bytes are no message for us, in the order of the checks. Name, what it says.
#define PAXOS_REFUSALS(X)                                                       \
  X(too_short, "fewer bytes than a header")                                     \
  X(magic, "does not begin with EPX1")                                          \
  X(version, "of another version of the protocol")                              \
  X(header_words, "the header has extensions that this version does not know")  \
  X(header_hash, "the header is damaged")                                       \
  X(cluster, "of another cluster")                                              \
  X(epoch, "of another configuration of this cluster")                          \
  X(type, "of a type that does not exist")                                      \
  X(flags, "has flags that do not exist, or a body without a checksum")         \
  X(ack_level, "promises what does not exist")                                  \
  X(fragment, "a piece of a message")                                           \
  X(sender, "neither from a replica of this cluster nor a request of a client") \
  X(body_length, "fewer or more bytes behind the header than it says")          \
  X(body_crc, "the body is damaged")

enum class Refusal : std::uint8_t {
#define X(name, text) name,
  PAXOS_REFUSALS(X)
#undef X
};

inline constexpr std::size_t kRefusals = 0
#define X(name, text) +1
    PAXOS_REFUSALS(X)
#undef X
    ;

const char* name_of(Refusal reason);
const char* text_of(Refusal reason);

using RefusalCounters = std::array<std::uint64_t, kRefusals>;

// Header and body in one. PAXOS_FLAG_BODY_CRC is set here and taken away by decode(): the core never sees it.
// Aborts if there is no body, if the body is 4 GiB or more, or if type or flags do not exist.
std::string encode(const Message& message, std::uint64_t cluster_id, std::uint32_t epoch);

// The message that `bytes` are, all of them, or why they are none. Work and memory in proportion to the body;
// an empty body costs no allocation.
std::variant<Message, Refusal> decode(std::string_view bytes, std::uint64_t cluster_id, std::uint32_t epoch,
                                      std::uint8_t replica_count);

// For streams: how many bytes the message has that begins with `header` (PAXOS_HEADER_BYTES or more), or why
// none does. All checks of decode() but those of the body.
std::variant<std::size_t, Refusal> message_bytes(std::string_view header, std::uint64_t cluster_id,
                                                 std::uint32_t epoch, std::uint8_t replica_count);

}  // namespace bmc::paxos

#endif

// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/core/codec.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "apps/paxos/core/wire_header.h"

namespace bmc::paxos {

namespace {

constexpr std::uint8_t kFirstType = PAXOS_PREPARE;
constexpr std::uint8_t kLastType = PAXOS_CHECKPOINT;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "bmc: encode(): %s\n", what);
  std::abort();
}

bool is_type(std::uint8_t type) { return type >= kFirstType && type <= kLastType; }

bool may_send(const paxos_header& header, std::uint8_t replica_count) {
  return header.sender < replica_count ||
         (header.sender == PAXOS_SENDER_CLIENT && header.type == PAXOS_REQUEST);
}

// What is wrong with a header, the checks that need no body. The hash comes as soon as it is known where it
// stands, so that all later reasons are about what the sender meant and not about damage.
std::optional<Refusal> refusal_of(const paxos_header& header, std::uint64_t cluster_id, std::uint32_t epoch,
                                  std::uint8_t replica_count) {
  if (header.magic != PAXOS_MAGIC) return Refusal::magic;
  if (header.version != PAXOS_WIRE_VERSION) return Refusal::version;
  if (header.hdr_words != PAXOS_HEADER_WORDS) return Refusal::header_words;
  if (header.hdr_hash != paxos_header_hash(&header)) return Refusal::header_hash;
  if (header.cluster_id != cluster_id) return Refusal::cluster;
  if (header.epoch != epoch) return Refusal::epoch;
  if (!is_type(header.type)) return Refusal::type;
  if (header.flags & ~PAXOS_FLAGS_KNOWN) return Refusal::flags;
  if (header.body_len != 0 && !(header.flags & PAXOS_FLAG_BODY_CRC)) return Refusal::flags;
  if (header.ack_level > PAXOS_ACK_DURABLE) return Refusal::ack_level;
  if (header.frag_idx != 0 || header.frag_cnt != 1) return Refusal::fragment;
  if (!may_send(header, replica_count)) return Refusal::sender;
  return std::nullopt;
}

std::shared_ptr<const std::string> shared_body(std::string_view bytes) {
  static const auto empty = std::make_shared<const std::string>();
  return bytes.empty() ? empty : std::make_shared<const std::string>(bytes);
}

}  // namespace

const char* name_of(Refusal reason) {
  static constexpr const char* kNames[] = {
#define X(name, text) #name,
      PAXOS_REFUSALS(X)
#undef X
  };
  return kNames[static_cast<std::size_t>(reason)];
}

const char* text_of(Refusal reason) {
  static constexpr const char* kTexts[] = {
#define X(name, text) text,
      PAXOS_REFUSALS(X)
#undef X
  };
  return kTexts[static_cast<std::size_t>(reason)];
}

std::string encode(const Message& message, std::uint64_t cluster_id, std::uint32_t epoch) {
  check(message.body != nullptr, "a message without a body; an empty one is a body");
  check(is_type(static_cast<std::uint8_t>(message.type)), "a type that does not exist");
  check(!(message.flags & ~PAXOS_FLAGS_KNOWN), "a flag that does not exist");
  paxos_header header{};
  header.type = static_cast<std::uint8_t>(message.type);
  header.flags = message.flags;
  header.cluster_id = cluster_id;
  header.epoch = epoch;
  header.sender = message.sender;
  header.ack_level = message.ack_level;
  header.view = message.view;
  header.op = message.op;
  header.commit = message.commit;
  header.chain = message.chain;
  header.incarnation = message.incarnation;
  header.echo = message.echo;
  seal(header, *message.body);

  std::string bytes;
  bytes.reserve(sizeof(header) + message.body->size());
  bytes.append(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes.append(*message.body);
  return bytes;
}

std::variant<Message, Refusal> decode(std::string_view bytes, std::uint64_t cluster_id, std::uint32_t epoch,
                                      std::uint8_t replica_count) {
  if (bytes.size() < PAXOS_HEADER_BYTES) return Refusal::too_short;
  paxos_header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (const auto refusal = refusal_of(header, cluster_id, epoch, replica_count)) return *refusal;
  const std::string_view body = bytes.substr(PAXOS_HEADER_BYTES);
  if (header.body_len != body.size()) return Refusal::body_length;
  if (header.body_crc32c != crc32c(body)) return Refusal::body_crc;
  return Message{.type = static_cast<MessageType>(header.type),
                 .flags = static_cast<std::uint8_t>(header.flags & ~PAXOS_FLAG_BODY_CRC),
                 .sender = header.sender,
                 .ack_level = header.ack_level,
                 .incarnation = header.incarnation,
                 .echo = header.echo,
                 .view = header.view,
                 .op = header.op,
                 .commit = header.commit,
                 .chain = header.chain,
                 .body = shared_body(body)};
}

std::variant<std::size_t, Refusal> message_bytes(std::string_view header, std::uint64_t cluster_id,
                                                 std::uint32_t epoch, std::uint8_t replica_count) {
  if (header.size() < PAXOS_HEADER_BYTES) return Refusal::too_short;
  paxos_header fields;
  std::memcpy(&fields, header.data(), sizeof(fields));
  if (const auto refusal = refusal_of(fields, cluster_id, epoch, replica_count)) return *refusal;
  return std::size_t{PAXOS_HEADER_BYTES} + fields.body_len;
}

}  // namespace bmc::paxos

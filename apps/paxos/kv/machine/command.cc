// SPDX-License-Identifier: Apache-2.0
// Commands as bytes; see command.h.
#include "apps/paxos/kv/machine/command.h"

#include <cstdio>
#include <cstdlib>
#include <limits>

namespace bmc::kv {
namespace {

// The first byte, so that neither is ever taken for the other.
constexpr std::uint8_t kOperationTag = 0x4f;
constexpr std::uint8_t kQueryTag = 0x51;

// Which numbers a verb carries.
struct Shape {
  bool value = false;
  bool flags = false;
  bool exptime = false;
  bool number = false;
};

constexpr Shape shape_of(Verb verb) {
  switch (verb) {
    case Verb::kGet:
    case Verb::kDelete:
      return {};
    case Verb::kGetAndTouch:
    case Verb::kTouch:
    case Verb::kFlushAll:
      return {.exptime = true};
    case Verb::kSet:
    case Verb::kAdd:
    case Verb::kReplace:
      return {.value = true, .flags = true, .exptime = true};
    case Verb::kAppend:
    case Verb::kPrepend:
      return {.value = true};
    case Verb::kCas:
      return {.value = true, .flags = true, .exptime = true, .number = true};
    case Verb::kIncr:
    case Verb::kDecr:
      return {.number = true};
  }
  std::abort();
}

bool is_verb(std::uint8_t byte) {
  return byte >= static_cast<std::uint8_t>(Verb::kGet) && byte <= static_cast<std::uint8_t>(Verb::kFlushAll);
}

bool is_valid(const Command& command) {
  const bool keys_fit = is_retrieval(command.verb)        ? !command.keys.empty()
                        : command.verb == Verb::kFlushAll ? command.keys.empty()
                                                          : command.keys.size() == 1;
  if (!keys_fit || command.value.size() > kValueBytesMax) return false;
  for (const std::string_view key : command.keys)
    if (key.empty() || key.size() > kKeyBytesMax) return false;
  return true;
}

std::optional<Command> read_command(ByteReader& in) {
  const std::uint8_t verb = in.byte();
  if (!is_verb(verb)) return std::nullopt;
  Command command;
  command.verb = static_cast<Verb>(verb);
  const Shape shape = shape_of(command.verb);
  // Each key takes two bytes or more: a false count ends with the bytes, not with the memory.
  std::uint64_t keys = is_retrieval(command.verb) ? in.varint() : command.verb == Verb::kFlushAll ? 0 : 1;
  for (; keys > 0 && in.ok(); --keys) command.keys.push_back(in.string());
  if (shape.flags) {
    const std::uint64_t flags = in.varint();
    if (flags > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    command.flags = static_cast<std::uint32_t>(flags);
  }
  if (shape.exptime) command.exptime = in.signed_varint();
  if (shape.number) command.number = in.varint();
  if (shape.value) command.value = in.string();
  if (!in.ok() || !is_valid(command)) return std::nullopt;
  return command;
}

// Until the bytes end; false if they do not end with a command.
bool read_commands(ByteReader& in, std::vector<Command>& commands) {
  while (in.ok() && !in.at_end()) {
    auto command = read_command(in);
    if (!command) return false;
    commands.push_back(*std::move(command));
  }
  return in.ok();
}

}  // namespace

void begin_operation(ByteWriter& out, std::uint64_t memory_bytes_max) {
  out.byte(kOperationTag);
  out.varint(memory_bytes_max);
}

void begin_query(ByteWriter& out, Expiry expiry, std::uint64_t now_us) {
  out.byte(kQueryTag);
  out.byte(static_cast<std::uint8_t>(expiry));
  out.varint(now_us);
}

void add_command(ByteWriter& out, const Command& command) {
  if (!is_valid(command)) {
    std::fputs("paxos-kv: a command that breaks its own rules\n", stderr);
    std::abort();
  }
  const Shape shape = shape_of(command.verb);
  out.byte(static_cast<std::uint8_t>(command.verb));
  if (is_retrieval(command.verb)) out.varint(command.keys.size());
  for (const std::string_view key : command.keys) out.string(key);
  if (shape.flags) out.varint(command.flags);
  if (shape.exptime) out.signed_varint(command.exptime);
  if (shape.number) out.varint(command.number);
  if (shape.value) out.string(command.value);
}

std::optional<Operation> decode_operation(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.byte() != kOperationTag) return std::nullopt;
  Operation operation;
  operation.memory_bytes_max = in.varint();
  if (!in.ok() || operation.memory_bytes_max > kMemoryBytesMax) return std::nullopt;
  if (!read_commands(in, operation.commands)) return std::nullopt;
  return operation;
}

std::optional<Query> decode_query(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.byte() != kQueryTag) return std::nullopt;
  const std::uint8_t expiry = in.byte();
  if (expiry != static_cast<std::uint8_t>(Expiry::kReport) &&
      expiry != static_cast<std::uint8_t>(Expiry::kJudge))
    return std::nullopt;
  Query query;
  query.expiry = static_cast<Expiry>(expiry);
  query.now_us = in.varint();
  if (!in.ok() || !read_commands(in, query.commands)) return std::nullopt;
  for (const Command& command : query.commands)
    if (command.verb != Verb::kGet) return std::nullopt;
  return query;
}

}  // namespace bmc::kv

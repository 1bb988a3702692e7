// SPDX-License-Identifier: Apache-2.0
// What the replicated machine answers: the result of an operation or query holds the answers of its commands,
// in their order. Written by KvMachine, read by the server.
#ifndef BMC_KV_MACHINE_ANSWER_H
#define BMC_KV_MACHINE_ANSWER_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/paxos/kv/machine/bytes.h"

namespace bmc::kv {

enum class Outcome : std::uint8_t {
  kItems = 1,  // retrieval
  kStored = 2,
  kNotStored = 3,
  kExists = 4,
  kNotFound = 5,
  kDeleted = 6,
  kTouched = 7,
  kOk = 8,      // flush_all
  kNumber = 9,  // incr, decr
  kNonNumeric = 10,
  kOutOfMemory = 11,
};

// A value that was found. The string belongs to the result it was read from.
struct FoundItem {
  std::string_view value;
  std::uint32_t flags = 0;
  std::uint64_t cas = 0;
};

struct Answer {
  Outcome outcome = Outcome::kOk;
  std::uint64_t number = 0;                     // kNumber
  std::vector<std::optional<FoundItem>> items;  // kItems: for each key in turn, nothing where there is none
};

// Of a whole result.
enum class Status : std::uint8_t {
  // A result has at most kMessageBytesMax bytes. Where the next item would not fit it ends, with fewer keys
  // answered than the last command asked, or with fewer answers than there were commands: what has no answer
  // was not carried out, and the rest is to be sent again.
  kAnswered = 1,
  kBehind = 2,     // a query with Expiry::kReport: send the same commands as an operation
  kMalformed = 3,  // nothing was carried out
};

struct ResultOfCommands {
  Status status = Status::kMalformed;
  std::vector<Answer> answers;
};

// A result is written as its status, then its answers.
void begin_result(ByteWriter& out, Status status);
void add_outcome(ByteWriter& out, Outcome outcome);  // not kItems, not kNumber
void add_number(ByteWriter& out, std::uint64_t number);
// kItems is begun, then each key's item follows, then it is ended.
void begin_items(ByteWriter& out);
void add_item(ByteWriter& out, const std::optional<FoundItem>& item);
void end_items(ByteWriter& out);
// What add_item() and end_items() together write at most.
std::size_t item_bytes_max(const std::optional<FoundItem>& item);

// Nothing if the bytes are not what the functions above write. The items' strings are in `bytes`.
std::optional<ResultOfCommands> decode_result(std::string_view bytes);

}  // namespace bmc::kv

#endif

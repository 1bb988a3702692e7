// SPDX-License-Identifier: Apache-2.0
// Answers as bytes; see answer.h.
#include "apps/paxos/kv/machine/answer.h"

#include <limits>

namespace bmc::kv {
namespace {

// Before each item, and behind the last one.
enum Mark : std::uint8_t { kEnd = 0, kMiss = 1, kHit = 2 };

bool read_items(ByteReader& in, std::vector<std::optional<FoundItem>>& items) {
  for (;;) {
    switch (in.byte()) {
      case kEnd:
        return in.ok();
      case kMiss:
        items.emplace_back();
        break;
      case kHit: {
        FoundItem item;
        const std::uint64_t flags = in.varint();
        if (flags > std::numeric_limits<std::uint32_t>::max()) return false;
        item.flags = static_cast<std::uint32_t>(flags);
        item.cas = in.varint();
        item.value = in.string();
        items.emplace_back(item);
        break;
      }
      default:
        return false;
    }
  }
}

bool read_answer(ByteReader& in, Answer& answer) {
  const std::uint8_t outcome = in.byte();
  if (outcome < static_cast<std::uint8_t>(Outcome::kItems) ||
      outcome > static_cast<std::uint8_t>(Outcome::kOutOfMemory))
    return false;
  answer.outcome = static_cast<Outcome>(outcome);
  if (answer.outcome == Outcome::kNumber) answer.number = in.varint();
  if (answer.outcome == Outcome::kItems) return read_items(in, answer.items);
  return in.ok();
}

}  // namespace

void begin_result(ByteWriter& out, Status status) { out.byte(static_cast<std::uint8_t>(status)); }

void add_outcome(ByteWriter& out, Outcome outcome) { out.byte(static_cast<std::uint8_t>(outcome)); }

void add_number(ByteWriter& out, std::uint64_t number) {
  add_outcome(out, Outcome::kNumber);
  out.varint(number);
}

void begin_items(ByteWriter& out) { add_outcome(out, Outcome::kItems); }

void add_item(ByteWriter& out, const std::optional<FoundItem>& item) {
  out.byte(item ? kHit : kMiss);
  if (!item) return;
  out.varint(item->flags);
  out.varint(item->cas);
  out.string(item->value);
}

void end_items(ByteWriter& out) { out.byte(kEnd); }

std::size_t item_bytes_max(const std::optional<FoundItem>& item) {
  constexpr std::size_t kNumbers = 2 + 5 + 10 + 5;  // marks, flags, cas, length
  return kNumbers + (item ? item->value.size() : 0);
}

std::optional<ResultOfCommands> decode_result(std::string_view bytes) {
  ByteReader in(bytes);
  const std::uint8_t status = in.byte();
  if (status < static_cast<std::uint8_t>(Status::kAnswered) ||
      status > static_cast<std::uint8_t>(Status::kMalformed))
    return std::nullopt;
  ResultOfCommands result;
  result.status = static_cast<Status>(status);
  while (in.ok() && !in.at_end()) {
    Answer answer;
    if (!read_answer(in, answer)) return std::nullopt;
    result.answers.push_back(std::move(answer));
  }
  if (!in.ok() || (result.status != Status::kAnswered && !result.answers.empty())) return std::nullopt;
  return result;
}

}  // namespace bmc::kv

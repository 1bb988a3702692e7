// SPDX-License-Identifier: Apache-2.0
// memcached's commands; see kv_machine.h.
#include "apps/paxos/kv/machine/kv_machine.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "apps/paxos/kv/machine/decimal.h"

namespace bmc::kv {
namespace {

constexpr std::uint64_t kMicros = 1'000'000;
constexpr std::int64_t kRelativeMax = 60 * 60 * 24 * 30;  // memcached's: longer is seconds since 1970

// The answer of one retrieval, as far as it fits into the result.
class ItemsAnswer {
 public:
  ItemsAnswer(ByteWriter& out, std::size_t bytes_max) : out_(out), bytes_max_(bytes_max) {}

  // Adds what was found for the next key. False: the result is full. What comes first in a result always
  // fits.
  bool add(const Item* item) {
    std::optional<FoundItem> found;
    if (item != nullptr) found = FoundItem{item->value, item->flags, item->cas};
    if (out_.size() > kResultHeaderBytes && out_.size() + item_bytes_max(found) > bytes_max_) return false;
    if (!begun_) begin_items(out_);
    begun_ = true;
    add_item(out_, found);
    return true;
  }

  void end() {
    if (begun_) end_items(out_);
  }

 private:
  static constexpr std::size_t kResultHeaderBytes = 1;  // the status

  ByteWriter& out_;
  std::size_t bytes_max_;
  bool begun_ = false;
};

constexpr std::string_view kSnapshotHead = "paxos-kv snapshot 1\n";

bool read_items(ByteReader& in, ItemTable& table) {
  std::string_view previous;
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    const std::string_view key = in.string();
    const std::uint64_t flags = in.varint();
    Item item;
    item.flags = static_cast<std::uint32_t>(flags);
    item.cas = in.varint();
    item.deadline_us = in.varint();
    item.value = in.string();
    const bool good = in.ok() && key > previous && key.size() <= kKeyBytesMax &&
                      item.value.size() <= kValueBytesMax && item.flags == flags;
    if (!good || !table.put(key, std::move(item), 0, std::numeric_limits<std::uint64_t>::max())) return false;
    previous = key;
  }
  return in.ok() && in.at_end();
}

}  // namespace

std::uint64_t deadline_of(std::int64_t exptime, std::uint64_t now_us) {
  if (exptime == 0) return 0;
  if (exptime < 0) return 1;
  const auto seconds = static_cast<std::uint64_t>(exptime);
  if (exptime <= kRelativeMax) return now_us + seconds * kMicros;
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  return seconds > kMax / kMicros ? kMax : seconds * kMicros;
}

std::string KvMachine::apply(std::string_view bytes, std::uint64_t time_us) {
  if (flush_at_us_ != 0 && flush_at_us_ <= time_us) {
    table_.clear();
    flush_at_us_ = 0;
  }
  ByteWriter out;
  if (const auto operation = decode_operation(bytes)) {
    begin_result(out, Status::kAnswered);
    Context context{time_us, operation->memory_bytes_max, out};
    for (const Command& command : operation->commands)
      if (!carry_out(command, context)) break;
  } else {
    begin_result(out, Status::kMalformed);
  }
  table_.expire(time_us, kExpiredPerOperation);
  gauges_.time_us.store(time_us, std::memory_order_relaxed);
  update_gauges();
  return out.take();
}

bool KvMachine::carry_out(const Command& command, Context& context) {
  if (is_retrieval(command.verb)) return retrieve(command, context);
  if (context.out.size() >= kOperationResultBytes) return false;
  switch (command.verb) {
    case Verb::kIncr:
    case Verb::kDecr:
      count(command, context);
      break;
    case Verb::kDelete:
      add_outcome(context.out, remove(command, context));
      break;
    case Verb::kTouch:
      add_outcome(context.out, touch(command, context));
      break;
    case Verb::kFlushAll:
      add_outcome(context.out, flush_all(command, context));
      break;
    default:
      add_outcome(context.out, store(command, context));
      break;
  }
  return true;
}

bool KvMachine::retrieve(const Command& command, Context& context) {
  ItemsAnswer answer(context.out, kOperationResultBytes);
  std::size_t answered = 0;
  for (const std::string_view key : command.keys) {
    const Item* item = table_.find(key, context.now_us);
    if (!answer.add(item)) break;
    if (item != nullptr && command.verb == Verb::kGetAndTouch)
      table_.set_deadline(key, deadline_of(command.exptime, context.now_us));
    ++answered;
  }
  answer.end();
  return answered == command.keys.size();
}

Outcome KvMachine::store(const Command& command, const Context& context) {
  const Item* old = table_.find(command.keys.front(), context.now_us);
  switch (command.verb) {
    case Verb::kAdd:
      if (old != nullptr) return Outcome::kNotStored;
      break;
    case Verb::kReplace:
      if (old == nullptr) return Outcome::kNotStored;
      break;
    case Verb::kCas:
      if (old == nullptr) return Outcome::kNotFound;
      if (old->cas != command.number) return Outcome::kExists;
      break;
    case Verb::kAppend:
    case Verb::kPrepend:
      return old == nullptr ? Outcome::kNotStored : extend(command, *old, context);
    default:
      break;
  }
  Item item;
  item.value = command.value;
  item.flags = command.flags;
  item.deadline_us = deadline_of(command.exptime, context.now_us);
  return put(command.keys.front(), std::move(item), context);
}

Outcome KvMachine::extend(const Command& command, const Item& old, const Context& context) {
  if (old.value.size() + command.value.size() > kValueBytesMax) return Outcome::kNotStored;  // memcached's
  Item item = old;
  item.value.insert(command.verb == Verb::kAppend ? item.value.size() : 0, command.value);
  return put(command.keys.front(), std::move(item), context);
}

void KvMachine::count(const Command& command, Context& context) {
  const Item* old = table_.find(command.keys.front(), context.now_us);
  if (old == nullptr) return add_outcome(context.out, Outcome::kNotFound);
  const auto number = parse_unsigned(old->value);
  if (!number) return add_outcome(context.out, Outcome::kNonNumeric);
  const bool up = command.verb == Verb::kIncr;
  // Upwards it wraps around, downwards it stops at 0.
  const std::uint64_t sum = up ? *number + command.number : *number - std::min(*number, command.number);
  Item item{std::to_string(sum), old->flags, 0, old->deadline_us};
  // A value never becomes shorter by counting: memcached writes into its place, with spaces behind.
  if (item.value.size() < old->value.size()) item.value.resize(old->value.size(), ' ');
  const Outcome outcome = put(command.keys.front(), std::move(item), context);
  if (outcome != Outcome::kStored) return add_outcome(context.out, outcome);
  add_number(context.out, sum);
}

Outcome KvMachine::remove(const Command& command, const Context& context) {
  if (table_.find(command.keys.front(), context.now_us) == nullptr) return Outcome::kNotFound;
  table_.remove(command.keys.front());
  return Outcome::kDeleted;
}

Outcome KvMachine::touch(const Command& command, const Context& context) {
  if (table_.find(command.keys.front(), context.now_us) == nullptr) return Outcome::kNotFound;
  table_.set_deadline(command.keys.front(), deadline_of(command.exptime, context.now_us));
  return Outcome::kTouched;
}

Outcome KvMachine::flush_all(const Command& command, const Context& context) {
  const std::uint64_t when = deadline_of(command.exptime, context.now_us);
  if (when > context.now_us) {
    flush_at_us_ = when;  // in the place of one that was planned before
    return Outcome::kOk;
  }
  table_.clear();
  flush_at_us_ = 0;
  ++cas_;  // memcached spends a unique on it
  return Outcome::kOk;
}

Outcome KvMachine::put(std::string_view key, Item item, const Context& context) {
  if (item.deadline_us != 0 && item.deadline_us <= context.now_us) {
    table_.remove(key);
    ++cas_;
    return Outcome::kStored;
  }
  item.cas = cas_ + 1;
  if (!table_.put(key, std::move(item), context.now_us, context.memory_bytes_max))
    return Outcome::kOutOfMemory;
  ++cas_;
  return Outcome::kStored;
}

std::string KvMachine::read(std::string_view bytes, std::uint64_t time_us) const {
  const auto query = decode_query(bytes);
  ByteWriter out;
  begin_result(out, query ? Status::kAnswered : Status::kMalformed);
  if (!query) return out.take();
  const auto over_for_reader = [&](const Item& item) {
    return (item.deadline_us != 0 && item.deadline_us <= query->now_us) ||
           (flush_at_us_ != 0 && flush_at_us_ <= query->now_us);
  };
  for (const Command& command : query->commands) {
    ItemsAnswer answer(out, kMessageBytesMax);
    bool full = false;
    for (const std::string_view key : command.keys) {
      const Item* item = table_.find(key, time_us);
      if (item != nullptr && over_for_reader(*item)) {
        if (query->expiry == Expiry::kReport) {
          out.take();
          begin_result(out, Status::kBehind);
          return out.take();
        }
        item = nullptr;
      }
      full = !answer.add(item);
      if (full) break;
    }
    answer.end();
    if (full) break;
  }
  return out.take();
}

std::string KvMachine::snapshot_save() const {
  ByteWriter out;
  constexpr std::size_t kNumbersBytes = 40;  // at most, of an item
  out.reserve(kSnapshotHead.size() + table_.bytes() + kNumbersBytes);
  out.string(kSnapshotHead);
  out.varint(cas_);
  out.varint(flush_at_us_);
  out.varint(table_.items().size());
  for (const auto& [key, item] : table_.items()) {
    out.string(key);
    out.varint(item.flags);
    out.varint(item.cas);
    out.varint(item.deadline_us);
    out.string(item.value);
  }
  return out.take();
}

bool KvMachine::snapshot_load(std::string_view snapshot) {
  ByteReader in(snapshot);
  if (in.string() != kSnapshotHead) return false;
  const std::uint64_t cas = in.varint();
  const std::uint64_t flush_at_us = in.varint();
  ItemTable table;
  if (!read_items(in, table)) return false;
  table_ = std::move(table);
  cas_ = cas;
  flush_at_us_ = flush_at_us;
  update_gauges();
  return true;
}

void KvMachine::update_gauges() {
  gauges_.items.store(table_.items().size(), std::memory_order_relaxed);
  gauges_.bytes.store(table_.bytes(), std::memory_order_relaxed);
  gauges_.stores.store(cas_, std::memory_order_relaxed);
}

}  // namespace bmc::kv

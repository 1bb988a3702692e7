// SPDX-License-Identifier: Apache-2.0
// The items; see item_table.h.
#include "apps/paxos/kv/machine/item_table.h"

#include <limits>

#include "apps/paxos/kv/machine/limits.h"

namespace bmc::kv {
namespace {

bool is_over(std::uint64_t deadline_us, std::uint64_t now_us) {
  return deadline_us != 0 && deadline_us <= now_us;
}

}  // namespace

const Item* ItemTable::find_any(std::string_view key) const {
  const auto place = items_.find(key);
  return place == items_.end() ? nullptr : &place->second;
}

const Item* ItemTable::find(std::string_view key, std::uint64_t now_us) const {
  const Item* item = find_any(key);
  return item == nullptr || is_over(item->deadline_us, now_us) ? nullptr : item;
}

bool ItemTable::put(std::string_view key, Item item, std::uint64_t now_us, std::uint64_t bytes_max) {
  const auto fits = [&] {
    const Item* old = find_any(key);
    return bytes_ - (old == nullptr ? 0 : weight(key, *old)) + weight(key, item) <= bytes_max;
  };
  if (!fits()) {
    expire(now_us, std::numeric_limits<std::size_t>::max());
    if (!fits()) return false;
  }
  auto place = items_.find(key);
  if (place == items_.end()) {
    place = items_.emplace(std::string(key), Item()).first;
  } else {
    forget_deadline(place);
    bytes_ -= weight(key, place->second);
  }
  bytes_ += weight(key, item);
  place->second = std::move(item);
  note_deadline(place);
  return true;
}

void ItemTable::remove(std::string_view key) {
  const auto place = items_.find(key);
  if (place != items_.end()) remove(place);
}

void ItemTable::remove(Items::iterator place) {
  forget_deadline(place);
  bytes_ -= weight(place->first, place->second);
  items_.erase(place);
}

void ItemTable::set_deadline(std::string_view key, std::uint64_t deadline_us) {
  const auto place = items_.find(key);
  if (place == items_.end()) return;
  forget_deadline(place);
  place->second.deadline_us = deadline_us;
  note_deadline(place);
}

void ItemTable::clear() {
  deadlines_.clear();
  items_.clear();
  bytes_ = 0;
}

void ItemTable::expire(std::uint64_t now_us, std::size_t items_max) {
  for (; items_max > 0 && !deadlines_.empty() && is_over(deadlines_.begin()->first, now_us); --items_max)
    remove(items_.find(deadlines_.begin()->second));
}

std::uint64_t ItemTable::weight(std::string_view key, const Item& item) {
  return key.size() + item.value.size() + kItemOverheadBytes;
}

void ItemTable::forget_deadline(Items::iterator place) {
  if (place->second.deadline_us != 0) deadlines_.erase({place->second.deadline_us, place->first});
}

void ItemTable::note_deadline(Items::iterator place) {
  if (place->second.deadline_us != 0) deadlines_.emplace(place->second.deadline_us, place->first);
}

}  // namespace bmc::kv

// SPDX-License-Identifier: Apache-2.0
// The items, their deadlines and what they weigh. Owned by KvMachine; knows no clock: every function is told
// what time it is.
#ifndef BMC_KV_MACHINE_ITEM_TABLE_H
#define BMC_KV_MACHINE_ITEM_TABLE_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace bmc::kv {

struct Item {
  std::string value;
  std::uint32_t flags = 0;
  std::uint64_t cas = 0;
  std::uint64_t deadline_us = 0;  // from then on there is no such item; 0: never

  bool operator==(const Item&) const = default;
};

// An item whose deadline is over is not found any more but stays in memory until it is replaced or expire()
// comes to it. When that is depends on the calls alone, so that equal calls give equal tables.
class ItemTable {
 public:
  // Ordered, not hashed: nobody can make keys that collide, growing never stalls, and a snapshot is sorted.
  using Items = std::map<std::string, Item, std::less<>>;

  // Null if there is none at `now_us`. Lent until the next change.
  const Item* find(std::string_view key, std::uint64_t now_us) const;
  // Also if its deadline is over.
  const Item* find_any(std::string_view key) const;

  // Puts the item there, in the place of one that may be there. False, and nothing has changed: the table
  // would weigh more than `bytes_max` even after everything was removed whose time is over.
  [[nodiscard]] bool put(std::string_view key, Item item, std::uint64_t now_us, std::uint64_t bytes_max);

  // Nothing happens if there is none.
  void remove(std::string_view key);
  void set_deadline(std::string_view key, std::uint64_t deadline_us);
  void clear();

  // Removes items whose deadline is over, oldest deadline first, at most so many.
  void expire(std::uint64_t now_us, std::size_t items_max);

  const Items& items() const { return items_; }
  // Of all items, those included whose deadline is over: keys, values and kItemOverheadBytes each.
  std::uint64_t bytes() const { return bytes_; }

 private:
  // Deadline and key; the key is that of the node in items_, which does not move.
  using Deadline = std::pair<std::uint64_t, std::string_view>;

  static std::uint64_t weight(std::string_view key, const Item& item);
  void remove(Items::iterator place);
  void forget_deadline(Items::iterator place);
  void note_deadline(Items::iterator place);

  Items items_;
  std::set<Deadline> deadlines_;
  std::uint64_t bytes_ = 0;
};

}  // namespace bmc::kv

#endif

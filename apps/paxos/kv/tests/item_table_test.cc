// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/kv/machine/item_table.h"

#include <gtest/gtest.h>

#include <random>

#include "apps/paxos/kv/machine/limits.h"

namespace bmc::kv {
namespace {

constexpr std::uint64_t kNoLimit = UINT64_MAX;

Item item(std::string value, std::uint64_t deadline_us = 0) { return {std::move(value), 0, 0, deadline_us}; }

TEST(ItemTableTest, WeighsWhatItHolds) {
  ItemTable table;
  ASSERT_TRUE(table.put("key", item("value"), 0, kNoLimit));
  EXPECT_EQ(table.bytes(), 3 + 5 + kItemOverheadBytes);
  ASSERT_TRUE(table.put("key", item("v"), 0, kNoLimit));
  EXPECT_EQ(table.bytes(), 3 + 1 + kItemOverheadBytes);
  table.remove("key");
  table.remove("none");
  EXPECT_EQ(table.bytes(), 0u);
}

TEST(ItemTableTest, TheLimitIsReachedButNotPassed) {
  ItemTable table;
  const std::uint64_t one = 1 + 1 + kItemOverheadBytes;
  EXPECT_FALSE(table.put("a", item("1"), 0, one - 1));
  EXPECT_TRUE(table.put("a", item("1"), 0, one));
  EXPECT_FALSE(table.put("b", item("1"), 0, one));
  EXPECT_TRUE(table.put("a", item("2"), 0, one));
  EXPECT_FALSE(table.put("a", item("22"), 0, one));
  EXPECT_EQ(table.find("a", 0)->value, "2");
}

TEST(ItemTableTest, ExpiresOldestFirst) {
  ItemTable table;
  for (const auto& [key, deadline] : {std::pair("c", 3), {"a", 1}, {"b", 2}, {"never", 0}})
    ASSERT_TRUE(table.put(key, item("x", static_cast<std::uint64_t>(deadline)), 0, kNoLimit));
  table.expire(2, 1);
  EXPECT_EQ(table.find_any("a"), nullptr);
  EXPECT_NE(table.find_any("b"), nullptr);
  EXPECT_EQ(table.find("b", 2), nullptr);
  table.expire(2, 10);
  EXPECT_EQ(table.find_any("b"), nullptr);
  EXPECT_NE(table.find("c", 2), nullptr);
  table.expire(UINT64_MAX, 10);
  EXPECT_EQ(table.items().size(), 1u);
}

TEST(ItemTableTest, AMovedDeadlineIsTheOnlyOne) {
  ItemTable table;
  ASSERT_TRUE(table.put("a", item("x", 5), 0, kNoLimit));
  table.set_deadline("a", 9);
  table.expire(8, 10);
  EXPECT_NE(table.find("a", 8), nullptr);
  table.set_deadline("a", 0);
  table.expire(100, 10);
  EXPECT_NE(table.find("a", 100), nullptr);
  table.set_deadline("none", 1);
}

// Against a plain list of what should be there.
TEST(ItemTableTest, AgreesWithAList) {
  std::mt19937 dice(7);
  ItemTable table;
  std::map<std::string, std::uint64_t> model;
  for (std::uint64_t now = 1; now < 5000; ++now) {
    const std::string key(1, static_cast<char>('a' + dice() % 26));
    const std::uint64_t deadline = dice() % 3 == 0 ? 0 : now + dice() % 50;
    switch (dice() % 3) {
      case 0:
        table.remove(key);
        model.erase(key);
        break;
      case 1:
        table.set_deadline(key, deadline);
        if (model.contains(key)) model[key] = deadline;
        break;
      default:
        ASSERT_TRUE(table.put(key, item(key, deadline), now, kNoLimit));
        model[key] = deadline;
    }
    table.expire(now, 100);
    std::erase_if(model, [&](const auto& each) { return each.second != 0 && each.second <= now; });
    ASSERT_EQ(table.items().size(), model.size());
    for (const auto& [name, when] : model) ASSERT_EQ(table.find(name, now)->deadline_us, when);
    ASSERT_EQ(table.bytes(), model.size() * (2 + kItemOverheadBytes));
  }
}

}  // namespace
}  // namespace bmc::kv

// SPDX-License-Identifier: Apache-2.0
// Counting of sampled keys: order, shares, and that the most asked for stay when there are too many. The
// reading of samples is shown by netns-tests/tests/top_test.cc.
#include "apps/memcached-cache/daemon/hot_keys.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace bmc::cache {
namespace {

cache_sample sample_of(const std::string& key, bool hit = false, std::uint8_t server = 0) {
  cache_sample sample = {};
  sample.key_hash = std::hash<std::string>()(key);
  sample.server = server;
  sample.key_len = static_cast<__u8>(key.size());
  sample.hit = hit;
  std::memcpy(sample.key, key.data(), key.size());
  return sample;
}

TEST(HotKeyTable, TheMostAskedForFirst) {
  HotKeyTable table;
  for (int i = 0; i < 3; i++) table.add(sample_of("seldom"));
  for (int i = 0; i < 10; i++) table.add(sample_of("hot", i < 9, 2));
  for (int i = 0; i < 5; i++) table.add(sample_of("warm"));
  const std::vector<HotKey> keys = table.most(2);
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].key, "hot");
  EXPECT_EQ(keys[0].samples, 10u);
  EXPECT_EQ(keys[0].hits, 9u);
  EXPECT_EQ(keys[0].server, 2u);
  EXPECT_EQ(keys[1].key, "warm");
  EXPECT_EQ(table.samples(), 18u);
  EXPECT_EQ(table.most(100).size(), 3u);
  EXPECT_TRUE(HotKeyTable().most(3).empty());
}

TEST(HotKeyTable, KeysOfEveryByteAndLength) {
  HotKeyTable table;
  const std::string longest(CACHE_KEY_MAX, '\xff');
  table.add(sample_of(longest));
  EXPECT_EQ(table.most(1)[0].key, longest);
  cache_sample broken = sample_of("x");
  broken.key_len = 255;
  table.add(broken);
  EXPECT_EQ(table.samples(), 2u);
}

TEST(HotKeyTable, HotKeysStayAmongManySeldomOnes) {
  HotKeyTable table;
  std::mt19937 generator(3);
  for (std::uint32_t i = 0; i < 300'000; i++) {
    // One in a hundred is a hot one of ten.
    const bool hot = generator() % 100 == 0;
    table.add(sample_of(hot ? "hot" + std::to_string(generator() % 10) : std::to_string(i)));
  }
  const std::vector<HotKey> keys = table.most(10);
  for (const HotKey& each : keys) {
    EXPECT_TRUE(each.key.starts_with("hot")) << each.key;
    EXPECT_NEAR(static_cast<double>(each.samples), 300, 80) << each.key;
  }
  EXPECT_LE(table.most(1'000'000).size(), HotKeyTable::kKeysMost);
}

TEST(HotKeyReport, RatesAreSharesOfAll) {
  HotKeyReport report;
  report.gets_per_s = 1000;
  report.samples = 50;
  HotKey key;
  key.samples = 5;
  EXPECT_DOUBLE_EQ(report.rate_of(key), 100);
  EXPECT_DOUBLE_EQ(HotKeyReport().rate_of(key), 0);
}

}  // namespace
}  // namespace bmc::cache

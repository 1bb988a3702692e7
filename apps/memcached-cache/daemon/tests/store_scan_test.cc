// SPDX-License-Identifier: Apache-2.0
// What bmcd makes of the store's memory: single entries, totals, connections.
#include "apps/memcached-cache/daemon/store_scan.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/daemon/connection_reader.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/tests/plain_memory.h"

namespace bmc::cache::test {
namespace {

constexpr std::uint64_t kNow = 1'000'000 * kSecondNs;
constexpr std::uint32_t kNowUnits = static_cast<std::uint32_t>(kNow >> CACHE_DEADLINE_SHIFT);

class StoreScanTest : public testing::Test {
 protected:
  void SetUp() override { memory.servers[1].hash_seed = 99; }

  // As a fill would leave it.
  std::uint64_t store(const std::string& key, const std::string& value, std::uint32_t deadline) {
    const std::uint64_t hash = hash_of(key, 99);
    const std::string text = "VALUE " + key + " 7 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
    entry header = {};
    header.epoch_key = guard_epoch(memory.servers[1].global) | key.size() << CACHE_EPOCH_BITS | 1ull << 56;
    header.deadline = deadline;
    header.text_len = static_cast<__u16>(text.size());
    std::memcpy(memory.log[1].byte + used, &header, sizeof header);
    std::memcpy(memory.log[1].byte + used + sizeof header, text.data(), text.size());
    const std::uint64_t way = WAY_VALID | cache_tag(hash) << WAY_TAG_SHIFT |
                              (memory.segments[1].generation & WAY_GENERATION_MASK) << WAY_GENERATION_SHIFT |
                              1ull << WAY_SEGMENT_SHIFT | used >> CACHE_ENTRY_ALIGN_SHIFT;
    bucket& bucket = memory.buckets[cache_bucket_index(hash, 64)];
    bucket.way[next_way++ % CACHE_BUCKET_WAYS] = way;
    used += (sizeof header + text.size() + 7) & ~7ull;
    return way;
  }
  std::string state(const std::string& key) {
    const auto found = find_entry(memory, 1, key);
    return found ? judge_entry(memory, *found, kNow).text : "";
  }
  guard& guard_of(const std::string& key) { return memory.guards[cache_guard_index(hash_of(key, 99), 15)]; }

  CacheMemory memory = plain_memory();
  std::uint64_t used = 64;
  unsigned next_way = 0;
};

TEST_F(StoreScanTest, HashIsTheProgramsOwn) {
  const std::string key = "twenty_bytes_of_key!";
  std::uint64_t hash = 5;
  for (std::size_t i = 0; i < 24; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, key.data() + i, std::min<std::size_t>(8, key.size() - i));
    hash = cache_hash_word(hash, word);
  }
  EXPECT_EQ(hash_of(key, 5), cache_hash_finish(hash, 20));
  EXPECT_NE(hash_of(key, 5), hash_of(key, 6));
  EXPECT_NE(hash_of("a", 5), hash_of(std::string("a\0", 2), 5));
}

TEST_F(StoreScanTest, FindsTheEntryOfThisServerAndKey) {
  store("key", "value\r\nwith lines", CACHE_DEADLINE_NEVER);
  const auto found = find_entry(memory, 1, "key");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->text, "VALUE key 7 17\r\nvalue\r\nwith lines\r\n");
  EXPECT_EQ(found->key, "key");
  EXPECT_EQ(found->server, 1u);
  EXPECT_FALSE(find_entry(memory, 1, "other"));
  EXPECT_FALSE(find_entry(memory, 0, "key"));
}

TEST_F(StoreScanTest, SaysWhyAnEntryIsNotServed) {
  store("never", "v", CACHE_DEADLINE_NEVER);
  store("soon", "v", kNowUnits + 1);
  store("past", "v", kNowUnits);
  store("unknown", "v", CACHE_DEADLINE_UNKNOWN);
  EXPECT_EQ(state("never"), "servable");
  EXPECT_EQ(state("soon"), "servable");
  EXPECT_EQ(state("past"), "expired");
  EXPECT_EQ(state("unknown"), "expiry not known yet");
  memory.servers[1].flush_from = kNowUnits;
  EXPECT_EQ(state("never"), "a delayed flush_all is due");
  memory.servers[1].flush_from = kNowUnits + 1;
  EXPECT_EQ(state("never"), "servable");
  memory.servers[1].hold = SERVER_DOWN;
  EXPECT_EQ(state("never"), "server held");
  memory.servers[1].hold = 0;
  memory.servers[1].global += GUARD_ARRIVE;
  EXPECT_EQ(state("never"), "flushed since");
}

TEST_F(StoreScanTest, ARecycledSegmentHoldsNothing) {
  const std::uint64_t way = store("key", "value", CACHE_DEADLINE_NEVER);
  ASSERT_TRUE(read_entry(memory, way));
  memory.segments[1].generation++;
  EXPECT_FALSE(read_entry(memory, way));
  EXPECT_FALSE(find_entry(memory, 1, "key"));
}

TEST_F(StoreScanTest, WaysThatLeadNowhere) {
  EXPECT_FALSE(read_entry(memory, 0));
  EXPECT_FALSE(read_entry(memory, WAY_VALID | 2ull << WAY_SEGMENT_SHIFT));  // no such segment
  EXPECT_FALSE(read_entry(memory, WAY_VALID | WAY_OFFSET_MASK));            // past the end
  const std::uint64_t way = store("key", "value", CACHE_DEADLINE_NEVER);
  auto* header = reinterpret_cast<entry*>(memory.log[1].byte + 64);
  header->text_len = CACHE_TEXT_MAX + 1;
  EXPECT_FALSE(read_entry(memory, way));
  header->text_len = 7;  // shorter than its key
  EXPECT_FALSE(read_entry(memory, way));
}

TEST_F(StoreScanTest, APassCountsEverything) {
  StoreScan scan(memory);
  for (int i = 0; i < 10; i++)
    store("k" + std::to_string(i), "v", i < 6 ? CACHE_DEADLINE_NEVER : CACHE_DEADLINE_UNKNOWN);
  guard_of("k0").word += GUARD_ARRIVE;
  std::uint64_t servable = 0;
  std::uint64_t stored = 0;
  for (int i = 0; i < 10; i++) {
    const std::string now = state("k" + std::to_string(i));
    stored += !now.empty();  // a way may have been taken by a later key
    servable += now == "servable";
  }
  EXPECT_EQ(scan.totals().entries, 0u);
  while (!scan.step()) continue;
  EXPECT_EQ(scan.totals().entries, stored);
  EXPECT_EQ(scan.totals().servable, servable);
  EXPECT_EQ(scan.totals().bytes, stored * std::string_view("VALUE k0 0 1\r\nv\r\n").size());
  EXPECT_EQ(scan.totals().guards_in_flight, 1u);
}

TEST(ConnectionReader, ReadsEveryConnectionInSlices) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
  const Fd map(bpf_map_create(BPF_MAP_TYPE_HASH, "connections", 8, sizeof(connection), 4096, &options));
  ASSERT_TRUE(map);
  ConnectionReader reader(map.get());
  std::vector<ConnectionView> none;
  ASSERT_TRUE(reader.next(none));
  EXPECT_TRUE(none.empty());
  for (std::uint64_t cookie = 1; cookie <= 1000; cookie++) {
    connection each = {};
    each.cookie = cookie;
    each.server = cookie % 8;
    each.state = CONNECTION_LOST;
    each.tail = cookie % 2;
    each.last_ns = cookie * 10;
    ASSERT_EQ(bpf_map_update_elem(map.get(), &cookie, &each, BPF_ANY), 0);
  }
  for (int walk = 0; walk < 2; walk++) {
    std::vector<ConnectionView> connections;
    int slices = 0;
    while (true) {
      const Result<bool> more = reader.next(connections);
      ASSERT_TRUE(more) << more.error().what;
      if (!*more) break;
      slices++;
    }
    EXPECT_GE(slices, 4);
    std::set<std::uint64_t> cookies;
    for (const ConnectionView& each : connections) {
      cookies.insert(each.cookie);
      EXPECT_EQ(each.server, each.cookie % 8);
      EXPECT_EQ(each.pending, each.cookie % 2 == 1);
      EXPECT_EQ(each.last_ns, each.cookie * 10);
    }
    EXPECT_EQ(cookies.size(), 1000u);
  }
}

}  // namespace
}  // namespace bmc::cache::test

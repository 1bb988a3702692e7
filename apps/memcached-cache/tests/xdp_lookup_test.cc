// SPDX-License-Identifier: Apache-2.0
// The store's read side compiled natively: clocks that lag, budgets over time, sums; what a packet through
// the real program cannot show because it has the real clock.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "apps/memcached-cache/store/lookup.h"
#include "apps/memcached-cache/store/lookup_source.h"
#include "apps/memcached-cache/tests/packet_builder.h"
#include "apps/memcached-cache/tests/store_fixture.h"
#include "xdp/lib/checksum.bpf.h"
#include "xdp/lib/packet.bpf.h"
#include "xdp/lib/reply.bpf.h"

namespace bmc::test {
namespace {

constexpr std::uint64_t kUnit = 1ull << CACHE_DEADLINE_SHIFT;

// A store of one bucket and one segment with one entry, in plain memory.
class CacheLookup : public testing::Test {
 protected:
  CacheLookup() {
    world_ = {.coarse_ns = 0,
              .precise_ns = 0,
              .buckets = &bucket_,
              .segments = &segment_,
              .log = log_.data(),
              .bucket_count = 1,
              .segment_count = 1};
    config_.bucket_count = 1;
    server_.hash_seed = 99;
    set_key("key");
    const std::string text = value_text("key", 0, "value");
    entry_ = reinterpret_cast<entry*>(log_.data());
    entry_->epoch_key = 3ull << CACHE_EPOCH_BITS;
    entry_->deadline = CACHE_DEADLINE_NEVER;
    entry_->text_len = static_cast<std::uint16_t>(text.size());
    entry_->text_sum = text_sum(text);
    std::memcpy(entry_ + 1, text.data(), text.size());
    bucket_.way[0] = WAY_VALID | cache_tag(key_.hash) << WAY_TAG_SHIFT;
  }

  void set_key(const std::string& key) {
    std::memset(&key_, 0, sizeof key_);
    std::memcpy(key_.word, key.data(), key.size());
    key_.length = static_cast<std::uint32_t>(key.size());
    key_.hash = key_hash(server_.hash_seed, key);
  }

  cache_counter look_up() { return cache_lookup(&world_, &config_, &server_, &key_, &hit_); }

  bucket bucket_{};
  segment segment_{};
  std::vector<std::uint8_t> log_ = std::vector<std::uint8_t>(CACHE_SEGMENT_BYTES);
  cache_control config_{};
  server_state server_{};
  lookup_world world_{};
  cache_key key_{};
  cache_hit hit_{};
  entry* entry_ = nullptr;
};

TEST_F(CacheLookup, TellsWhereTheTextIs) {
  ASSERT_EQ(look_up(), CACHE_TX_HIT);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(hit_.text), hit_.text_bytes),
            value_text("key", 0, "value"));
  EXPECT_EQ(hit_.text_sum, entry_->text_sum);
  EXPECT_EQ(hit_.passed, &bucket_.passed[0]);
  set_key("kez");
  EXPECT_EQ(look_up(), CACHE_PASS_MISS);
}

TEST_F(CacheLookup, IsWholeUntilTheSegmentIsRecycled) {
  ASSERT_EQ(look_up(), CACHE_TX_HIT);
  EXPECT_TRUE(hit_is_whole(&hit_));
  segment_.generation += 1;
  EXPECT_FALSE(hit_is_whole(&hit_));
  segment_.generation += WAY_GENERATION_MASK; /* the low bits are the way's again: still another generation */
  EXPECT_FALSE(hit_is_whole(&hit_));
}

TEST_F(CacheLookup, ServesBeforeTheUnitOfTheDeadlineOnly) {
  entry_->deadline = 5000;
  world_.coarse_ns = world_.precise_ns = 5000 * kUnit - 1;
  EXPECT_EQ(look_up(), CACHE_TX_HIT);
  world_.coarse_ns = world_.precise_ns = 5000 * kUnit;
  EXPECT_EQ(look_up(), CACHE_PASS_EXPIRED);
}

// The coarse clock may lag; near a deadline the precise one decides.
TEST_F(CacheLookup, DoesNotTrustTheCoarseClockNearADeadline) {
  entry_->deadline = 5000;
  world_.precise_ns = 5000 * kUnit;
  for (const std::uint64_t lag : {1u, 10u, COARSE_MARGIN_UNITS}) {
    world_.coarse_ns = (5000 - lag) * kUnit;
    EXPECT_EQ(look_up(), CACHE_PASS_EXPIRED) << lag;
  }
  world_.precise_ns = 5000 * kUnit - 1;
  EXPECT_EQ(look_up(), CACHE_TX_HIT);
}

TEST_F(CacheLookup, FindsNothingOutsideOfTheArrays) {
  bucket_.way[0] |= 1ull << WAY_SEGMENT_SHIFT;
  EXPECT_EQ(look_up(), CACHE_PASS_MISS);
}

TEST_F(CacheLookup, ComparesKeysOfEveryLengthByteForByte) {
  for (std::uint32_t length = 1; length <= CACHE_KEY_MAX; ++length) {
    std::string key(length, 'a');
    const std::string text = value_text(key, 0, "value");
    std::memcpy(entry_ + 1, text.data(), text.size());
    set_key(key);
    const auto* in_text = reinterpret_cast<const std::uint8_t*>(entry_ + 1) + CACHE_KEY_OFFSET;
    EXPECT_TRUE(key_equals(&key_, in_text)) << length;
    for (std::uint32_t at = 0; at < length; ++at) {
      key[at] = 'b';
      set_key(key);
      EXPECT_FALSE(key_equals(&key_, in_text)) << at << " of " << length;
      key[at] = 'a';
    }
  }
}

// Over ten seconds, whatever the pace of the requests: the burst and what the rate pays, no more.
TEST(SourceBudget, KeepsTheRate) {
  std::mt19937_64 engine(1);
  for (const std::uint32_t per_second : {1u, 7u, 100u, 50000u}) {
    source_budget budget{};
    std::uint64_t now = 1000000000000, taken = 0;
    const std::uint64_t start = now, end = start + 10000000000u;
    while (now < end) {
      now += engine() % (2000000000u / per_second / 4);
      taken += source_budget_take(&budget, per_second, now) != 0 ? 1 : 0;
    }
    const std::uint64_t burst = std::max<std::uint64_t>(1, per_second / 10);
    EXPECT_LE(taken, 10 * per_second + burst + 1) << per_second;
    EXPECT_GE(taken, 8 * per_second) << per_second;
  }
}

TEST(SourceBudget, GivesABurstAtOnceAndNothingMore) {
  source_budget budget{};
  const std::uint64_t now = 1000000000000;
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += source_budget_take(&budget, 1000, now) != 0 ? 1 : 0;
  EXPECT_EQ(taken, 100);
  EXPECT_EQ(source_budget_take(&budget, 1000, now + 1000000), 1);
  EXPECT_EQ(source_budget_take(&budget, 1000, now + 1000000), 0);
}

TEST(Checksum, AgreesWithTheBytewiseSum) {
  std::mt19937_64 engine(2);
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes(8 * (1 + engine() % 190));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(i % 3 == 0 ? 0xff : engine());
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, &bytes[at], 8);
      sum = checksum_add(sum, word);
    }
    const auto wanted = internet_sum(bytes.data(), bytes.size());
    ASSERT_EQ(checksum_fold(sum), static_cast<std::uint16_t>(htons(static_cast<std::uint16_t>(wanted))));
    bytes.insert(bytes.begin(), 0);
    ASSERT_EQ(checksum_at(checksum_fold(sum), 1),
              htons(static_cast<std::uint16_t>(internet_sum(bytes.data(), bytes.size()))));
  }
  EXPECT_EQ(checksum_udp(0xffff), 0xffff);
  EXPECT_EQ(checksum_udp(0xfffe), 1);
}

// The steps take a cursor: natively they parse and answer the same frame as in the kernel. The frame stands
// two bytes behind an aligned address, so that its IP header is aligned.
TEST(NativeSteps, ParseAndAnswerAFrame) {
  const auto request = frame(Ethernet{} / Vlan{} / IPv6{} / UDP{} / Memcached{} / Text{"get k\r\n"});
  const std::string text = "VALUE k 0 1\r\nv\r\nEND\r\n";
  alignas(8) std::uint8_t room[256] = {};
  std::uint8_t* const start = room + 2;
  std::copy(request.begin(), request.end(), start);
  packet parsed{};
  ASSERT_EQ(parse_packet({start, start + request.size()}, &parsed), PACKET_OK);
  EXPECT_EQ(parsed.payload_offset, 14u + 4 + 40 + 8);
  EXPECT_EQ(parsed.payload_bytes, 8u + 7);
  std::uint64_t header = 0;
  std::memcpy(&header, start + parsed.payload_offset, sizeof header);
  std::uint8_t* const end =
      std::copy(text.begin(), text.end(), start + parsed.payload_offset + sizeof header);
  const reply answer{.network_offset = parsed.network_offset,
                     .payload_bytes = static_cast<std::uint32_t>(8 + text.size()),
                     .sum = parsed.fixed_sum + checksum_add(text_sum(text), header),
                     .ipv4_id_be = 0};
  ASSERT_EQ(rewrite_headers({start, end}, &answer), 1);
  EXPECT_EQ(Bytes(start, end), frame(Ethernet{.to = kClientMac, .from = kServerMac} / Vlan{} /
                                     IPv6{.from = "2001:db8::1", .to = "2001:db8::10", .hop_limit = 64} /
                                     UDP{.from = 11211, .to = 40000} / Memcached{} / Text{text}));
}

}  // namespace
}  // namespace bmc::test

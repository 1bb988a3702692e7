// SPDX-License-Identifier: Apache-2.0
// The split of the memory limit, and that what it promises of payload is true of the real write side.
#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "apps/memcached-cache/store/sizing.h"
#include "apps/memcached-cache/tests/fill_native_store.h"

namespace bmc::test {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

TEST(FillSizing, TheLimitHolds) {
  for (std::uint64_t memory = 4 * kMiB; memory < 40ull * 1024 * kMiB; memory += memory / 7 + 12345) {
    const auto layout = size_store(memory);
    ASSERT_TRUE(layout) << memory;
    EXPECT_LE(layout->bytes(), memory);
    EXPECT_GE(layout->segment_count, 2u);
    EXPECT_LE(layout->segment_count, 1u << WAY_SEGMENT_BITS);
    EXPECT_TRUE(std::has_single_bit(layout->guard_count));
    EXPECT_LE(layout->guard_count, 1u << 20);
    EXPECT_TRUE(std::has_single_bit(layout->lease_count));
    if (memory < 16ull * 1024 * kMiB) {  // beyond that the log cannot grow
      EXPECT_GT(layout->bytes(), memory - 64 * 1024) << memory;
    }
  }
}

TEST(FillSizing, TooLittle) {
  ASSERT_TRUE(size_store(4 * kMiB));
  const auto layout = size_store(4 * kMiB - 1);
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, EINVAL);
  EXPECT_NE(layout.error().what.find("4MiB"), std::string::npos);
}

// Bytes of reply text that a lookup can reach, after far more fills than the log holds. `memory` counts
// whole: log, index, guards, hints, leases.
double payload_share(std::uint64_t memory, std::size_t key_bytes, std::size_t value_bytes) {
  const auto layout = size_store(memory);
  NativeStore store(layout->segment_count, layout->bucket_count);
  const std::string value(value_bytes, 'v');
  std::string key(key_bytes, 'k');
  std::uint32_t number = 0;
  // Twice around, then to where a segment was just recycled: the worst moment.
  const auto rounds = 2 * layout->segment_count;
  while (store.head().recycled < rounds) {
    ++number;
    for (std::size_t i = 0; i < 8; ++i) key[i] = static_cast<char>('A' + (number >> (4 * i) & 15));
    if (store.fill(key, value, 1) == 0) throw std::runtime_error("fill");
  }
  return static_cast<double>(store.reachable_text_bytes()) / static_cast<double>(memory);
}

// A sanitizer looks at the code, not at the share: a log small enough for its speed. In few segments the one
// that was just recycled weighs more.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kMemory = 32 * kMiB;
constexpr double kLoss = 0.1;
#else
constexpr std::uint64_t kMemory = 256 * kMiB;
constexpr double kLoss = 0;
#endif

TEST(FillSizing, PayloadOfSmallItems) { EXPECT_GE(payload_share(kMemory, 16, 40), 0.65 - kLoss); }

TEST(FillSizing, PayloadOfLargerItems) { EXPECT_GE(payload_share(kMemory / 4, 30, 200), 0.75 - 3 * kLoss); }

}  // namespace
}  // namespace bmc::test

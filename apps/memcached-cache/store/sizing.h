// SPDX-License-Identifier: Apache-2.0
// Splits `--memory` over the arrays of the store. Called by bmcd before it loads the programs, and by tests.
#ifndef BMC_STORE_SIZING_H
#define BMC_STORE_SIZING_H

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <string>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "control-plane/result.h"

namespace bmc {

// Elements of each map.
struct StoreLayout {
  std::uint32_t segment_count = 0;  // of log_bytes and segments
  std::uint32_t bucket_count = 0;
  std::uint32_t guard_count = 0;  // of guards and hints; a power of two
  std::uint32_t lease_count = 0;  // a power of two
  std::uint32_t sketch_count = 0;

  // What the kernel allocates for them (each array in whole pages; with CAP_PERFMON, without which it
  // rounds every count up to a power of two).
  std::uint64_t bytes() const {
    return pages(std::uint64_t{segment_count} * CACHE_SEGMENT_BYTES) +
           pages(segment_count * sizeof(segment)) + pages(bucket_count * sizeof(bucket)) +
           pages(guard_count * sizeof(guard)) + pages(guard_count * sizeof(ttl_hint)) +
           pages(lease_count * sizeof(lease)) + pages(sketch_count * sizeof(sketch_block));
  }

  static std::uint64_t pages(std::uint64_t bytes) { return (bytes + 4095) & ~std::uint64_t{4095}; }
};

// Entries of 88 bytes (16-byte key, 40-byte value) are what the index is made for. With 7 ways in a bucket
// and a random number of entries (Poisson) in each, payload per byte is greatest at 1.56 ways for an entry:
// 97 % of the entries keep their way until the log comes around. At 1.2 or 2 ways it is 1.5 points less.
// Smaller entries than these are bound by the index (fewer stay), larger ones leave part of it unused.
inline constexpr std::uint64_t kBucketBytesPerSegment =
    (CACHE_SEGMENT_BYTES / 88) * 156 / 100 / CACHE_BUCKET_WAYS * sizeof(bucket);  // 169,920

// A guard and its hint are 48 bytes: 1.2 % of the memory. Some 40 keys of that size share one: while one of
// them is written, none of the others is filled. What is stored of them stays.
inline constexpr std::uint64_t kBytesPerGuard = 4096;

// A block counts 21 keys, 0.8 % of the memory: more than two keys for each item of 1000 bytes that fits,
// which is what the choice of the most asked for needs; for items of 88 bytes one key for four, which still
// keeps a scan out.
inline constexpr std::uint64_t kBytesPerSketchBlock = 8192;

// Two requests awaiting their replies at the same time in one slot cost one of them its fill, no more.
inline constexpr std::uint64_t kBytesPerLease = 32768;

// A limit that holds: bytes() of the result is at most `memory_bytes`.
inline Result<StoreLayout> size_store(std::uint64_t memory_bytes) {
  constexpr std::uint64_t kPageRounding = 7 * 4096;  // one page for each array
  constexpr std::uint64_t kPerSegment = CACHE_SEGMENT_BYTES + sizeof(segment) + kBucketBytesPerSegment;
  StoreLayout layout;
  const auto count = [memory_bytes](std::uint64_t bytes_each, std::uint64_t least, std::uint64_t most) {
    return static_cast<std::uint32_t>(std::clamp(std::bit_floor(memory_bytes / bytes_each), least, most));
  };
  layout.guard_count = count(kBytesPerGuard, 1u << 11, 1u << 20);
  layout.lease_count = count(kBytesPerLease, 1u << 10, 1u << 16);
  layout.sketch_count =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(memory_bytes / kBytesPerSketchBlock, 1u << 17));
  const std::uint64_t fixed = kPageRounding + layout.guard_count * (sizeof(guard) + sizeof(ttl_hint)) +
                              layout.lease_count * sizeof(lease) + layout.sketch_count * sizeof(sketch_block);
  constexpr std::uint64_t kLeast = 4u << 20;
  if (memory_bytes < kLeast) {
    return Error{EINVAL, "memory " + std::to_string(memory_bytes) + " bytes is too little: give at least " +
                             std::to_string(kLeast >> 20) + "MiB"};
  }
  const std::uint64_t segments =
      std::min<std::uint64_t>((memory_bytes - fixed) / kPerSegment, 1u << WAY_SEGMENT_BITS);
  layout.segment_count = static_cast<std::uint32_t>(segments);
  // What is too little for one more segment goes to the index, unless the log is as large as it can be.
  const std::uint64_t rest = memory_bytes - fixed - segments * (CACHE_SEGMENT_BYTES + sizeof(segment));
  layout.bucket_count =
      static_cast<std::uint32_t>(std::min(rest, (segments + 7) * kBucketBytesPerSegment) / sizeof(bucket));
  return layout;
}

}  // namespace bmc

#endif

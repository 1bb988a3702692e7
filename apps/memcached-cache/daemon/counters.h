// SPDX-License-Identifier: Apache-2.0
// CounterReader: the programs' per-CPU counters, summed. Used for metrics, status and the mismatch watch.
#ifndef BMC_CACHE_DAEMON_COUNTERS_H
#define BMC_CACHE_DAEMON_COUNTERS_H

#include <array>
#include <cstdint>
#include <vector>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/daemon/cache_memory.h"

namespace bmc::cache {

// All counters at about one moment; what cannot be read is 0.
struct CounterSnapshot {
  std::array<std::uint64_t, CACHE_COUNTER_COUNT> value = {};

  std::uint64_t operator[](cache_counter counter) const { return value[counter]; }
  std::uint64_t hits() const { return value[CACHE_TX_HIT]; }
  // Gets of ours that memcached had to answer.
  std::uint64_t misses() const {
    return value[CACHE_PASS_MISS] + value[CACHE_PASS_DEAD] + value[CACHE_PASS_EXPIRED] +
           value[CACHE_PASS_TORN] + value[CACHE_PASS_TOO_LARGE];
  }
  std::uint64_t invalidations() const {
    return value[CACHE_WRITE_KEY] + value[CACHE_WRITE_GLOBAL] + value[CACHE_SERVER_CLOSED];
  }
};

// Name and meaning of one counter.
struct CounterText {
  const char* where;
  const char* verdict;
  const char* reason;
  const char* text;
};
const std::array<CounterText, CACHE_COUNTER_COUNT>& counter_texts();

using MissPathHistogram = std::array<std::uint64_t, CACHE_HISTOGRAM_BUCKETS>;

class CounterReader {
 public:
  explicit CounterReader(const CacheMemory& memory);

  CounterSnapshot counters() const;
  std::uint64_t counter(cache_counter counter) const { return sum(memory_.counters_fd, counter); }
  // Bucket i: from 2^i up to 2^(i+1) nanoseconds; the last one has no end.
  MissPathHistogram miss_path() const;

 private:
  std::uint64_t sum(int map_fd, std::uint32_t index) const;

  const CacheMemory& memory_;
  mutable std::vector<std::uint64_t> per_cpu_;
};

}  // namespace bmc::cache

#endif

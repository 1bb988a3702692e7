// SPDX-License-Identifier: Apache-2.0
// Reading of per-CPU maps.
#include "apps/memcached-cache/daemon/counters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <numeric>

namespace bmc::cache {

const std::array<CounterText, CACHE_COUNTER_COUNT>& counter_texts() {
  static constexpr std::array<CounterText, CACHE_COUNTER_COUNT> kTexts = {{
#define CACHE_COUNTER_TEXT(name, where, verdict, reason, text) {where, verdict, reason, text},
      CACHE_COUNTERS(CACHE_COUNTER_TEXT)
#undef CACHE_COUNTER_TEXT
  }};
  return kTexts;
}

CounterReader::CounterReader(const CacheMemory& memory)
    : memory_(memory), per_cpu_(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1))) {}

std::uint64_t CounterReader::sum(int map_fd, std::uint32_t index) const {
  if (bpf_map_lookup_elem(map_fd, &index, per_cpu_.data()) != 0) return 0;
  return std::accumulate(per_cpu_.begin(), per_cpu_.end(), std::uint64_t{0});
}

CounterSnapshot CounterReader::counters() const {
  CounterSnapshot snapshot;
  for (std::uint32_t i = 0; i < CACHE_COUNTER_COUNT; i++) snapshot.value[i] = sum(memory_.counters_fd, i);
  return snapshot;
}

MissPathHistogram CounterReader::miss_path() const {
  MissPathHistogram histogram = {};
  for (std::uint32_t i = 0; i < CACHE_HISTOGRAM_BUCKETS; i++) histogram[i] = sum(memory_.miss_path_fd, i);
  return histogram;
}

}  // namespace bmc::cache

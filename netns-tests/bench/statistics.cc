// SPDX-License-Identifier: Apache-2.0
// See statistics.h.
#include "netns-tests/bench/statistics.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace bmc::bench {

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double ideal_lfu_hit_rate(std::vector<double> weights, std::uint64_t cache_bytes, std::uint64_t item_bytes) {
  if (weights.empty() || item_bytes == 0) return 0;
  const auto items =
      static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(weights.size(), cache_bytes / item_bytes));
  std::sort(weights.begin(), weights.end(), std::greater<>());
  // The smallest first: they would vanish beside a large sum.
  const auto sum = [&](std::ptrdiff_t count) {
    return std::accumulate(weights.rend() - count, weights.rend(), 0.0);
  };
  return sum(items) / sum(std::ssize(weights));
}

double amdahl_rate(double writes, double write_rate, double read_rate) {
  if (write_rate <= 0 || read_rate <= 0) return 0;
  return 1 / (writes / write_rate + (1 - writes) / read_rate);
}

}  // namespace bmc::bench

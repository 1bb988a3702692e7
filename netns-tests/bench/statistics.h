// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the benchmarks: medians, and what a measurement is compared with. Pure. Used by the
// cases, the reports and the replicated log's benchmark.
#ifndef BMC_NETNS_TESTS_BENCH_STATISTICS_H
#define BMC_NETNS_TESTS_BENCH_STATISTICS_H

#include <cstdint>
#include <vector>

namespace bmc::bench {

// The middle one of an odd number, the upper of the two in the middle of an even one; 0 of none.
double median_of(std::vector<double> values);

// Share of the requests that a cache answers which always holds the items asked most often, as many of them
// as fit: nothing without knowledge of the future does better on independent draws. `weights` need not be
// sorted or sum up to one; every item takes `item_bytes` of `cache_bytes`.
double ideal_lfu_hit_rate(std::vector<double> weights, std::uint64_t cache_bytes, std::uint64_t item_bytes);

// What Amdahl leaves: requests a second where the share `writes` of them can only be done at `write_rate` and
// the rest at `read_rate`, one after another.
double amdahl_rate(double writes, double write_rate, double read_rate);

}  // namespace bmc::bench

#endif

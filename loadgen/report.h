// SPDX-License-Identifier: Apache-2.0
// RunReport: what one run of any transport found. Filled by the transports, read by the command, the demo,
// tests.
#ifndef BMC_LOADGEN_REPORT_H
#define BMC_LOADGEN_REPORT_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>

#include "loadgen/loadgen_abi.h"

namespace bmc::loadgen {

// Histogram over the buckets of workload_abi.h; 3 % wide.
class Latency {
 public:
  Latency() = default;
  // As the checker program has counted them.
  explicit Latency(const __u64 (&buckets)[LOADGEN_BUCKETS]) {
    std::copy(std::begin(buckets), std::end(buckets), buckets_.begin());
  }

  void add(std::uint64_t ns);
  void add(const Latency& other);
  std::uint64_t count() const;
  // Nanoseconds that the share `quantile` (0..1) of all stays at or below, to the middle of its bucket; 0
  // without data.
  double quantile_ns(double quantile) const;
  // Of all, to the middles of their buckets; 0 without data.
  double mean_ns() const;

 private:
  std::array<std::uint64_t, LOADGEN_BUCKETS> buckets_ = {};
};

// One kind of request. `count` and `latency` are of right answers, late ones among them.
struct OperationReport {
  std::uint64_t count = 0;
  std::uint64_t hits = 0;    // keys; of gets only
  std::uint64_t misses = 0;  // the same
  std::uint64_t bytes = 0;   // text of requests and replies
  Latency latency;

  void add(const OperationReport& other);
};

struct RunReport {
  double seconds = 0;      // of sending
  double offered_rps = 0;  // requests a second wished for; 0: one after another
  std::uint64_t sent = 0;
  std::uint64_t stalled = 0;  // due but not sent: all request ids were outstanding
  std::array<std::uint64_t, LOADGEN_COUNTER_COUNT> counter = {};
  Latency latency;
  OperationReport sets;
  OperationReport gets;
  bool aborted = false;  // ended early: too much was lost, or the caller asked

  std::uint64_t answered() const { return counter[LOADGEN_ANSWERED]; }
  std::uint64_t checked() const { return counter[LOADGEN_CHECKED]; }
  std::uint64_t wrong() const;
  // Requests that got neither a whole answer nor a wrong one; late ones among them.
  std::uint64_t lost() const;
  // Late ones, and those without any answer.
  std::uint64_t late() const { return std::min(counter[LOADGEN_LATE], lost()); }
  std::uint64_t unanswered() const { return lost() - late(); }
  double loss() const { return sent == 0 ? 0 : static_cast<double>(lost()) / static_cast<double>(sent); }
  // Whole answers a second.
  double rps() const { return seconds > 0 ? static_cast<double>(answered()) / seconds : 0; }
  double sent_rps() const { return seconds > 0 ? static_cast<double>(sent) / seconds : 0; }

  // Puts another worker's part of the same run to this one's; times and offered rate stay.
  void add(const RunReport& other);
  // Several lines for a person.
  std::string text() const;
};

// "wrong_value" and the like; `counter` < LOADGEN_COUNTER_COUNT.
const char* counter_label(std::size_t counter);

// Called some times a second with what is known so far.
using Progress = std::function<void(const RunReport& so_far)>;

}  // namespace bmc::loadgen

#endif

// SPDX-License-Identifier: Apache-2.0
#include "loadgen/report.h"

#include <cmath>
#include <cstdio>

#include "loadgen/workload_abi.h"

namespace bmc::loadgen {
namespace {

constexpr const char* kLabels[] = {
#define LOADGEN_LABEL(name, label, text) label,
    LOADGEN_COUNTERS(LOADGEN_LABEL)
#undef LOADGEN_LABEL
};

double middle_ns(std::uint32_t bucket) {
  const auto floor = static_cast<double>(workload_bucket_floor(bucket));
  const auto next = static_cast<double>(workload_bucket_floor(bucket + 1));
  return bucket < LOADGEN_STEPS ? floor : (floor + next) / 2;
}

}  // namespace

void Latency::add(std::uint64_t ns) { buckets_[workload_bucket(ns)]++; }

void Latency::add(const Latency& other) {
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) buckets_[bucket] += other.buckets_[bucket];
}

std::uint64_t Latency::count() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t bucket : buckets_) sum += bucket;
  return sum;
}

double Latency::mean_ns() const {
  double sum = 0, all = 0;
  for (std::uint32_t bucket = 0; bucket < LOADGEN_BUCKETS; ++bucket) {
    sum += static_cast<double>(buckets_[bucket]) * middle_ns(bucket);
    all += static_cast<double>(buckets_[bucket]);
  }
  return all > 0 ? sum / all : 0;
}

double Latency::quantile_ns(double quantile) const {
  const std::uint64_t all = count();
  const auto wanted =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(all))));
  std::uint64_t below = 0;
  if (all == 0) return 0;
  for (std::uint32_t bucket = 0; bucket < LOADGEN_BUCKETS; ++bucket) {
    below += buckets_[bucket];
    if (below >= wanted) return middle_ns(bucket);
  }
  return 0;
}

std::uint64_t RunReport::wrong() const {
  std::uint64_t sum = 0;
  for (std::size_t reason = LOADGEN_FIRST_WRONG; reason < LOADGEN_COUNTER_COUNT; ++reason)
    sum += counter[reason];
  return sum;
}

std::uint64_t RunReport::lost() const {
  // A reply that nobody asked for accounts for no request.
  const std::uint64_t accounted = answered() + wrong() - counter[LOADGEN_WRONG_UNASKED];
  return sent > accounted ? sent - accounted : 0;
}

void OperationReport::add(const OperationReport& other) {
  count += other.count;
  hits += other.hits;
  misses += other.misses;
  bytes += other.bytes;
  latency.add(other.latency);
}

void RunReport::add(const RunReport& other) {
  sent += other.sent;
  stalled += other.stalled;
  for (std::size_t index = 0; index < counter.size(); ++index) counter[index] += other.counter[index];
  latency.add(other.latency);
  sets.add(other.sets);
  gets.add(other.gets);
  aborted = aborted || other.aborted;
}

const char* counter_label(std::size_t counter) { return kLabels[counter]; }

std::string RunReport::text() const {
  char line[512];
  std::snprintf(
      line, sizeof line,
      "%.0f requests/s answered (%.0f sent/s for %.2f s), lost %llu (%.3f %%), p50 %.1f us, p99 %.1f us\n"
      "replies checked %llu, wrong %llu, late %llu; keys hit %llu, missed %llu\n",
      rps(), sent_rps(), seconds, static_cast<unsigned long long>(lost()), loss() * 100,
      latency.quantile_ns(0.5) / 1000, latency.quantile_ns(0.99) / 1000,
      static_cast<unsigned long long>(checked()), static_cast<unsigned long long>(wrong()),
      static_cast<unsigned long long>(counter[LOADGEN_LATE]),
      static_cast<unsigned long long>(counter[LOADGEN_HIT]),
      static_cast<unsigned long long>(counter[LOADGEN_MISS]));
  std::string text = line;
  for (std::size_t reason = LOADGEN_FIRST_WRONG; reason < LOADGEN_COUNTER_COUNT; ++reason) {
    if (counter[reason] != 0)
      text += std::string("  ") + kLabels[reason] + " " + std::to_string(counter[reason]) + "\n";
  }
  return text;
}

}  // namespace bmc::loadgen

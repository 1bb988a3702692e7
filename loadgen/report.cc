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

// To so many parts of one: the quotient of whole numbers prints short.
double rounded(double value, double parts) { return std::round(value * parts) / parts; }

}  // namespace

void Latency::add(std::uint64_t ns) { buckets_[workload_bucket(ns)]++; }

std::uint64_t Latency::count() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t bucket : buckets_) sum += bucket;
  return sum;
}

double Latency::quantile_ns(double quantile) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count())));
  std::uint64_t below = 0;
  if (wanted == 0) return 0;
  for (std::uint32_t bucket = 0; bucket < LOADGEN_BUCKETS; ++bucket) {
    below += buckets_[bucket];
    if (below < wanted) continue;
    const auto floor = static_cast<double>(workload_bucket_floor(bucket));
    const auto next = static_cast<double>(workload_bucket_floor(bucket + 1));
    return bucket < LOADGEN_STEPS ? floor : (floor + next) / 2;
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
  const std::uint64_t accounted = answered() + wrong();
  return sent > accounted ? sent - accounted : 0;
}

nlohmann::ordered_json RunReport::json() const {
  nlohmann::ordered_json out;
  out["seconds"] = rounded(seconds, 1000);
  out["offered_rps"] = std::llround(offered_rps);
  out["sent"] = sent;
  out["rps"] = std::llround(rps());
  out["lost"] = lost();
  out["loss"] = loss();
  out["stalled"] = stalled;
  out["wrong"] = wrong();
  for (std::size_t index = 0; index < LOADGEN_COUNTER_COUNT; ++index)
    out["counters"][kLabels[index]] = counter[index];
  for (const auto& [name, quantile] :
       {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1.0}})
    out["latency_us"][name] = rounded(latency.quantile_ns(quantile) / 1000, 100);
  out["aborted"] = aborted;
  return out;
}

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

// SPDX-License-Identifier: Apache-2.0
// What an item costs, what fits, and how long an empty cache takes to fill. See cases.h.
#include "apps/memcached-cache/abi/cache_abi.h"
#include "netns-tests/bench/cases.h"
#include "netns-tests/bench/run.h"
#include "netns-tests/lib/clock.h"

namespace bmc::bench {
namespace {

constexpr double kFillRps = 40'000;
constexpr double kStepSeconds = 0.2, kFillSecondsMax = 60;
constexpr double kFilled = 0.9;
// bmcd counts its entries in the background, all of them in 25 s.
constexpr std::int64_t kCountedMs = 90'000, kUnchangedNs = 27 * lab::kSecond;

// The number once a whole count has not changed it.
double counted_entries(demo::BmcdProcess& bmcd) {
  double entries = -1;
  std::int64_t since = 0;
  lab::eventually(lab::Deadline::in_ms(kCountedMs), [&] {
    const double now = bmcd.metric("bmcd_entries");
    if (now != entries) since = lab::now_ns();
    entries = now;
    return lab::now_ns() - since > kUnchangedNs;
  });
  return entries;
}

// The cache has seen more items than fit.
Sample payload_share(Run& run) {
  run.progress().step("counting what is in the cache");
  const double entries = counted_entries(*run.bmcd());
  const double memory = run.bmcd()->metric("bmcd_memory_bytes");
  return {
      run.bmcd()->metric("bmcd_entry_bytes") / memory * 100,
      {{"entries", entries}, {"memory_bytes", memory}, {"bytes_per_item", memory / std::max(1.0, entries)}}};
}

// Of the items whose reply fits one datagram.
Sample etc_resident(Run& run) {
  run.progress().step("counting what is in the cache");
  const loadgen::Workload workload = demo::unwrap(loadgen::Workload::create(run.scene().items));
  double cacheable = 0;
  for (std::uint32_t index = 0; index < run.scene().items.key_count; ++index)
    if (workload.record(index).size() <= CACHE_TEXT_MAX) cacheable++;
  const double entries = counted_entries(*run.bmcd());
  return {entries / cacheable * 100,
          {{"entries", entries},
           {"cacheable", cacheable},
           {"memory_bytes", run.bmcd()->metric("bmcd_memory_bytes")},
           {"payload_bytes", run.bmcd()->metric("bmcd_entry_bytes")}}};
}

// From an empty cache until most GETs of a Zipf load are answered by the kernel.
Sample fill_time(Run& run) {
  run.progress().step("an empty cache fills");
  auto session = demo::unwrap(demo::open_session(run.stage().link(), run.scene().items, run.plan()));
  double seconds = 0, requests = 0, share = 0, half_at = 0;
  while (share < kFilled && seconds < kFillSecondsMax) {
    const double before = run.bmcd()->kernel_hits();
    const auto report =
        run.counted(session.transport->run({.rps = kFillRps, .seconds = kStepSeconds}, run.stop(), {}));
    seconds += report.seconds;
    requests += static_cast<double>(report.answered());
    share = (run.bmcd()->kernel_hits() - before) /
            static_cast<double>(std::max<std::uint64_t>(1, report.answered()));
    if (half_at == 0 && share >= 0.5) half_at = seconds;
  }
  return {seconds,
          {{"requests", requests},
           {"share_reached", share},
           {"seconds_to_half", half_at},
           {"held_seconds", run.held_seconds()}}};
}

}  // namespace

std::vector<Case> memory_cases() {
  const std::vector<Side> only{Side::kBmcd};
  return {
      {"memory_payload_40B",
       "%",
       "of the memory is replies, 16-byte keys, 40-byte values, cache full",
       kSceneFull,
       only,
       payload_share,
       {">= 65 %", [](const Outcome& o) { return o.value(Side::kBmcd) >= 65; }},
       true},
      {"memory_etc_1M",
       "%",
       "of a million ETC items are in the cache at 400 MiB",
       kSceneEtc,
       only,
       etc_resident,
       {">= 99 %", [](const Outcome& o) { return o.value(Side::kBmcd) >= 99; }},
       true},
      {"fill_cold",
       "s",
       "until 90 % of 40,000 GETs/s, Zipf 0.99, are answered by an empty cache",
       kSceneCold,
       only,
       fill_time,
       {}},
  };
}

}  // namespace bmc::bench

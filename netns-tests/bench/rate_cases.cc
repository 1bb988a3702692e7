// SPDX-License-Identifier: Apache-2.0
// GETs over UDP: the highest rate with next to no loss, and the latency of one request alone. See cases.h.
#include "netns-tests/bench/cases.h"
#include "netns-tests/bench/deep_queues.h"
#include "netns-tests/bench/passing_hooks.h"
#include "netns-tests/bench/run.h"
#include "netns-tests/bench/statistics.h"
#include "netns-tests/lib/clock.h"

namespace bmc::bench {
namespace {

using loadgen::Workload;
using loadgen::WorkloadOptions;

constexpr std::uint32_t kKeysAtOnce = 10;
constexpr const char* kNamed = "replies/s";

Sample sample_of(const demo::Measured& measured) {
  Sample sample{measured.rps, {{"loss", measured.loss}, {"server_busy", measured.server_busy}}};
  if (measured.rps > 0) sample.more["server_ns"] = measured.server_busy * 1e9 / measured.rps;
  if (measured.kernel_hit_rate > 0) sample.more["kernel_hit_rate"] = measured.kernel_hit_rate;
  if (measured.limited_by_load) sample.more["limited_by_load"] = 1;
  if (!measured.steady) sample.more["unsteady"] = 1;
  return sample;
}

// By how much a reply with all keys is longer than its request.
std::uint16_t reply_growth(const WorkloadOptions& requests) {
  constexpr std::size_t kEnd = 5;
  const Workload workload = demo::unwrap(Workload::create(requests));
  const std::size_t reply = workload.record(0).size() * requests.keys_per_request + kEnd;
  const std::size_t request = workload.request_text(0).size();
  return static_cast<std::uint16_t>(reply > request ? reply - request : 0);
}

Sample hits(Run& run, const std::string& name, const WorkloadOptions& requests, std::uint16_t echo_growth) {
  const demo::Measured measured = run.best_rate(name, requests, echo_growth);
  // Two keys in a million missed once, after rounds of sets: that is told, and no reason to throw a run away.
  constexpr double kMissedMost = 1e-4;
  const auto missed = static_cast<double>(measured.missed);
  if (missed > kMissedMost * measured.rps * run.pace().seconds)
    throw lab::LabError(name + ": memcached did not keep the items (" + std::to_string(measured.missed) +
                        " keys missed)");
  Sample sample = sample_of(measured);
  if (missed > 0) sample.more["missed"] = missed;
  return sample;
}

Sample small_hit(Run& run) {
  const Sample sample = hits(run, kHitCase, run.scene().items, 0);
  run.remembered(kHitCase, [&] { return sample.value; });
  return sample;
}

Sample medium_hit(Run& run) {
  return hits(run, "udp_get_hit_500B", run.scene().items, reply_growth(run.scene().items));
}

Sample many_keys(Run& run) {
  WorkloadOptions requests = run.scene().items;
  requests.keys_per_request = kKeysAtOnce;
  Sample sample = hits(run, "udp_multiget_10", requests, reply_growth(requests));
  sample.more["keys_per_second"] = sample.value * kKeysAtOnce;
  return sample;
}

// Keys one byte longer than those stored: nobody has them.
WorkloadOptions missing(const Run& run) {
  WorkloadOptions requests = run.scene().items;
  requests.key_size += 1;
  return requests;
}

// The highest rate, and the processor's time for a request at a rate that everybody holds.
Sample cost_of_misses(Run& run, const char* name) {
  constexpr double kHeldRps = 30'000;
  const DeepQueues deep(run.stage().memcached().pid());
  Sample sample = sample_of(run.best_rate(name, missing(run), 0, Answers::kMemcached));
  const double before = run.plan().server_seconds();
  const loadgen::RunReport report =
      run.send(missing(run), {.rps = kHeldRps, .seconds = 2 * run.pace().seconds});
  const double used = run.plan().server_seconds() - before;
  sample.more["server_ns_at_30k"] =
      used * 1e9 / static_cast<double>(std::max<std::uint64_t>(1, report.answered()));
  return sample;
}

Sample misses_watched(Run& run) {
  const std::unique_ptr<PassingHooks> passing = passing_programs(run);
  return cost_of_misses(run, "udp_miss_watched");
}

Sample misses(Run& run) {
  constexpr double kModestRps = 20'000;
  const std::unique_ptr<PassingHooks> passing = passing_programs(run);
  run.await_rest([&run] { run.send(missing(run), {.rps = kModestRps, .seconds = 1}); });
  return cost_of_misses(run, "udp_miss_only");
}

// What an ideal cache would have answered: of as many items as ours holds, which judges the choice of what is
// kept; and of the same bytes with nothing but keys and values in them, which judges everything.
Sample small_cache(Run& run) {
  constexpr std::int64_t kCountedMs = 60'000;
  const WorkloadOptions& items = run.scene().items;
  Sample sample = sample_of(run.best_rate("udp_get_zipf_small_cache", items));
  if (run.bmcd() == nullptr) return sample;
  // Counted in the background.
  double entries = 0;
  lab::eventually(lab::Deadline::in_ms(kCountedMs),
                  [&] { return (entries = run.bmcd()->metric("bmcd_entries")) > 0; });
  const auto memory = static_cast<std::uint64_t>(run.bmcd()->metric("bmcd_memory_bytes"));
  const auto weights = loadgen::zipf_weights(items.key_count, items.zipf_exponent);
  const double hit_rate = sample.more["kernel_hit_rate"];
  const double same_items = ideal_lfu_hit_rate(weights, static_cast<std::uint64_t>(entries), 1);
  const double same_bytes = ideal_lfu_hit_rate(weights, memory, items.key_size + items.data_size);
  sample.more["entries"] = entries;
  sample.more["ideal_same_items"] = same_items;
  sample.more["ideal_same_bytes"] = same_bytes;
  if (same_items > 0) sample.more["of_ideal_same_items"] = hit_rate / same_items;
  sample.more["of_ideal_same_bytes"] = hit_rate / same_bytes;
  return sample;
}

Sample single_request(Run& run) {
  const demo::MeasurementPlan plan = run.plan();
  demo::Measurement measurement(run.stage().link(), run.scene().items, run.progress(), run.stop());
  std::unique_ptr<loadgen::EchoServer> echo;
  if (run.side() == Side::kLimit) echo = run.stage().start_echo();
  demo::Measured measured;
  demo::unwrap(measurement.find_latency(std::string("latency, ") + name_of(run.side()), plan, measured));
  run.count(measurement.total());
  return {measured.p50_us, {{"p99_us", measured.p99_us}}};
}

bool multiget_met(const Outcome& outcome) {
  constexpr double kEnough = 5e6;
  return outcome.more(Side::kBmcd, "keys_per_second") >= kEnough || outcome.of_limit() >= 0.5;
}

}  // namespace

std::vector<Case> rate_cases() {
  const std::vector<Side> all{Side::kPlain, Side::kBmcd, Side::kLimit};
  const std::vector<Side> pair{Side::kPlain, Side::kBmcd};
  return {
      {"udp_get_hit_32B",
       kNamed,
       "16-byte keys, Zipf 0.99, 32-byte values, all in the cache",
       kSceneSmall,
       all,
       small_hit,
       {">= 75 % of the limit, >= 15 x",
        [](const Outcome& o) { return o.of_limit() >= 0.75 && o.ratio() >= 15; }}},
      {"udp_multiget_10",
       kNamed,
       "gets of 10 keys; the limit's replies are as long",
       kSceneSmall,
       all,
       many_keys,
       {">= 5 M keys/s or >= 50 % of the limit", multiget_met}},
      {"udp_miss_watched",
       kNamed,
       "keys that nobody has, memcached's queues deep; the limit are programs that only pass, at the same "
       "hooks",
       kSceneSmall,
       all,
       misses_watched,
       {}},
      {"udp_miss_only",
       kNamed,
       "the same, once bmcd rests",
       kSceneRest,
       all,
       misses,
       {">= 0.97 x", [](const Outcome& o) { return o.ratio() >= 0.97; }}},
      {"single_request_p50",
       "us",
       "one request outstanding; figures have the p99",
       kSceneSmall,
       all,
       single_request,
       {"<= 1/7 x", [](const Outcome& o) { return o.ratio() && *o.ratio() <= 1.0 / 7; }}},
      {"udp_get_hit_500B",
       kNamed,
       "500-byte values; the limit's replies are as long",
       kSceneMedium,
       all,
       medium_hit,
       {">= 50 % of the limit", [](const Outcome& o) { return o.of_limit() >= 0.5; }}},
      {"udp_get_zipf_small_cache",
       kNamed,
       "a cache of 1 % of the data, 1000-byte values, Zipf 0.99",
       kSceneTight,
       pair,
       small_cache,
       {"hit rate >= 95 % of an ideal LFU",
        [](const Outcome& o) { return o.more(Side::kBmcd, "of_ideal_same_bytes") >= 0.95; }}},
  };
}

}  // namespace bmc::bench

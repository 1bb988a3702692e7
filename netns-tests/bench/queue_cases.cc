// SPDX-License-Identifier: Apache-2.0
// Two processors at once, as behind a card of two receive queues: hits a second of the XDP program on both,
// and how much more that is than on one. Run over BPF_PROG_TEST_RUN, for there is no processor left for a
// generator, with a store of the test's own. See cases.h.
#include <barrier>
#include <numeric>
#include <set>
#include <thread>

#include "apps/memcached-cache/tests/bpf_run.h"
#include "apps/memcached-cache/tests/packet_builder.h"
#include "apps/memcached-cache/tests/store_fixture.h"
#include "cache_xdp.skel.h"
#include "netns-tests/bench/cases.h"
#include "netns-tests/bench/run.h"
#include "netns-tests/bench/statistics.h"
#include "xdp_bench_bpf.skel.h"

namespace bmc::bench {
namespace {

constexpr std::uint32_t kRepeat = 500'000;  // some 200 ms: both threads run side by side nearly all the time
constexpr int kTries = 5;
constexpr std::uint32_t kBuckets = 4096;

// Writes its request anew each time, then calls a program: see xdp_bench.bpf.c.
class Replay {
 public:
  explicit Replay(const test::Bytes& request) : request_(request), skeleton_(xdp_bench_bpf__open_and_load()) {
    if (skeleton_ == nullptr) lab::fail_errno("cannot load the program that repeats requests");
    std::copy(request.begin(), request.end(), skeleton_->bss->request);
    skeleton_->bss->request_bytes = static_cast<std::uint32_t>(request.size());
  }
  ~Replay() { xdp_bench_bpf__destroy(skeleton_); }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  // Nanoseconds of one run. Throws lab::LabError when it does not answer.
  double run(int program) {
    const std::uint32_t zero = 0;
    lab::checked(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.target), &zero, &program, BPF_ANY),
                 "name the program to repeat");
    const auto result =
        test::run_xdp(bpf_program__fd(skeleton_->progs.replay), request_, {.repeat = kRepeat});
    if (result.verdict != XDP_TX) throw lab::LabError("a hit was not answered");
    return static_cast<double>(result.ns);
  }
  double run_nothing() { return run(bpf_program__fd(skeleton_->progs.nothing)); }

 private:
  test::Bytes request_;
  xdp_bench_bpf* skeleton_;
};

test::Bytes get(const std::string& key) {
  using namespace test;
  return frame(Ethernet{} / IPv4{} / UDP{.to = lab::kMemcachedPort} / Memcached{} /
               Text{"get " + key + "\r\n"});
}

// The program with a few entries.
class Cache {
 public:
  Cache() {
    if (skeleton_ == nullptr) lab::fail_errno("cannot open the XDP program");
    test::CacheStore::set_sizes(skeleton_->obj, {.buckets = kBuckets});
    lab::checked(cache_xdp__load(skeleton_), "load the XDP program");
    store_.emplace(skeleton_->obj);
    store_->serve(0, "192.0.2.1", lab::kMemcachedPort);
  }
  ~Cache() {
    store_.reset();
    cache_xdp__destroy(skeleton_);
  }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  void place(const std::string& key) { store_->place({.key = key, .data = std::string(32, 'v')}); }
  int program() const { return bpf_program__fd(skeleton_->progs.cache_get); }

 private:
  cache_xdp* skeleton_ = cache_xdp__open();
  std::optional<test::CacheStore> store_;
};

// Hits a second, without what the repeating itself takes, of one processor each for the keys.
double hits_per_second(const Cache& cache, const std::vector<std::string>& keys,
                       const std::vector<int>& cpus) {
  std::vector<double> rates(keys.size());
  std::vector<std::string> errors(keys.size());
  std::barrier together(static_cast<std::ptrdiff_t>(keys.size()));
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < keys.size(); ++i)
    threads.emplace_back([&, i] {
      try {
        demo::pin_this_thread(cpus[i]);
        Replay replay(get(keys[i]));
        const double nothing = replay.run_nothing();
        together.arrive_and_wait();
        rates[i] = 1e9 / std::max(1.0, replay.run(cache.program()) - nothing);
      } catch (const std::exception& error) {
        errors[i] = error.what();
        together.arrive_and_drop();
      }
    });
  threads.clear();
  for (const std::string& error : errors)
    if (!error.empty()) throw lab::LabError(error);
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

Sample on_two_processors(Run& run, const std::vector<std::string>& keys) {
  const demo::Placement& placement = run.stage().placement();
  if (placement.shared) throw lab::LabError("this machine has one processor only");
  Cache cache;
  for (const std::string& key : std::set<std::string>(keys.begin(), keys.end())) cache.place(key);
  std::vector<double> one, two;
  for (int i = 0; i < kTries; ++i) {
    one.push_back(hits_per_second(cache, {keys[0]}, {placement.server_cpu}));
    two.push_back(hits_per_second(cache, keys, {placement.server_cpu, placement.load_cpu}));
  }
  const double single = median_of(one), both = median_of(two);
  return {both, {{"one_processor", single}, {"scaling", both / single}}};
}

Sample hot_key(Run& run) {
  run.progress().step("one hot key on two processors");
  return on_two_processors(run, {"key-000000000001", "key-000000000001"});
}

Sample two_queues(Run& run) {
  run.progress().step("two keys on two processors");
  return on_two_processors(run, {"key-000000000001", "key-000000000002"});
}

}  // namespace

std::vector<Case> queue_cases() {
  const std::vector<Side> only{Side::kBmcd};
  return {
      {"two_queues",
       "hits/s",
       "the XDP program alone, on two processors, a key each",
       kSceneTcp,
       only,
       two_queues,
       {}},
      {"hot_key_2_cores",
       "hits/s",
       "the same, one key for both",
       kSceneTcp,
       only,
       hot_key,
       {">= 1.7 x of one core", [](const Outcome& o) { return o.more(Side::kBmcd, "scaling") >= 1.7; }}},
  };
}

}  // namespace bmc::bench

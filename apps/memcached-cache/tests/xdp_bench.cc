// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per packet of cache_get, above a program that does nothing. Run by hand:
//   xdp_bench [REPEAT]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "apps/memcached-cache/tests/bpf_run.h"
#include "apps/memcached-cache/tests/packet_builder.h"
#include "apps/memcached-cache/tests/store_fixture.h"
#include "cache_xdp.skel.h"
#include "xdp_bench_bpf.skel.h"

namespace bmc::test {
namespace {

struct Case {
  std::string name;
  Bytes request;
  std::uint32_t verdict;
  std::uint32_t sample_one_of = 0;
};

std::string key_of(std::size_t bytes, char first = 'k') {
  std::string key(bytes, 'x');
  key[0] = first;
  return key;
}

Bytes get(const std::string& keys, std::uint16_t port = 11211) {
  return frame(Ethernet{} / IPv4{} / UDP{.to = port} / Memcached{} / Text{"get " + keys + "\r\n"});
}

std::vector<Case> cases(CacheStore& store) {
  std::vector<Case> all;
  for (const auto& [key_bytes, value_bytes] : std::vector<std::pair<std::size_t, std::size_t>>{
           {16, 32}, {16, 100}, {16, 200}, {16, 500}, {16, 1300}, {31, 32}, {64, 32}, {250, 32}}) {
    const auto key = key_of(key_bytes, static_cast<char>('a' + all.size()));
    store.place({.key = key, .data = std::string(value_bytes, 'v')});
    all.push_back({"hit, key " + std::to_string(key_bytes) + " value " + std::to_string(value_bytes),
                   get(key), XDP_TX});
  }
  const auto limited = key_of(16, 'T');
  store.place({.key = limited,
               .data = std::string(32, 'v'),
               .deadline = deadline_units(monotonic_ns() + 3600ull * 1000000000u)});
  all.push_back({"hit, key 16 value 32, expires in an hour", get(limited), XDP_TX});
  const auto soon = key_of(16, 'S');
  store.place({.key = soon,
               .data = std::string(32, 'v'),
               .deadline = deadline_units(monotonic_ns() + 60ull * 1000000000u)});
  all.push_back({"hit, key 16 value 32, expires within a minute", get(soon), XDP_TX});
  all.push_back(
      {"hit over IPv6 with VLAN tag, key 16 value 32",
       frame(Ethernet{} / Vlan{} / IPv6{} / UDP{} / Memcached{} / Text{"get " + key_of(16, 'a') + "\r\n"}),
       XDP_TX});
  all.push_back({"miss, key 16", get(key_of(16, 'M')), XDP_PASS});
  for (const std::uint32_t one_of : {1u, 16u})
    all.push_back({"hit, key 16 value 32, one of " + std::to_string(one_of) + " sampled",
                   get(key_of(16, 'a')), XDP_TX, one_of});
  all.push_back({"not served: another port", get(key_of(16, 'M'), 53), XDP_PASS});
  all.push_back({"not UDP", frame(Ethernet{} / IPv4{.protocol = 6} / Text{std::string(40, 't')}), XDP_PASS});
  for (const std::size_t keys : {2u, 10u, 20u}) {
    std::string list;
    for (std::size_t i = 0; i < keys; ++i) {
      const auto key =
          "many-" + std::to_string(keys) + "-" + std::string(9, 'k') + static_cast<char>('a' + i);
      store.place({.key = key, .data = std::string(32, 'v')});
      list += (i == 0 ? "" : " ") + key;
    }
    all.push_back({"hit, " + std::to_string(keys) + " keys of 16, values 32", get(list), XDP_TX});
  }
  return all;
}

class Bench {
 public:
  explicit Bench(std::uint32_t repeat) : repeat_(repeat) {
    CacheStore::set_sizes(cache_->obj, {.buckets = 4096});
    if (cache_xdp__load(cache_) != 0 || xdp_bench_bpf__load(replay_) != 0) throw std::runtime_error("load");
  }
  ~Bench() {
    cache_xdp__destroy(cache_);
    xdp_bench_bpf__destroy(replay_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void run() {
    CacheStore store(cache_->obj);
    store.serve(0, "192.0.2.1", 11211);
    store.serve(0, "2001:db8::1", 11211);
    for (const auto& each : cases(store)) {
      store.control().sample_one_of = each.sample_one_of;
      measure(each);
    }
  }

 private:
  void measure(const Case& each) {
    std::copy(each.request.begin(), each.request.end(), replay_->bss->request);
    replay_->bss->request_bytes = static_cast<std::uint32_t>(each.request.size());
    const double empty = best_of(bpf_program__fd(replay_->progs.nothing), each.request).first;
    const auto [full, verdict] = best_of(bpf_program__fd(cache_->progs.cache_get), each.request);
    std::printf("%-48s %6.0f ns  (%.0f - %.0f)%s\n", each.name.c_str(), full - empty, full, empty,
                verdict == each.verdict ? "" : "  WRONG VERDICT");
  }

  // The least disturbed of several measurements.
  std::pair<double, std::uint32_t> best_of(int program, const Bytes& request) {
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_map__fd(replay_->maps.target), &zero, &program, BPF_ANY) != 0) {
      throw std::runtime_error("prog_array");
    }
    double best = 1e9;
    std::uint32_t verdict = 0;
    for (int i = 0; i < 7; ++i) {
      const auto result = run_xdp(bpf_program__fd(replay_->progs.replay), request, {.repeat = repeat_});
      best = std::min(best, static_cast<double>(result.ns));
      verdict = result.verdict;
    }
    return {best, verdict};
  }

  std::uint32_t repeat_;
  cache_xdp* cache_ = cache_xdp__open();
  xdp_bench_bpf* replay_ = xdp_bench_bpf__open();
};

}  // namespace
}  // namespace bmc::test

int main(int argc, char** argv) {
  bmc::test::Bench(argc > 1 ? static_cast<std::uint32_t>(std::atoi(argv[1])) : 300000).run();
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per packet of the fill program, above a program that does nothing. Run by hand, as root:
//   fill_bench [REPEAT]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "apps/memcached-cache/coherence/lease.bpf.h"
#include "apps/memcached-cache/tests/packet_builder.h"
#include "apps/memcached-cache/tests/store_fixture.h"
#include "fill_bench_bpf.skel.h"

namespace bmc::test {
namespace {

constexpr std::uint16_t kPort = 11211, kClientPort = 40000, kId = 7;

// The least of a few test runs: the machine is shared.
std::uint32_t measure(const bpf_program* program, const Bytes& packet, int repeat) {
  std::uint32_t least = ~0u;
  for (int i = 0; i < 7; ++i) {
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet.data(),
                .data_size_in = static_cast<std::uint32_t>(packet.size()), .repeat = repeat);
    if (bpf_prog_test_run_opts(bpf_program__fd(program), &run) != 0)
      throw std::runtime_error("BPF_PROG_TEST_RUN");
    least = std::min(least, run.duration);
  }
  return least;
}

Bytes reply(const std::string& text, std::uint16_t port = kPort) {
  return frame(Ethernet{} / IPv4{.from = "192.0.2.1", .to = "192.0.2.10"} /
               UDP{.from = port, .to = kClientPort} / Memcached{.id = kId} / Text{text});
}

void grant(fill_bench_bpf* skeleton, CacheStore& store, const std::string& key, bool moves) {
  std::uint32_t client[4];
  std::memcpy(client, address_bytes("192.0.2.10").data(), sizeof client);
  const auto identity = lease_identify(0, client, htons(kClientPort), htons(kId), store.server(0).hash_seed,
                                       store.control().lease_mask);
  const auto hash = store.hash(key);
  MappedArray<ttl_hint> hints(skeleton->obj, "hints");
  const auto guard_slot = cache_guard_index(hash, store.control().guard_mask);
  hints[guard_slot] = {0, hash, GUARD_GENERATION(store.guard_of(hash).word), CACHE_DEADLINE_NEVER, 0};
  skeleton->bss->granted.tag = identity.tag;
  skeleton->bss->granted.key_hash = hash;
  skeleton->bss->lease_slot = identity.slot;
  skeleton->bss->guard_slot = guard_slot;
  skeleton->bss->bucket_slot = cache_bucket_index(hash, store.control().bucket_count);
  skeleton->bss->moves = moves;
}

void report(const char* what, std::uint32_t with, std::uint32_t without) {
  std::printf("%-44s %4d ns\n", what, static_cast<int>(with) - static_cast<int>(without));
}

void run(int repeat) {
  fill_bench_bpf* skeleton = fill_bench_bpf__open();
  if (skeleton == nullptr) throw std::runtime_error("open");
  CacheStore::set_sizes(skeleton->obj,
                        {.guards = 1u << 17, .buckets = 1u << 17, .segments = 64, .leases = 8192});
  if (fill_bench_bpf__load(skeleton) != 0) throw std::runtime_error("load (as root?)");
  {
    CacheStore store(skeleton->obj);
    store.control().lease_mask = 8191;
    store.serve(0, "192.0.2.1", kPort);
    const auto& programs = skeleton->progs;
    const auto base = measure(programs.nothing, reply("END\r\n"), repeat);
    report("a UDP packet of another port", measure(programs.fill_only, reply("END\r\n", 53), repeat), base);
    report("a reply without a lease", measure(programs.fill_only, reply("STORED\r\n"), repeat), base);
    for (const auto& [key_bytes, value_bytes] :
         {std::pair{16u, 32u}, {16u, 200u}, {16u, 500u}, {16u, 1300u}, {250u, 32u}}) {
      const std::string key(key_bytes, 'k');
      const auto packet = reply(value_text(key, 0, std::string(value_bytes, 'v')) + "END\r\n");
      const auto name = "key " + std::to_string(key_bytes) + " value " + std::to_string(value_bytes);
      for (const bool moves : {true, false}) {
        grant(skeleton, store, key, moves);
        report((name + (moves ? ": fill" : ": compare")).c_str(),
               measure(programs.grant_and_fill, packet, repeat),
               measure(programs.grant_only, packet, repeat));
      }
    }
    for (const auto& [counter, value] : store.counters()) {
      std::printf("%-44s %10llu\n", counter_reason(counter), static_cast<unsigned long long>(value));
    }
  }
  fill_bench_bpf__destroy(skeleton);
}

}  // namespace
}  // namespace bmc::test

int main(int argc, char** argv) {
  bmc::test::run(argc > 1 ? std::atoi(argv[1]) : 200000);
  return 0;
}

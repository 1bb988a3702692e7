// SPDX-License-Identifier: Apache-2.0
// Google Benchmark of the steps of a hit and of a write as the programs run them, compiled for this
// processor: hash, key comparison, look-up, copy, parsers, checksums. What a step costs without the kernel
// around it; `./bmc bench cache` measures the programs themselves.
//   cache_benchmark [--benchmark_filter=REGEX]
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "apps/memcached-cache/grammar/request_parser.h"
#include "apps/memcached-cache/tests/fill_native_store.h"
#include "apps/memcached-cache/tests/packet_builder.h"
#include "xdp/lib/packet.bpf.h"
#include "xdp/lib/reply.bpf.h"

namespace bmc::test {
namespace {

constexpr std::uint64_t kStamp = 3;

cache_key key_of(std::size_t bytes) {
  cache_key key{};
  const std::string text(bytes, 'k');
  std::memcpy(key.word, text.data(), text.size());
  key.length = static_cast<std::uint32_t>(bytes);
  return key;
}

void hash(benchmark::State& state) {
  cache_key key = key_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(key.word[0]);
    std::uint64_t sum = NativeStore::kSeed;
    for (std::uint32_t word = 0; word < (key.length + 7) / 8; ++word)
      sum = cache_hash_word(sum, key.word[word]);
    benchmark::DoNotOptimize(cache_hash_finish(sum, key.length));
  }
}
BENCHMARK(hash)->ArgName("key")->Arg(16)->Arg(31)->Arg(250);

void key_comparison(benchmark::State& state) {
  cache_key key = key_of(static_cast<std::size_t>(state.range(0)));
  const std::string text = value_text(std::string(key.length, 'k'), 0, "value");
  const auto* in_text = reinterpret_cast<const std::uint8_t*>(text.data()) + CACHE_KEY_OFFSET;
  for (auto _ : state) {
    benchmark::DoNotOptimize(key.word[0]);
    benchmark::DoNotOptimize(key_equals(&key, in_text));
  }
}
BENCHMARK(key_comparison)->ArgName("key")->Arg(16)->Arg(31)->Arg(250);

// Look-up, copy of the reply, and the question whether it was whole.
void look_up_and_copy(benchmark::State& state) {
  const std::string key(16, 'k'), value(static_cast<std::size_t>(state.range(0)), 'v');
  NativeStore store(4, 4096);
  if (store.fill(key, value, kStamp) == 0 || store.lookup(key, kStamp).empty())
    return state.SkipWithError("the store does not hold its item");
  for (auto _ : state) benchmark::DoNotOptimize(store.lookup(key, kStamp));
}
BENCHMARK(look_up_and_copy)->ArgName("value")->Arg(32)->Arg(500)->Arg(1300);

// Reservation in the log, copy, publication.
void fill(benchmark::State& state) {
  const std::string key(16, 'k'), value(static_cast<std::size_t>(state.range(0)), 'v');
  NativeStore store(4, 4096);
  for (auto _ : state) benchmark::DoNotOptimize(store.fill(key, value, kStamp));
}
BENCHMARK(fill)->ArgName("value")->Arg(32)->Arg(500)->Arg(1300);

void checksum(benchmark::State& state) {
  std::vector<std::uint64_t> words(static_cast<std::size_t>(state.range(0)) / 8, 0x0123456789abcdefull);
  for (auto _ : state) {
    benchmark::DoNotOptimize(words.data());
    std::uint64_t sum = 0;
    for (const std::uint64_t word : words) sum = checksum_add(sum, word);
    benchmark::DoNotOptimize(checksum_udp(sum));
  }
}
BENCHMARK(checksum)->ArgName("bytes")->Arg(64)->Arg(1400);

Bytes get_request() {
  return frame(Ethernet{} / IPv4{} / UDP{.to = 11211} / Memcached{} /
               Text{"get " + std::string(16, 'k') + "\r\n"});
}

void packet_parser(benchmark::State& state) {
  Bytes request = get_request();
  for (auto _ : state) {
    benchmark::DoNotOptimize(request.data());
    packet parsed;
    if (parse_packet({request.data(), request.data() + request.size()}, &parsed) != PACKET_OK)
      return state.SkipWithError("a good packet was refused");
    benchmark::DoNotOptimize(parsed);
  }
}
BENCHMARK(packet_parser);

void reply_headers(benchmark::State& state) {
  Bytes request = get_request();
  const reply answer{.network_offset = 14, .payload_bytes = 26, .sum = 4711, .ipv4_id_be = 1};
  for (auto _ : state) {
    benchmark::DoNotOptimize(request.data());
    benchmark::DoNotOptimize(rewrite_headers({request.data(), request.data() + request.size()}, &answer));
  }
}
BENCHMARK(reply_headers);

// A whole `set` with its value, as it comes over TCP.
void write_parser(benchmark::State& state) {
  const std::string text = "set " + std::string(16, 'k') + " 0 0 32\r\n" + std::string(32, 'v') + "\r\n";
  grammar_chunk chunk{};
  std::memcpy(chunk.bytes, text.data(), text.size());
  const auto end = static_cast<std::uint32_t>(text.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(chunk.bytes);
    request_parser parser;
    request_command command{};
    request_parser_init(&parser, NativeStore::kSeed);
    std::uint32_t commands = 0;
    for (std::uint32_t at = 0; at < end; at = command.next)
      commands += request_feed(&parser, &chunk, at, end, &command) == REQUEST_COMMAND ? 1 : 0;
    if (commands != 1) return state.SkipWithError("a set was not found");
  }
}
BENCHMARK(write_parser);

}  // namespace
}  // namespace bmc::test

BENCHMARK_MAIN();

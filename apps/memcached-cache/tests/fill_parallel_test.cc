// SPDX-License-Identifier: Apache-2.0
// The fill program on two CPUs at once, the log going around under it, and a reader: the real program's
// side of fill_stress_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "apps/memcached-cache/store/lookup.h"
#include "apps/memcached-cache/tests/fill_fixture.h"

namespace bmc::test {
namespace {

constexpr std::uint32_t kKeys = 400;
constexpr auto kTimeLimit = std::chrono::seconds(40);  // for what needs two CPUs to meet

class FillParallelTest : public FillTest {
 protected:
  static std::string key_of(std::uint32_t number) { return "key" + std::to_string(number); }

  static std::string data_of(std::uint32_t key, std::uint32_t version) {
    std::string data(8 + (version * 37u + key) % 1200, static_cast<char>('a' + version % 26));
    std::memcpy(data.data(), &version, sizeof version);
    return data;
  }

  // A write to the key, a get, its reply.
  static void write_and_fill(std::uint32_t key, std::uint32_t version, std::uint16_t client_port) {
    const auto name = key_of(key);
    write_arrives(name);
    write_released(name);
    arrive(name, {.port = client_port});
    run_once(frame(Ethernet{} / IPv4{.from = "192.0.2.1", .to = "192.0.2.10"} /
                   UDP{.from = kServerPort, .to = client_port} / Memcached{.id = kRequestId} /
                   Text{value_text(name, 0, data_of(key, version)) + "END\r\n"}));
  }

  // As an XDP program would answer; empty if it would not.
  static std::string look_up(const std::string& name) {
    lookup_world world{};
    world.buckets = store().buckets();
    world.segments = &store().segment(0);
    world.log = store().log(0);
    world.bucket_count = store().control().bucket_count;
    world.segment_count = store().control().segment_count;
    cache_key key{};
    std::memcpy(key.word, name.data(), name.size());
    key.hash = store().hash(name);
    key.length = static_cast<std::uint32_t>(name.size());
    cache_hit hit{};
    if (cache_lookup(&world, &store().control(), &store().server(0), &key, &hit) != CACHE_TX_HIT) return {};
    std::string text(reinterpret_cast<const char*>(hit.text), hit.text_bytes);
    std::atomic_thread_fence(std::memory_order_acquire);
    return hit_is_whole(&hit) != 0 ? text : std::string{};
  }

  // 1 if what is found of some key is whole, 0 if nothing is found.
  static int check_any(std::mt19937& random) {
    const auto key = static_cast<std::uint32_t>(random() % kKeys);
    const auto text = look_up(key_of(key));
    if (text.empty()) return 0;
    std::uint32_t version = 0;
    const auto data = text.find("\r\n") + 2;
    std::memcpy(&version, text.data() + data, sizeof version);
    EXPECT_EQ(text, value_text(key_of(key), 0, data_of(key, version)));
    return 1;
  }
};

TEST_F(FillParallelTest, WhatALookupFindsIsWhole) {
  std::atomic<int> running{2};
  const auto fill = [&running](unsigned seed) {
    std::mt19937 random(seed);
    for (std::uint32_t version = seed; version < 60000; version += 2) {
      write_and_fill(static_cast<std::uint32_t>(random() % kKeys), version, static_cast<std::uint16_t>(seed));
    }
    --running;
  };
  std::thread one(fill, 1), two(fill, 2);
  std::mt19937 random(3);
  int found = 0;
  while (running > 0) {
    const auto event = events();  // bmcd's part
    for (const auto& asked : event) {
      set_entry_deadline(store().memory(), asked.way, CACHE_DEADLINE_NEVER);
    }
    found += check_any(random);
  }
  one.join();
  two.join();
  EXPECT_GT(found, 100);
  EXPECT_GT(store().head().recycled, 20u);
  EXPECT_EQ(store().head().advancing, 0u);
  for (std::uint32_t i = 0; i < store().control().segment_count; ++i)
    EXPECT_EQ(store().segment(i).writers, 0u);
}

// Two keys of one bucket, filled at the same moment: one of them finds that its way was taken.
TEST_F(FillParallelTest, AWayTakenByAnotherCpuIsCounted) {
  store().control().bucket_count = 1;
  std::atomic<bool> stop{false};
  const auto fill = [&stop](std::uint16_t port) {
    for (std::uint32_t version = 0; !stop; ++version)
      write_and_fill(port * 100u + version % 50, version, port);
  };
  std::thread one(fill, 1), two(fill, 2);
  const auto give_up = std::chrono::steady_clock::now() + kTimeLimit;
  while (store().counters().count(CACHE_FILL_CONTENDED) == 0 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  stop = true;
  one.join();
  two.join();
  auto counters = store().counters();
  EXPECT_GT(counters[CACHE_FILL_CONTENDED], 0u);
  EXPECT_GT(counters[CACHE_FILL_OK], 0u);
}

}  // namespace
}  // namespace bmc::test

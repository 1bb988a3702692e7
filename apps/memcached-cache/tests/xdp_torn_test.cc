// SPDX-License-Identifier: Apache-2.0
// Entries that are overwritten while they are copied: one thread recycles their segment and refills it
// without end, while the program runs on another. Every answer is whole, every other packet untouched.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "apps/memcached-cache/tests/xdp_fixture.h"

namespace bmc::test {
namespace {

constexpr std::size_t kKeys = 4;
constexpr std::uint64_t kVersions = 32;
constexpr std::size_t kValueMax = 330;
constexpr auto kPatience = std::chrono::seconds(60);

std::string key_of(std::size_t i) { return "torn-" + std::to_string(i); }

// The only value that version `version` of a key ever has: every byte follows from the two.
std::string value_of(std::size_t i, std::uint64_t version) {
  const std::string unit = std::to_string(version) + "/" + std::to_string(i) + ";";
  std::string value = unit;
  const std::size_t length = 40 + (version * 37 + i * 101) % kValueMax;
  while (value.size() < length) value += unit;
  return value;
}

// Recycles the segment and fills it anew, without end: another generation, then the bytes, then a generation
// whose low bits are those the ways carry, so that the entries are found again where they were. No generation
// ever comes back, as none does in a real log before 2^64 of them.
class Recycler {
 public:
  explicit Recycler(CacheStore& store) : store_(store) {
    for (std::size_t i = 0; i < kKeys; ++i) {
      for (std::uint64_t version = 0; version < kVersions; ++version) {
        text_[i][version] = value_text(key_of(i), 0, value_of(i, version));
        sum_[i][version] = text_sum(text_[i][version]);
      }
      const std::string room(kValueMax + 40, ' ');
      entry_[i] = store_.place({.key = key_of(i), .data = room, .way = static_cast<std::uint32_t>(i)}).entry;
      fill(i, 0);
    }
    thread_ = std::thread([this] {
      bind_to_cpu(1);
      run();
    });
  }
  ~Recycler() {
    stop_ = true;
    thread_.join();
  }
  Recycler(const Recycler&) = delete;
  Recycler& operator=(const Recycler&) = delete;

 private:
  void run() {
    auto& generation = store_.segment(0).generation;
    for (std::uint64_t round = 1; !stop_; ++round) {
      __atomic_fetch_add(&generation, 1, __ATOMIC_SEQ_CST);
      for (std::size_t i = 0; i < kKeys; ++i) fill(i, (round * 7 + i) % kVersions);
      __atomic_store_n(&generation, round << WAY_GENERATION_BITS, __ATOMIC_SEQ_CST);
      for (std::uint64_t spin = 0; spin < round * 7919 % 3000; ++spin) __asm__ volatile("");
    }
  }

  void fill(std::size_t i, std::uint64_t version) {
    entry_[i]->text_len = static_cast<std::uint16_t>(text_[i][version].size());
    entry_[i]->text_sum = sum_[i][version];
    std::memcpy(entry_[i] + 1, text_[i][version].data(), text_[i][version].size());
  }

  CacheStore& store_;
  std::string text_[kKeys][kVersions];
  std::uint16_t sum_[kKeys][kVersions];
  struct entry* entry_[kKeys];
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class XdpTorn : public XdpTest {
 protected:
  // Text of a reply to a get of these keys, from the versions its own values name; empty if they name none.
  static std::string expected_text(const std::vector<std::size_t>& keys, const std::string& payload) {
    std::string text;
    for (const std::size_t i : keys) {
      const std::size_t line = payload.find("\r\n", text.size());
      if (line == std::string::npos) return "";
      const std::uint64_t version = std::strtoull(payload.c_str() + line + 2, nullptr, 10);
      text += value_text(key_of(i), 0, value_of(i, version));
      if (text.size() > payload.size()) return "";
    }
    return text;
  }

  // One run: the frame is untouched, or the whole right answer. 1 if it was answered.
  static std::uint64_t run_once(const std::vector<std::size_t>& keys, const Bytes& request) {
    const auto result = run_xdp(XdpProgram::get().fd(), request);
    if (result.verdict != XDP_TX) {
      EXPECT_EQ(dump(result.frame), dump(request));
      return 0;
    }
    const std::string payload(result.frame.begin() + 14 + 20 + 8 + CACHE_UDP_HEADER, result.frame.end());
    EXPECT_EQ(dump(result.frame), dump(reply_frame(expected_text(keys, payload) + "END\r\n")));
    return 1;
  }

  // Until both a hit and a torn copy were seen often enough.
  static void race(const std::vector<std::size_t>& keys, std::size_t padding) {
    std::string list;
    for (const std::size_t i : keys) list += (list.empty() ? "" : " ") + key_of(i);
    auto request = request_frame(get_line(list));
    request.insert(request.end(), padding, 0xee);
    const Recycler recycler(store());
    cpu_set_t before{};
    sched_getaffinity(0, sizeof before, &before);
    bind_to_cpu(0);
    const std::uint64_t torn_before = store().counters()[CACHE_PASS_TORN];
    std::uint64_t hits = 0, torn = 0;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while ((hits < 500 || torn < 20) && !HasFailure()) {
      for (int i = 0; i < 100; ++i) hits += run_once(keys, request);
      torn = store().counters()[CACHE_PASS_TORN] - torn_before;
      ASSERT_LT(std::chrono::steady_clock::now(), end) << hits << " hits, " << torn << " torn";
    }
    sched_setaffinity(0, sizeof before, &before);
  }
};

TEST_F(XdpTorn, OneKey) { race({0}, 0); }
TEST_F(XdpTorn, OneKeyInAPaddedFrame) { race({1}, 7); }
TEST_F(XdpTorn, ManyKeys) { race({0, 1, 2}, 0); }
TEST_F(XdpTorn, ManyKeysInAPaddedFrame) { race({3, 1, 2}, 12); }

}  // namespace
}  // namespace bmc::test

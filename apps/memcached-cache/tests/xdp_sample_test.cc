// SPDX-License-Identifier: Apache-2.0
// The sample of the gets: what of a packet goes into the sketch and to bmcd, and that neither changes its
// way.
#include <bpf/libbpf.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/memcached-cache/store/sketch.h"
#include "apps/memcached-cache/tests/xdp_fixture.h"

namespace bmc::test {
namespace {

class XdpSample : public XdpTest {
 protected:
  void SetUp() override {
    XdpTest::SetUp();
    samples();  // what other tests left
    placed_ = store().place({.key = "warm", .data = "v"});
    control().sample_one_of = 1;
  }

  // As expect_hit() and expect_pass(), which want no counter but one.
  static void expect_hit(const std::string& keys, const std::string& texts) {
    const auto run = run_xdp(XdpProgram::get().fd(), request_frame(get_line(keys)));
    EXPECT_EQ(run.verdict, static_cast<std::uint32_t>(XDP_TX));
    EXPECT_EQ(dump(run.frame), dump(reply_frame(texts + "END\r\n")));
  }
  static void expect_untouched(const Bytes& frame) {
    const auto run = run_xdp(XdpProgram::get().fd(), frame);
    EXPECT_EQ(run.verdict, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(dump(run.frame), dump(frame));
  }
  static void expect_miss(const std::string& keys) { expect_untouched(request_frame(get_line(keys))); }

  static std::uint32_t estimate(const std::string& key) {
    const std::uint64_t hash = store().hash(key);
    return sketch_estimate(&store().sketch_of(hash), hash);
  }
  static std::uint64_t counted(cache_counter counter) {
    const Counters counters = store().counters();
    const auto found = counters.find(counter);
    return found == counters.end() ? 0 : found->second;
  }
  // Takes what is in the ring.
  static std::vector<cache_sample> samples() {
    std::vector<cache_sample> taken;
    const std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)> ring(
        ring_buffer__new(XdpProgram::get().samples_fd(), take, &taken, nullptr), ring_buffer__free);
    EXPECT_NE(ring, nullptr);
    if (ring) ring_buffer__consume(ring.get());
    return taken;
  }

  Placed placed_;

 private:
  static int take(void* to, void* data, std::size_t bytes) {
    EXPECT_EQ(bytes, sizeof(cache_sample));
    static_cast<std::vector<cache_sample>*>(to)->push_back(*static_cast<cache_sample*>(data));
    return 0;
  }
};

std::string key_of(const cache_sample& sample) {
  return {reinterpret_cast<const char*>(sample.key), sample.key_len};
}

TEST_F(XdpSample, OffNothingIsCounted) {
  control().sample_one_of = 0;
  control().sample_keys_one_of = 1;
  const auto before = counted(CACHE_SAMPLE_TAKEN);
  expect_hit("warm", placed_.text);
  expect_miss("cold");
  EXPECT_EQ(estimate("warm"), 0u);
  EXPECT_EQ(estimate("cold"), 0u);
  EXPECT_EQ(counted(CACHE_SAMPLE_TAKEN), before);
  EXPECT_TRUE(samples().empty());
}

TEST_F(XdpSample, HitsAndMissesAreCounted) {
  const auto before = counted(CACHE_SAMPLE_TAKEN);
  for (int i = 0; i < 3; ++i) expect_hit("warm", placed_.text);
  for (int i = 0; i < 2; ++i) expect_miss("cold");
  EXPECT_EQ(estimate("warm"), 3u);
  EXPECT_EQ(estimate("cold"), 2u);
  EXPECT_EQ(counted(CACHE_SAMPLE_TAKEN), before + 5);
  EXPECT_TRUE(samples().empty()) << "nobody asked for the keys";
}

TEST_F(XdpSample, EachKeyOfAGetIsCounted) {
  const auto other = store().place({.key = "other", .data = "w"});
  expect_hit("warm other", placed_.text + other.text);
  expect_miss("other cold warm");
  EXPECT_EQ(estimate("warm"), 1u) << "what stands behind a miss is not looked up";
  EXPECT_EQ(estimate("other"), 2u);
  EXPECT_EQ(estimate("cold"), 1u);
}

TEST_F(XdpSample, WhatIsNoGetOfOursIsNotCounted) {
  const auto before = counted(CACHE_SAMPLE_TAKEN);
  auto damaged = request_frame(get_line("warm"));
  damaged.back() ^= 1;
  expect_untouched(damaged);
  expect_untouched(request_frame("set warm 0 0 1\r\nx\r\n"));
  expect_untouched(request_frame(get_line("warm"), {}, {.to = kServerPort + 1}));
  control().mode = CACHE_MODE_BYPASS;
  expect_untouched(request_frame(get_line("warm")));
  EXPECT_EQ(counted(CACHE_SAMPLE_TAKEN), before);
  EXPECT_EQ(estimate("warm"), 0u);
}

TEST_F(XdpSample, OneOfSoMany) {
  control().sample_one_of = 8;
  const auto before = counted(CACHE_SAMPLE_TAKEN);
  run_xdp(XdpProgram::get().fd(), request_frame(get_line("cold")), {.repeat = 8000});
  // 1000 with a deviation of 30.
  EXPECT_NEAR(static_cast<double>(counted(CACHE_SAMPLE_TAKEN) - before), 1000, 180);
  EXPECT_EQ(estimate("cold"), SKETCH_COUNT_MAX);
}

TEST_F(XdpSample, KeysAreHandedOver) {
  control().sample_keys_one_of = 1;
  expect_hit("warm", placed_.text);
  const std::string longest(CACHE_KEY_MAX, 'x');
  expect_miss(longest);
  const auto taken = samples();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(key_of(taken[0]), "warm");
  EXPECT_EQ(taken[0].key_hash, placed_.hash);
  EXPECT_EQ(taken[0].hit, 1);
  EXPECT_EQ(taken[0].server, 0);
  EXPECT_EQ(key_of(taken[1]), longest);
  EXPECT_EQ(taken[1].hit, 0);
  EXPECT_EQ(estimate("warm"), 1u) << "and counted as well";
}

TEST_F(XdpSample, AHitThatMemcachedAnswersIsHandedOverAsNone) {
  control().sample_keys_one_of = 1;
  control().mode = CACHE_MODE_SHADOW;
  expect_miss("warm");
  const auto taken = samples();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].hit, 0);
}

TEST_F(XdpSample, AFullRingOnlyLosesSamples) {
  control().sample_keys_one_of = 1;
  const auto before = counted(CACHE_SAMPLE_LOST);
  run_xdp(XdpProgram::get().fd(), request_frame(get_line("cold")), {.repeat = 5000});
  const auto lost = counted(CACHE_SAMPLE_LOST) - before;
  EXPECT_GT(lost, 0u);
  expect_hit("warm", placed_.text);
  EXPECT_EQ(samples().size(), 5001 - lost - 1);
  expect_hit("warm", placed_.text);
  EXPECT_EQ(samples().size(), 1u) << "there is room again";
}

TEST_F(XdpSample, ASketchSmallerThanToldIsNotWrittenBeyond) {
  control().sketch_blocks = 1u << 30;
  const auto before = counted(CACHE_SAMPLE_TAKEN);
  expect_hit("warm", placed_.text);
  EXPECT_EQ(counted(CACHE_SAMPLE_TAKEN), before);
}

}  // namespace
}  // namespace bmc::test

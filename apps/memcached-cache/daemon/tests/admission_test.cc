// SPDX-License-Identifier: Apache-2.0
// The choice of what is stored: its steps one by one, and a stream of gets through a model of log, fills and
// expiry probes, held against the best that a cache of so many entries could do.
#include "apps/memcached-cache/daemon/admission.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/store/sketch.h"

namespace bmc::cache {
namespace {

// 2,854 entries fit, half a segment left empty.
constexpr std::uint32_t kSegments = 12, kEntryBytes = 1056, kPerSegment = CACHE_SEGMENT_BYTES / kEntryBytes;

class AdmissionTest : public testing::Test {
 protected:
  // A log that has come around once.
  static Admission::Seen full_log() {
    Admission::Seen seen;
    seen.now_ns = kSecondNs;
    seen.segments = kSegments;
    seen.recycled = kSegments;
    seen.fills = kSegments * kPerSegment;
    seen.entries_most = 1'000'000;
    return seen;
  }
  const Admission::Choice& step_after(std::uint64_t ns) {
    seen_.now_ns += ns;
    return admission_.step(seen_);
  }
  // `keys` slots with this count.
  void count(std::uint32_t keys, std::uint8_t value) {
    for (sketch_block& block : sketch_)
      for (std::uint32_t i = 0; i < SKETCH_SLOTS && keys > 0; i++)
        if (block.count[i] == 0) block.count[i] = value, keys--;
    ASSERT_EQ(keys, 0u);
  }

  std::vector<sketch_block> sketch_ = std::vector<sketch_block>(1024);  // 21,504 slots
  Admission admission_{sketch_};
  Admission::Seen seen_ = full_log();
};

TEST_F(AdmissionTest, WhileTheLogHasRoomNothingIsSampledOrRefused) {
  seen_.recycled = kSegments - 1;
  count(20'000, 200);
  const Admission::Choice& choice = step_after(kSecondNs);
  EXPECT_EQ(choice.sample_one_of, 0u);
  EXPECT_EQ(choice.admit_from, 0u);
}

TEST_F(AdmissionTest, BeginsWithAnEmptySketch) {
  count(20'000, 200);
  EXPECT_GT(step_after(0).sample_one_of, 0u);
  EXPECT_EQ(sketch_[0].count[0], 0);
}

TEST_F(AdmissionTest, TheCutIsWhereTheKeysFit) {
  step_after(0);
  count(1000, 100);
  count(1800, 49);
  count(1800, 48);
  EXPECT_EQ(step_after(kSecondNs).admit_from, 49u + 14);
}

TEST_F(AdmissionTest, OneKeyMoreAndTheyDoNot) {
  step_after(0);
  count(1000, 100);
  count(1900, 49);
  EXPECT_EQ(step_after(kSecondNs).admit_from, 50u + 14);
}

TEST_F(AdmissionTest, NoMoreThanTheIndexHolds) {
  seen_.entries_most = 900;
  step_after(0);
  count(1000, 99);
  EXPECT_EQ(step_after(kSecondNs).admit_from, 100u + 20);
}

TEST_F(AdmissionTest, CountsAreHalvedWhenTheCutIsHigh) {
  step_after(0);
  count(2000, 255);
  count(2000, Admission::kCutMost);
  EXPECT_EQ(step_after(kSecondNs).admit_from, 81u + 18);
  EXPECT_EQ(sketch_[0].count[0], 127);
}

TEST_F(AdmissionTest, CountsAreHalvedInTime) {
  step_after(0);
  count(2000, 8);
  step_after(Admission::kAgeNs - 1);
  EXPECT_EQ(sketch_[0].count[0], 8);
  step_after(1);
  EXPECT_EQ(sketch_[0].count[0], 4);
  EXPECT_EQ(step_after(kSecondNs).admit_from, 0u) << "all keys that are asked for fit";
}

TEST_F(AdmissionTest, SamplesAsManyAsItAimsAt) {
  EXPECT_EQ(step_after(0).sample_one_of, 1u);
  seen_.sampled += 1'000'000;
  EXPECT_EQ(step_after(kSecondNs).sample_one_of, 4u);
  seen_.sampled += 500'000;  // 2 M gets
  EXPECT_EQ(step_after(kSecondNs).sample_one_of, 8u);
  seen_.sampled += 50;  // 400 gets
  EXPECT_EQ(step_after(kSecondNs).sample_one_of, 1u);
}

// 250,000 gets a second of 420,000 keys by Zipf, in a log that holds 2,976 entries.
class AdmissionStream : public AdmissionTest {
 protected:
  static constexpr std::uint32_t kKeys = 420'000, kRate = 250'000;

  void SetUp() override {
    std::vector<double> weights(kKeys);
    for (std::uint32_t i = 0; i < kKeys; i++) weights[i] = std::pow(i + 1, -0.99);
    std::partial_sum(weights.begin(), weights.end(), std::back_inserter(sums_));
    for (std::uint64_t& hash : hashes_) hash = generator_();
    seen_ = {};
    seen_.segments = kSegments;
    seen_.entries_most = 1'000'000;
  }

  // Share of the most asked for.
  double ideal(std::uint32_t keys) const { return sums_[keys - 1] / sums_.back(); }

  std::uint32_t draw() {
    const double at = static_cast<double>(generator_() >> 11) * 0x1p-53 * sums_.back();
    return static_cast<std::uint32_t>(std::upper_bound(sums_.begin(), sums_.end() - 1, at) - sums_.begin());
  }

  // One get; whether it was answered.
  bool get(std::uint32_t key, double now_s) {
    sketch_block& block =
        sketch_[sketch_block_index(hashes_[key], static_cast<std::uint32_t>(sketch_.size()))];
    const Admission::Choice& choice = admission_.choice();
    if (choice.sample_one_of != 0 &&
        std::uint64_t{sketch_random(&random_)} * choice.sample_one_of >> 32 == 0) {
      seen_.sampled++;
      sketch_add(&block, hashes_[key], sketch_random(&random_));
    }
    const std::int64_t oldest = (filled_ / kPerSegment - (kSegments - 1)) * kPerSegment;
    if (place_[key] >= oldest) return served_from_s_[key] <= now_s;
    if (choice.admit_from != 0 && sketch_estimate(&block, hashes_[key]) < choice.admit_from) return false;
    place_[key] = filled_++;
    served_from_s_[key] = now_s + 1.5;  // memcached is asked twice for an expiry that is "never"
    return false;
  }

  // Hit rate of `seconds`.
  double run(int seconds) {
    std::uint64_t hits = 0;
    for (int step = 0; step < 4 * seconds; step++, steps_++) {
      for (std::uint32_t i = 0; i < kRate / 4; i++)
        hits += get(draw(), (steps_ + static_cast<double>(i) / (kRate / 4.0)) / 4.0);
      seen_.now_ns += kSecondNs / 4;
      seen_.fills = static_cast<std::uint64_t>(filled_);
      seen_.recycled = static_cast<std::uint64_t>(filled_ / kPerSegment);
      admission_.step(seen_);
    }
    return static_cast<double>(hits) / (static_cast<double>(kRate) * seconds);
  }

  std::mt19937_64 generator_{1};
  std::vector<double> sums_;
  std::vector<std::uint64_t> hashes_ = std::vector<std::uint64_t>(kKeys);
  std::vector<std::int64_t> place_ = std::vector<std::int64_t>(kKeys, -1'000'000'000);
  std::vector<double> served_from_s_ = std::vector<double>(kKeys);
  std::int64_t filled_ = 0;
  int steps_ = 0;
  __u64 random_ = 1;
};

TEST_F(AdmissionStream, StoresWhatIsAskedForMost) {
  run(8);
  EXPECT_GE(run(6), 0.95 * ideal(kSegments * kPerSegment));
}

TEST_F(AdmissionStream, FollowsWhatIsAskedFor) {
  run(8);
  std::shuffle(hashes_.begin(), hashes_.end(), generator_);
  std::shuffle(place_.begin(), place_.end(), generator_);  // the old entries are other keys' now
  const double before = run(2);
  run(16);
  const double after = run(3);
  EXPECT_LT(before, 0.3);
  EXPECT_GE(after, 0.9 * ideal(kSegments * kPerSegment));
}

}  // namespace
}  // namespace bmc::cache

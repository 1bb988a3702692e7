// SPDX-License-Identifier: Apache-2.0
// The choice from the sketch; see admission.h.
#include "apps/memcached-cache/daemon/admission.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/store/sketch.h"

namespace bmc::cache {
namespace {

constexpr std::uint32_t kFirstOneOf = 1;  // for a moment, until it is known how many gets there are
constexpr std::uint32_t kOneOfMost = 4096;
constexpr std::uint64_t kRateNs = kSecondNs / 5;

std::uint32_t count_of(const sketch_block& block, std::uint32_t slot) {
  return sketch_count_at(&block, slot);
}

}  // namespace

const Admission::Choice& Admission::step(const Seen& seen) {
  // The first round only begins segments; from then on each was in use before.
  if (seen.recycled < seen.segments) return choice_;
  if (!on_) begin(seen);
  choose_rate(seen);
  if (learned_ && seen.now_ns - looked_ns_ < kLookNs) return choice_;
  looked_ns_ = seen.now_ns;
  Cut cut = find_cut(room(seen));
  if (cut.count >= kCutMost || seen.now_ns - aged_ns_ >= kAgeNs) {
    halve();
    aged_ns_ = seen.now_ns;
    learned_ = true;
    cut.count = (cut.count + 1) / 2;
  }
  const auto margin = static_cast<std::uint32_t>(2 * std::sqrt(cut.count));
  choice_.admit_from =
      cut.all_fit && learned_ ? 0 : std::min<std::uint32_t>(cut.count + margin, SKETCH_COUNT_MAX);
  return choice_;
}

void Admission::begin(const Seen& seen) {
  for (sketch_block& block : sketch_)
    for (std::uint32_t i = 0; i < SKETCH_SLOTS; i++) __atomic_store_n(&block.count[i], 0, __ATOMIC_RELAXED);
  on_ = true;
  aged_ns_ = rate_ns_ = seen.now_ns;
  sampled_ = seen.sampled;
  choice_.sample_one_of = kFirstOneOf;
}

// Entries that the log holds, by the mean size of those stored. Half a segment is always empty.
std::uint64_t Admission::room(const Seen& seen) const {
  const double log_bytes = (seen.segments - 0.5) * CACHE_SEGMENT_BYTES;
  const double written = static_cast<double>(seen.recycled) * CACHE_SEGMENT_BYTES + seen.used;
  const double mean = written / static_cast<double>(std::max<std::uint64_t>(seen.fills, 1));
  const double entries = log_bytes / std::clamp<double>(mean, sizeof(entry) + 8, CACHE_ENTRY_MAX);
  const std::uint64_t slots = std::uint64_t{sketch_.size()} * SKETCH_SLOTS;
  return std::min({static_cast<std::uint64_t>(entries), seen.entries_most, slots / 2});
}

Admission::Cut Admission::find_cut(std::uint64_t room) const {
  std::array<std::uint64_t, SKETCH_COUNT_MAX + 1> slots = {};  // by their count
  for (const sketch_block& block : sketch_)
    for (std::uint32_t i = 0; i < SKETCH_SLOTS; i++) slots[count_of(block, i)]++;
  std::uint64_t keys = 0;
  for (std::uint32_t count = SKETCH_COUNT_MAX; count > 0; count--) {
    keys += slots[count];
    if (keys > room) return {count + 1, false};
  }
  return {1, true};
}

void Admission::halve() {
  for (sketch_block& block : sketch_) sketch_halve(&block);
}

void Admission::choose_rate(const Seen& seen) {
  const std::uint64_t passed = seen.now_ns - rate_ns_;
  if (passed < kRateNs) return;
  const double gets = static_cast<double>(seen.sampled - sampled_) * choice_.sample_one_of * 1e9 /
                      static_cast<double>(passed);
  rate_ns_ = seen.now_ns;
  sampled_ = seen.sampled;
  const double one_of = gets / (learned_ ? kRate : kLearningRate);
  choice_.sample_one_of = static_cast<std::uint32_t>(std::clamp<double>(one_of, 1, kOneOfMost));
}

}  // namespace bmc::cache

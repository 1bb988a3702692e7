// SPDX-License-Identifier: Apache-2.0
// Seeded random numbers (splitmix64): the same seed gives the same run. Used by generators and faults.
#ifndef BMC_NETNS_TESTS_RANDOM_H
#define BMC_NETNS_TESTS_RANDOM_H

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

namespace bmc::lab {

/// Mixes one 64-bit number into another; good enough to derive independent streams from one seed.
constexpr uint64_t mix64(uint64_t value) {
  value += 0x9e3779b97f4a7c15ull;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
  return value ^ (value >> 31);
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    const uint64_t result = mix64(state_);
    state_ += 0x9e3779b97f4a7c15ull;
    return result;
  }
  /// Uniform in [0, bound); 0 when bound is 0.
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  /// Uniform in [low, high].
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low + 1)));
  }
  bool chance(double probability) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability; }
  template <class Item, size_t N>
  const Item& pick(const Item (&items)[N]) {
    return items[below(N)];
  }
  /// A stream of its own, so that drawing more in one place does not shift another.
  Random fork(uint64_t label) { return Random(mix64(next() ^ mix64(label))); }

 private:
  uint64_t state_;
};

/// `name` from the environment as a number, else `fallback`: how long runs and replays are asked for.
inline uint64_t environment_number(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 0) : fallback;
}

}  // namespace bmc::lab

#endif

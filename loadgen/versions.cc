// SPDX-License-Identifier: Apache-2.0
// See versions.h. A key is one word: newest in bits 0..30, oldest in 31..61, then the two flags.
#include "loadgen/versions.h"

namespace bmc::loadgen {
namespace {

constexpr std::uint64_t kNumber = (1ull << 31) - 1;
constexpr unsigned kOldestShift = 31;
constexpr std::uint64_t kOnItsWay = 1ull << 62;
constexpr std::uint64_t kUnordered = 1ull << 63;

std::uint64_t newest_of(std::uint64_t word) { return word & kNumber; }
std::uint64_t oldest_of(std::uint64_t word) { return (word >> kOldestShift) & kNumber; }

}  // namespace

std::optional<std::uint32_t> VersionTable::begin_write(std::uint32_t key) {
  std::uint64_t word = keys_[key].load();
  do {
    if ((word & kOnItsWay) != 0 || newest_of(word) == kNumber) return std::nullopt;
  } while (!keys_[key].compare_exchange_weak(word, (word + 1) | kOnItsWay));
  return static_cast<std::uint32_t>(newest_of(word) + 1);
}

void VersionTable::acknowledge(std::uint32_t key) {
  // While its write is on its way nobody else changes the word.
  std::uint64_t word = keys_[key].load() & ~kOnItsWay;
  if ((word & kUnordered) == 0) word = (word & ~(kNumber << kOldestShift)) | newest_of(word) << kOldestShift;
  keys_[key].store(word);
}

void VersionTable::abandon(std::uint32_t key) {
  keys_[key].store((keys_[key].load() & ~kOnItsWay) | kUnordered);
}

std::uint32_t VersionTable::oldest(std::uint32_t key) const {
  return key < count_ ? static_cast<std::uint32_t>(oldest_of(keys_[key].load())) : 0;
}

std::uint32_t VersionTable::newest(std::uint32_t key) const {
  return key < count_ ? static_cast<std::uint32_t>(newest_of(keys_[key].load())) : 0;
}

std::uint64_t VersionTable::unordered() const {
  std::uint64_t sum = 0;
  for (std::uint32_t key = 0; key < count_; ++key) sum += (keys_[key].load() & kUnordered) != 0;
  return sum;
}

}  // namespace bmc::loadgen

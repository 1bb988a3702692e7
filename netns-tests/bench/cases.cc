// SPDX-License-Identifier: Apache-2.0
// See cases.h.
#include "netns-tests/bench/cases.h"

#include <algorithm>

namespace bmc::bench {
namespace {

// bmcd takes no less than 4 MiB: the data of which that is 1 %.
constexpr std::uint32_t kTightKeysMin = 420'000;
constexpr std::uint64_t kBmcdBytesMin = 4 << 20;
// So that what does not grow with the memory weighs little.
constexpr std::uint32_t kFullKeysMin = 400'000;
constexpr std::uint32_t kEtcDataSize = 500;  // for memcached's memory only: more than the mean

Scene scene(const char* name, std::uint32_t keys, std::uint32_t data_size, const char* bmcd_memory) {
  Scene made;
  made.name = name;
  made.items.key_count = keys;
  made.items.data_size = data_size;
  made.items.pattern = loadgen::Pattern::kZipf;
  // An item's header, its links and what its size class wastes are 100 bytes or so beside key and value, and
  // a quarter of the value where it is large.
  const std::uint64_t item_bytes = made.items.key_size + data_size + data_size / 4 + 100;
  made.memcached_mb = static_cast<unsigned>(64 + (keys * item_bytes >> 20));
  made.bmcd_memory = bmcd_memory;
  return made;
}

Scene unfilled(const char* name, std::uint32_t keys) {
  Scene made = scene(name, keys, 32, "256MiB");
  made.warming = Warming::kNone;
  return made;
}

// A user waits a minute by default; here it is only waited for.
Scene resting(std::uint32_t keys) {
  Scene made = unfilled(kSceneRest, keys);
  made.bmcd_rest_after = "2s";
  return made;
}

// A third more items than fit, of 88 bytes each.
Scene full(std::uint32_t keys) {
  Scene made = scene(kSceneFull, std::max(keys, kFullKeysMin), 40, "");
  made.bmcd_memory = std::to_string(std::uint64_t{made.items.key_count} * 88 * 3 / 4);
  made.warming = Warming::kOnce;
  return made;
}

// 400 MiB for a million items.
Scene etc(std::uint32_t keys) {
  Scene made = scene(kSceneEtc, keys, kEtcDataSize, "");
  made.items.sizes = loadgen::Sizes::kEtc;
  made.items.one_datagram = false;
  made.bmcd_memory =
      std::to_string(std::max(kBmcdBytesMin, std::uint64_t{keys} * 400 * 1024 * 1024 / 1'000'000));
  return made;
}

Scene tight(std::uint32_t keys) {
  Scene made = scene(kSceneTight, std::max(keys, kTightKeysMin), 1000, "");
  const std::uint64_t data =
      std::uint64_t{made.items.key_count} * (made.items.key_size + made.items.data_size);
  made.bmcd_memory = std::to_string(data / 100);
  made.warming = Warming::kDraws;
  return made;
}

}  // namespace

std::vector<Scene> all_scenes(std::uint32_t keys) {
  return {scene(kSceneSmall, keys, 32, "256MiB"),
          unfilled(kSceneCold, keys),
          unfilled(kSceneTcp, keys / 10),
          resting(keys / 10),
          scene(kSceneMedium, keys / 4, 500, "512MiB"),
          full(keys),
          etc(keys),
          tight(keys)};
}

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto& group :
       {rate_cases(), mix_cases(), program_cases(), queue_cases(), memory_cases(), passing_cases()})
    all.insert(all.end(), group.begin(), group.end());
  return all;
}

}  // namespace bmc::bench

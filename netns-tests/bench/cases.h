// SPDX-License-Identifier: Apache-2.0
// The table of the cache's benchmark: all scenes, all cases in the order of the report. A group of cases that
// are measured alike has a file of its own. Used by the program.
#ifndef BMC_NETNS_TESTS_BENCH_CASES_H
#define BMC_NETNS_TESTS_BENCH_CASES_H

#include <cstdint>
#include <vector>

#include "netns-tests/bench/case.h"

namespace bmc::bench {

// `keys` items where the cache can hold all; other scenes scale with it.
std::vector<Scene> all_scenes(std::uint32_t keys);

std::vector<Case> all_cases();

// The groups.
std::vector<Case> rate_cases();
std::vector<Case> program_cases();
std::vector<Case> mix_cases();
std::vector<Case> passing_cases();
std::vector<Case> memory_cases();
std::vector<Case> queue_cases();

// Measured by the first group; the mixes need its figure too.
inline constexpr const char* kHitCase = "udp_get_hit_32B";

// Names of the scenes.
inline constexpr const char* kSceneSmall = "small";    // 32-byte values, all in the cache
inline constexpr const char* kSceneMedium = "medium";  // 500-byte values, all in the cache
inline constexpr const char* kSceneCold = "cold";      // the same, not filled yet
inline constexpr const char* kSceneTcp = "tcp";        // the same, for what is written over TCP
inline constexpr const char* kSceneRest = "rest";    // the same; bmcd rests soon where nothing can be served
inline constexpr const char* kSceneTight = "tight";  // a cache of 1 % of the data
inline constexpr const char* kSceneFull = "full";    // 40-byte values, more than fit
inline constexpr const char* kSceneEtc = "etc";      // items as in Facebook's ETC pool

}  // namespace bmc::bench

#endif

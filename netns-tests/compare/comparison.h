// SPDX-License-Identifier: Apache-2.0
// A run of the byte-for-byte comparison: steps generated from a seed, executed on two servers. Called by
// ctest.
#ifndef BMC_NETNS_TESTS_COMPARE_COMPARISON_H
#define BMC_NETNS_TESTS_COMPARE_COMPARISON_H

#include <functional>
#include <optional>
#include <string>

#include "netns-tests/compare/generator.h"
#include "netns-tests/compare/twins.h"

namespace bmc::compare {

struct ComparisonOptions {
  uint64_t seed = 1;
  uint64_t steps = 5000;
  GeneratorOptions generator{};
  /// Called before each step with its number; for tests that disturb one of the servers.
  std::function<void(uint64_t, Twins&)> before_step{};
};

/// Nothing when every reply was the same; else what differed, the steps before it, and how to repeat it.
std::optional<std::string> compare(Twins& twins, const ComparisonOptions& options);

}  // namespace bmc::compare
#endif

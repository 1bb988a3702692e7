// SPDX-License-Identifier: Apache-2.0
// See comparison.h.
#include "netns-tests/compare/comparison.h"

#include <deque>

namespace bmc::compare {
namespace {

constexpr size_t kStepsShown = 40;

std::string report(uint64_t number, const std::deque<std::string>& last, const Difference& difference,
                   const ComparisonOptions& options) {
  std::string text = "replies differ at step " + std::to_string(number) + ":\n  plain:  " + difference.plain +
                     "\n  tested: " + difference.tested + "\nthe steps before, the last one being it:\n";
  for (const auto& step : last) text += "  " + step + "\n";
  return text + "repeat with: BMC_SEED=" + std::to_string(options.seed) +
         " BMC_COMPARE_STEPS=" + std::to_string(options.steps) +
         " netns_compare_test --gtest_filter=<this test>\n";
}

}  // namespace

std::optional<std::string> compare(Twins& twins, const ComparisonOptions& options) {
  Generator generator(options.seed, options.generator);
  std::deque<std::string> last;
  for (uint64_t number = 0; number < options.steps; ++number) {
    const Step step = generator.next();
    last.push_back(step.text());
    if (last.size() > kStepsShown) last.pop_front();
    if (options.before_step) options.before_step(number, twins);
    if (const auto difference = twins.execute(step)) return report(number, last, *difference, options);
  }
  return std::nullopt;
}

}  // namespace bmc::compare

// SPDX-License-Identifier: Apache-2.0
// See case.h.
#include "netns-tests/bench/case.h"

#include "netns-tests/bench/statistics.h"

namespace bmc::bench {
namespace {

template <typename Figure>
double median_over(const std::map<Side, std::vector<Sample>>& samples, Side side, const Figure& figure) {
  const auto found = samples.find(side);
  if (found == samples.end()) return 0;
  std::vector<double> values;
  for (const Sample& sample : found->second) values.push_back(figure(sample));
  return median_of(std::move(values));
}

}  // namespace

const char* name_of(Side side) {
  switch (side) {
    case Side::kPlain:
      return "plain";
    case Side::kBmcd:
      return "bmcd";
    case Side::kLimit:
      return "limit";
  }
  return "?";
}

double Outcome::value(Side side) const {
  return median_over(samples, side, [](const Sample& sample) { return sample.value; });
}

double Outcome::more(Side side, const std::string& name) const {
  return median_over(samples, side, [&](const Sample& sample) {
    const auto found = sample.more.find(name);
    return found == sample.more.end() ? 0 : found->second;
  });
}

std::optional<double> Outcome::quotient(Side divisor) const {
  if (!has(Side::kBmcd) || value(divisor) <= 0) return {};
  return value(Side::kBmcd) / value(divisor);
}

}  // namespace bmc::bench

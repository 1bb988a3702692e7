// SPDX-License-Identifier: Apache-2.0
// See distributions.h.
#include "loadgen/distributions.h"

#include <cmath>
#include <iterator>

namespace bmc::loadgen {
namespace {

// Probability of a value of so many bytes (the paper's table 5).
constexpr double kEtcSmallValues[] = {0.00536, 0.00047, 0.17820, 0.09239, 0.00018, 0.02740, 0.00065, 0.00606,
                                      0.00023, 0.00837, 0.00837, 0.08989, 0.00092, 0.00326, 0.01980};
constexpr auto kEtcFirstLarge = static_cast<std::uint32_t>(std::size(kEtcSmallValues));

}  // namespace

double ExtremeValue::quantile(double u) const {
  return location + scale * (std::pow(-std::log(u), -shape) - 1) / shape;
}

double Pareto::quantile(double u) const { return location + scale * (std::pow(1 - u, -shape) - 1) / shape; }

std::uint32_t etc_key_size(double u) {
  return static_cast<std::uint32_t>(std::lround(std::fmax(0, kEtcKeyBytes.quantile(u))));
}

std::uint32_t etc_value_size(double u) {
  double below = 0;
  for (std::uint32_t size = 0; size < kEtcFirstLarge; ++size) {
    if (u < below + kEtcSmallValues[size]) return size;
    below += kEtcSmallValues[size];
  }
  return kEtcFirstLarge + static_cast<std::uint32_t>(kEtcValueBytes.quantile((u - below) / (1 - below)));
}

std::uint32_t usr_key_size(double u) { return u < 0.5 ? 16 : 21; }

}  // namespace bmc::loadgen

// SPDX-License-Identifier: Apache-2.0
// The distributions against their closed forms, and the sizes that keys draw from them.
#include "loadgen/distributions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "loadgen/workload.h"

namespace bmc::loadgen {
namespace {

// Integral of quantile^power over 0..1: a moment.
double moment(const std::function<double(double)>& quantile, int power) {
  constexpr int kSteps = 2'000'000;
  double sum = 0;
  for (int step = 0; step < kSteps; ++step) sum += std::pow(quantile((step + 0.5) / kSteps), power);
  return sum / kSteps;
}

TEST(ExtremeValueDistribution, HasItsClosedMedianAndMean) {
  const ExtremeValue& gev = kEtcKeyBytes;
  EXPECT_NEAR(gev.quantile(0.5),
              gev.location + gev.scale * (std::pow(std::log(2), -gev.shape) - 1) / gev.shape, 1e-9);
  EXPECT_NEAR(gev.quantile(std::exp(-1)), gev.location, 1e-9);
  const double mean = gev.location + gev.scale * (std::tgamma(1 - gev.shape) - 1) / gev.shape;
  EXPECT_NEAR(moment([&](double u) { return gev.quantile(u); }, 1), mean, 0.001);
  const double variance = gev.scale * gev.scale *
                          (std::tgamma(1 - 2 * gev.shape) - std::pow(std::tgamma(1 - gev.shape), 2)) /
                          (gev.shape * gev.shape);
  EXPECT_NEAR(moment([&](double u) { return gev.quantile(u); }, 2) - mean * mean, variance, variance * 0.001);
}

TEST(ExtremeValueDistribution, InvertsItsDistributionFunction) {
  const ExtremeValue& gev = kEtcKeyBytes;
  for (double u = 0.001; u < 1; u += 0.001) {
    const double z = 1 + gev.shape * (gev.quantile(u) - gev.location) / gev.scale;
    ASSERT_NEAR(std::exp(-std::pow(z, -1 / gev.shape)), u, 1e-9);
  }
}

TEST(ParetoDistribution, HasItsClosedMeanAndTail) {
  const Pareto& pareto = kEtcValueBytes;
  EXPECT_DOUBLE_EQ(pareto.quantile(0), pareto.location);
  EXPECT_NEAR(moment([&](double u) { return pareto.quantile(u); }, 1), pareto.scale / (1 - pareto.shape),
              0.5);
  for (double u = 0.001; u < 1; u += 0.001) {
    const double z = 1 + pareto.shape * (pareto.quantile(u) - pareto.location) / pareto.scale;
    ASSERT_NEAR(1 - std::pow(z, -1 / pareto.shape), u, 1e-9);
  }
}

TEST(EtcValues, SmallSizesHaveTheirShares) {
  constexpr int kSteps = 1'000'000;
  std::vector<int> counts(16);
  double large = 0;
  for (int step = 0; step < kSteps; ++step) {
    const std::uint32_t size = etc_value_size((step + 0.5) / kSteps);
    counts[std::min(size, 15u)]++;
    if (size >= 15) large += size;
  }
  EXPECT_NEAR(counts[2], 178200, 2);
  EXPECT_NEAR(counts[0], 5360, 2);
  EXPECT_NEAR(counts[4], 180, 2);
  EXPECT_NEAR(counts[14], 19800, 2);
  EXPECT_NEAR(counts[15], 558450, 2);
  // Whole bytes: half a byte below the mean of the distribution.
  EXPECT_NEAR(large / counts[15], 15 + kEtcValueBytes.scale / (1 - kEtcValueBytes.shape) - 0.5, 1);
}

// Greatest distance between the shares of `sizes` and what `share_below` (of "at most this size") says.
double distance(std::vector<std::uint32_t> sizes, const std::function<double(double)>& share_up_to) {
  std::sort(sizes.begin(), sizes.end());
  double worst = 0;
  for (std::size_t at = 0; at + 1 < sizes.size(); ++at) {
    if (sizes[at] == sizes[at + 1]) continue;
    const double share = static_cast<double>(at + 1) / static_cast<double>(sizes.size());
    worst = std::max(worst, std::abs(share - share_up_to(sizes[at])));
  }
  return worst;
}

TEST(Sizes, OfEtcKeysAndValuesFollowThePaper) {
  const Workload workload = *Workload::create({.key_count = 200000, .sizes = Sizes::kEtc});
  std::vector<std::uint32_t> keys, values;
  for (std::uint32_t index = 0; index < 200000; ++index) {
    keys.push_back(workload.key_size(index));
    if (workload.data_size(index) >= 15) values.push_back(workload.data_size(index));
    ASSERT_EQ(workload.key(index).size(), keys.back());
  }
  const auto key_share = [](double size) {
    const double z = 1 + kEtcKeyBytes.shape * (size + 0.5 - kEtcKeyBytes.location) / kEtcKeyBytes.scale;
    return std::exp(-std::pow(z, -1 / kEtcKeyBytes.shape));
  };
  const auto value_share = [](double size) {
    return 1 - std::pow(1 + kEtcValueBytes.shape * (size + 1 - 15) / kEtcValueBytes.scale,
                        -1 / kEtcValueBytes.shape);
  };
  // The Kolmogorov distance that one sample in a thousand of this size exceeds.
  const double key_bound = 1.95 / std::sqrt(200000.0);
  EXPECT_LT(distance(keys, key_share), key_bound);
  EXPECT_GT(distance(keys, value_share), key_bound);
  EXPECT_LT(distance(values, value_share), 1.95 / std::sqrt(static_cast<double>(values.size())));
  EXPECT_NEAR(static_cast<double>(values.size()) / 200000, 0.55845, 0.005);
}

TEST(Sizes, OfUsrAreTwoOfKeysAndOneOfValues) {
  const Workload workload = *Workload::create({.key_count = 10000, .sizes = Sizes::kUsr});
  int longer = 0;
  for (std::uint32_t index = 0; index < 10000; ++index) {
    const std::uint32_t size = workload.key_size(index);
    ASSERT_TRUE(size == 16 || size == 21) << size;
    ASSERT_EQ(workload.data_size(index), 2u);
    ASSERT_EQ(workload.value(index).size(), 2u);
    longer += size == 21;
  }
  EXPECT_NEAR(longer, 5000, 250);
}

TEST(Sizes, OfARangeReachBothEndsEvenly) {
  const Workload workload =
      *Workload::create({.key_count = 50000, .data_size = 10, .data_size_max = 19, .sizes = Sizes::kRange});
  std::vector<int> counts(20);
  for (std::uint32_t index = 0; index < 50000; ++index) counts.at(workload.data_size(index))++;
  for (int size = 0; size < 20; ++size)
    EXPECT_NEAR(counts[size], size < 10 ? 0 : 5000, size < 10 ? 0 : 400) << size;
}

TEST(Sizes, AreThoseOfTheKeyInEveryRun) {
  const Workload one = *Workload::create({.sizes = Sizes::kEtc, .draw_seed = 1});
  const Workload other = *Workload::create({.key_count = 50, .sizes = Sizes::kEtc, .draw_seed = 2});
  for (std::uint32_t index = 0; index < 50; ++index) {
    ASSERT_EQ(one.data_size(index), other.data_size(index));
    ASSERT_EQ(one.key(index), other.key(index));
  }
}

}  // namespace
}  // namespace bmc::loadgen

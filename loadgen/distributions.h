// SPDX-License-Identifier: Apache-2.0
// Sizes of keys and values as random quantities: a size is a function of a number 0 < u < 1, so that whoever
// knows u knows the size. Used by Workload, which takes u from the key.
//
// Source: B. Atikoglu, Y. Xu, E. Frachtenberg, S. Jiang, M. Paleczny: Workload Analysis of a Large-Scale
// Key-Value Store, SIGMETRICS 2012. ETC: section 5 ("Statistical modeling"), table 5. USR: section 3.
#ifndef BMC_LOADGEN_DISTRIBUTIONS_H
#define BMC_LOADGEN_DISTRIBUTIONS_H

#include <cstdint>

namespace bmc::loadgen {

// Location, scale and shape; shape > 0: a heavy tail to the right.
struct ExtremeValue {
  double location;
  double scale;
  double shape;

  // Of the generalized extreme value distribution: the x that a share `u` stays below.
  double quantile(double u) const;
};

struct Pareto {
  double location;
  double scale;
  double shape;

  // Of the generalized Pareto distribution.
  double quantile(double u) const;
};

constexpr ExtremeValue kEtcKeyBytes{30.7984, 8.20449, 0.078688};
constexpr Pareto kEtcValueBytes{0, 214.476, 0.348238};  // of what a value has above the first 15 sizes

// Whole bytes. Values of up to 14 bytes have probabilities of their own (together 0.44155); the rest is 15
// and kEtcValueBytes more.
std::uint32_t etc_key_size(double u);
std::uint32_t etc_value_size(double u);

// 16 or 21 bytes. The paper does not say in which shares: half of the keys each.
std::uint32_t usr_key_size(double u);
constexpr std::uint32_t kUsrValueBytes = 2;

// Writes in all requests. ETC has 30 gets to a set, USR 99.8 % gets.
constexpr std::uint32_t kEtcGetsPerSet = 30;
constexpr std::uint32_t kUsrGetsPerSet = 499;

}  // namespace bmc::loadgen

#endif

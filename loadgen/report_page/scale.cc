// SPDX-License-Identifier: Apache-2.0
#include "loadgen/report_page/scale.h"

#include <algorithm>
#include <cmath>

namespace bmc::loadgen {
namespace {

constexpr double kTicks = 6;  // wished for on a linear axis
constexpr double kDecadesMax = 9;
constexpr double kDecadesFine = 3;  // up to so many decades 2 and 5 have ticks too
constexpr double kNinesMax = 9;
// Powers of ten are not exact: values this close are the same.
constexpr double kSame = 1e-9;

double itself(double value) { return value; }
double decades(double value) { return std::log10(value); }
double nines_of(double share) { return -std::log10(1 - share); }

// 1, 2, 5, 10, 20, 50 …; the rung 0 is 1.
double ladder(int rung) {
  static constexpr double kSteps[] = {1, 2, 5};
  const int decade = static_cast<int>(std::floor(rung / 3.0));
  return kSteps[rung - 3 * decade] * std::pow(10, decade);
}

// The last rung at or below a positive value.
int rung_below(double value) {
  int rung = 3 * static_cast<int>(std::floor(std::log10(value)));
  while (ladder(rung) > value * (1 + kSame)) --rung;
  while (ladder(rung + 1) <= value * (1 + kSame)) ++rung;
  return rung;
}

int rung_above(double value) {
  const int below = rung_below(value);
  return ladder(below) >= value * (1 - kSame) ? below : below + 1;
}

}  // namespace

Scale::Scale(Transform transform, double lower, double upper)
    : transform_(transform), lower_(transform(lower)), upper_(transform(upper)) {}

Scale Scale::linear(Unit unit, double max) {
  const double wished = max > 0 ? max : 1;
  const double step = ladder(rung_above(wished / kTicks));
  const double steps = std::ceil(wished / step * (1 - kSame));
  Scale scale(itself, 0, steps * step);
  for (int index = 0; index <= static_cast<int>(steps); ++index)
    scale.ticks_.push_back({index * step, index == 0 ? "0" : quantity(unit, index * step)});
  return scale;
}

Scale Scale::logarithmic(Unit unit, double min, double max) {
  const int upper = rung_above(max);
  int lower = rung_below(std::max(min, max / std::pow(10, kDecadesMax)));
  if (lower == upper) --lower;
  Scale scale(decades, ladder(lower), ladder(upper));
  const bool fine = scale.upper_ - scale.lower_ <= kDecadesFine;
  for (int rung = lower; rung <= upper; ++rung)
    if (fine || rung % 3 == 0) scale.ticks_.push_back({ladder(rung), quantity(unit, ladder(rung))});
  return scale;
}

Scale Scale::nines(double max) {
  const double last = std::clamp(std::ceil(nines_of(max) * (1 - kSame)), 1.0, kNinesMax);
  Scale scale(nines_of, 0, 1 - std::pow(10, -last - 1));
  for (const double share : {0.0, 0.5}) scale.ticks_.push_back({share, quantity(Unit::kShare, share)});
  for (int nine = 1; nine <= static_cast<int>(last); ++nine) {
    const double share = 1 - std::pow(10, -nine);
    scale.ticks_.push_back({share, quantity(Unit::kShare, share)});
  }
  scale.ticks_.push_back({1, "max"});
  return scale;
}

double Scale::at(double value) const {
  return std::clamp((transform_(value) - lower_) / (upper_ - lower_), 0.0, 1.0);
}

}  // namespace bmc::loadgen

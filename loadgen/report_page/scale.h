// SPDX-License-Identifier: Apache-2.0
// Scale: where a value stands on an axis, and the axis' ticks. Used by plot.cc.
#ifndef BMC_LOADGEN_REPORT_PAGE_SCALE_H
#define BMC_LOADGEN_REPORT_PAGE_SCALE_H

#include <string>
#include <vector>

#include "loadgen/report_page/markup.h"

namespace bmc::loadgen {

struct Tick {
  double value;
  std::string label;
};

class Scale {
 public:
  // From 0 to `max` or a little more, in steps of 1, 2 or 5 times a power of ten.
  static Scale linear(Unit unit, double max);
  // From the last of 1, 2 or 5 times a power of ten before `min` to the first after `max`, but not over more
  // than nine decades: what is below stands at the lower end. Both values are positive.
  static Scale logarithmic(Unit unit, double min, double max);
  // Shares of one, each further nine (0.9, 0.99, 0.999 …) as wide as the one before, up to the nines of `max`
  // (below 1); 1, the maximum, stands one nine after it.
  static Scale nines(double max);

  // 0 at the lower end, 1 at the upper; what lies outside stands at the end.
  double at(double value) const;
  const std::vector<Tick>& ticks() const { return ticks_; }

 private:
  using Transform = double (*)(double);
  Scale(Transform transform, double lower, double upper);

  Transform transform_;
  double lower_;  // transformed, as upper_
  double upper_;
  std::vector<Tick> ticks_;
};

}  // namespace bmc::loadgen

#endif

// SPDX-License-Identifier: Apache-2.0
// What the demo is doing, on standard error: one line that changes on a terminal, else one line per step.
#ifndef BMC_DEMO_PROGRESS_H
#define BMC_DEMO_PROGRESS_H

#include <cstdint>
#include <string>

#include "loadgen/report.h"

namespace bmc::demo {

// 1234567.8 -> "1,234,568".
std::string grouped(double value);

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // A new step begins.
  void step(const std::string& what);
  // How the step is doing; shown on a terminal only, ten times a second at most.
  void show(const std::string& detail);
  void show(const loadgen::RunReport& so_far);
  // Leaves an empty line for other output.
  void clear();

 private:
  bool terminal_;
  std::string step_;
  int64_t shown_ns_ = 0;
};

}  // namespace bmc::demo

#endif

// SPDX-License-Identifier: Apache-2.0
// The search for the highest rate with next to no loss. Knows nothing of packets: `measure` runs one window.
// Called by the command and the demo.
#ifndef BMC_LOADGEN_FIND_MAX_H
#define BMC_LOADGEN_FIND_MAX_H

#include <functional>
#include <stop_token>
#include <vector>

#include "control-plane/result.h"
#include "loadgen/report.h"

namespace bmc::loadgen {

struct FindMaxPlan {
  double start_rps = 20000;
  double ceiling_rps = 20e6;
  double loss_max = 0.001;
  double precision = 0.03;  // the search ends when the bounds are this close, relative
  double window_seconds = 0.3;
  double confirm_seconds = 1;  // the rate found must hold for one window of this length
  int confirm_tries = 8;       // after each that fails the rate is lowered, by `precision` first
  std::stop_token stop = {};   // ends the search with what it knows
};

// One window of the search, in short.
struct FindMaxWindow {
  double offered_rps = 0;
  double sent_rps = 0;
  double rps = 0;
  double loss = 0;  // share
  double p50_ns = 0;
  double p99_ns = 0;
  bool held = false;  // it lost no more than was allowed
};

struct FindMaxOutcome {
  RunReport best;                // the confirming window
  bool limited_by_load = false;  // the generator could not send more: the server may do better
  bool confirmed = false;        // false: no try held; `best` is the last
  int windows = 0;
  std::vector<FindMaxWindow> tried;  // all of them
};

// Runs one window of so many requests a second and seconds.
using Measure = std::function<Result<RunReport>(double rps, double seconds)>;

// Doubles the rate until a window loses more than `loss_max`, halves the interval, then confirms. A machine
// with other work loses packets now and then: a window with moderate loss is repeated once before it counts,
// and a bound below which everything held is tried again. After a stop `best` is the highest rate that held
// so far, or the last tried.
Result<FindMaxOutcome> find_max(const FindMaxPlan& plan, const Measure& measure);

}  // namespace bmc::loadgen

#endif

// SPDX-License-Identifier: Apache-2.0
// Reads what `bmc-loadgen --json-out-file` has written; docs/loadgen.md has its fields. Used by charts.cc and
// report_page.cc.
#ifndef BMC_LOADGEN_REPORT_PAGE_RUNS_H
#define BMC_LOADGEN_REPORT_PAGE_RUNS_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control-plane/result.h"

namespace bmc::loadgen {

// All numbers are finite and not negative; rates in requests a second, latencies in microseconds.

struct Percentile {
  double share;  // 0..1
  double us;
};

struct Count {
  std::string name;
  double count;
};

// What one offered rate came to: a run, or one window of a search.
struct Load {
  std::optional<double> offered_rps;  // none: closed loop, the next after the last
  double rps = 0;                     // answered whole, right and in time
  double loss = 0;                    // share of the sent that is lost or late
  std::optional<double> p50_us;       // none: nothing was answered
  std::optional<double> p99_us;
  bool held = false;  // loss within the limit
};

struct Run {
  std::string file;
  std::string name;  // --label, or the file's name without folder and ending
  std::string transport;
  std::string started;
  double seconds = 0;
  Load load;
  std::optional<double> p999_us;
  std::optional<double> max_us;
  double lost = 0;
  double wrong = 0;
  double late = 0;
  std::vector<Count> wrong_replies;      // by reason, those that occurred
  std::vector<Percentile> distribution;  // ascending in both; empty: nothing was answered
  std::vector<Load> windows;             // of the search, in the order tried; empty without one
  std::vector<std::string> remarks;
  bool interrupted = false;
};

// A run at a given rate that lost more than this did not hold it, as --find-max has it by default.
inline constexpr double kLossHeld = 0.001;

// The runs of one file: an object, or an array of them. `file` is its path. An error names the file and the
// field.
Result<std::vector<Run>> read_runs(const std::string& file, std::string_view text);

}  // namespace bmc::loadgen

#endif

// SPDX-License-Identifier: Apache-2.0
// The page of `bmc-loadgen report`: one or more runs as plots and a table in one HTML file that needs nothing
// else. Called by main.cc.
#ifndef BMC_LOADGEN_REPORT_PAGE_H
#define BMC_LOADGEN_REPORT_PAGE_H

#include <string>
#include <vector>

#include "control-plane/result.h"

namespace bmc::loadgen {

struct ReportFile {
  std::string name;  // path, for errors and as the name of runs without one
  std::string text;  // JSON, see docs/loadgen.md
};

// The HTML. Runs of the same name and transport are one series: one colour, joined by a line. Fails if a file
// does not hold runs, or there is no run at all.
Result<std::string> report_page(const std::vector<ReportFile>& files);

// Reads `inputs` and writes the page to the file `output`, or to standard output for "-".
Result<void> write_report_page(const std::vector<std::string>& inputs, const std::string& output);

}  // namespace bmc::loadgen

#endif

// SPDX-License-Identifier: Apache-2.0
// The results for people and for programs. Used by the program, tested alone.
#ifndef BMC_NETNS_TESTS_BENCH_REPORT_H
#define BMC_NETNS_TESTS_BENCH_REPORT_H

#include <string>

#include "netns-tests/bench/runner.h"

namespace bmc::bench {

// One line for each case, target beside measured, and the remarks that a figure needs.
std::string table(const Results& results);

// {"machine":{…},"benchmarks":[{"name","unit","plain","bmcd","limit","ratio","of_limit","target","met","runs",
// "figures"},…],"checked","wrong"} in one line. What was not measured is absent.
std::string json(const Results& results);

}  // namespace bmc::bench

#endif

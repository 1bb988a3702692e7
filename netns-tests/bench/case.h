// SPDX-License-Identifier: Apache-2.0
// What a case of the cache's benchmark is: which items it needs, how it is measured once, what is wanted of
// it. The tables of cases are made of these; the runner measures them, the report prints them.
#ifndef BMC_NETNS_TESTS_BENCH_CASE_H
#define BMC_NETNS_TESTS_BENCH_CASE_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/workload.h"

namespace bmc::bench {

class Run;

// Whom the load is sent to.
enum class Side { kPlain, kBmcd, kLimit };
inline constexpr Side kSides[] = {Side::kPlain, Side::kBmcd, Side::kLimit};
const char* name_of(Side side);

// How a bmcd that has just started is filled before it is measured.
enum class Warming {
  kSweep,  // every key in turn until nearly all are answered by the kernel
  kOnce,   // every key in turn, once
  kDraws,  // as the cases draw, for a while: what stays is the cache's choice
  kNone,
};

// The items in memcached and the cache in front of it; cases of one scene are measured on the same.
struct Scene {
  std::string name;
  loadgen::WorkloadOptions items;
  unsigned memcached_mb = 512;
  std::string bmcd_memory;
  std::string bmcd_rest_after = {};  // empty: bmcd's default
  Warming warming = Warming::kSweep;
};

// One measurement of one side.
struct Sample {
  double value = 0;
  std::map<std::string, double> more = {};  // by name, with its unit where it has one
};

// What came of a case: medians over the rounds.
struct Outcome {
  std::map<Side, std::vector<Sample>> samples;

  // 0 where the side was not measured.
  double value(Side side) const;
  double more(Side side, const std::string& name) const;
  bool has(Side side) const { return samples.count(side) != 0; }
  // Of bmcd's value; nothing where one of the two is missing.
  std::optional<double> ratio() const { return quotient(Side::kPlain); }
  std::optional<double> of_limit() const { return quotient(Side::kLimit); }

 private:
  std::optional<double> quotient(Side divisor) const;
};

// What the project wants of a case.
struct Target {
  std::string text;  // empty: nothing
  std::function<bool(const Outcome&)> met;
};

struct Case {
  std::string name;
  std::string unit;
  std::string what;  // for --list
  std::string scene;
  std::vector<Side> sides;
  std::function<Sample(Run&)> measure;  // throws demo::Interrupted, lab::LabError
  Target target = {};
  bool once = false;  // the figure does not vary: measured in the first round only
};

}  // namespace bmc::bench

#endif

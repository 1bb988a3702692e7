// SPDX-License-Identifier: Apache-2.0
// What the demo found, for people and as the one JSON object. Used by the demo, tested alone.
#ifndef BMC_DEMO_SUMMARY_H
#define BMC_DEMO_SUMMARY_H

#include <cstdint>
#include <optional>
#include <string>

#include "netns-tests/demo/measurement.h"

namespace bmc::demo {

struct Summary {
  Measured plain;
  std::optional<Measured> bmcd;   // absent with --plain-only
  std::optional<Measured> limit;  // with --limit
  std::uint64_t checked = 0, wrong = 0;

  // Requests a second with bmcd over those of memcached alone; 0 where either is missing.
  double ratio() const;
};

// A table of a few lines, and a remark where a number is not what it seems.
std::string table(const Summary& summary);

// {"plain":{"rps","p50_us","p99_us"},"bmcd":{...,"kernel_hit_rate"},"ratio","checked","wrong"} in one line.
std::string json(const Summary& summary);

}  // namespace bmc::demo

#endif

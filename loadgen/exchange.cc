// SPDX-License-Identifier: Apache-2.0
// See exchange.h.
#include "loadgen/exchange.h"

#include <random>

namespace bmc::loadgen {
namespace {

// Versions that an earlier run left in the server must not pass for this one's, and none of ours is 0, that
// of the population: so each run begins anywhere in the lower half of the numbers.
std::uint32_t fresh_version_base() {
  std::random_device device;
  return std::uniform_int_distribution<std::uint32_t>(1u << 16, 1u << 31)(device);
}

}  // namespace

Traffic::Traffic(const Workload& from, const TrafficOptions& chosen)
    : workload(from),
      options(chosen),
      versions(chosen.sets > 0 ? from.options().key_count : 0),
      version_base(fresh_version_base()) {}

}  // namespace bmc::loadgen

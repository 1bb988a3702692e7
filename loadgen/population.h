// SPDX-License-Identifier: Apache-2.0
// Fills a memcached with a workload's items over TCP, and reads them back. Used by bmc-loadgen --populate,
// demo, tests.
#ifndef BMC_LOADGEN_POPULATION_H
#define BMC_LOADGEN_POPULATION_H

#include <cstdint>
#include <stop_token>

#include "control-plane/result.h"
#include "loadgen/frame.h"
#include "loadgen/workload.h"

namespace bmc::loadgen {

struct PopulationCheck {
  std::uint64_t right = 0;
  std::uint64_t wrong = 0;  // another value, flags or length
  std::uint64_t missing = 0;
};

// Pipelined `set`s with noreply, the last one with a reply: when it has come all are stored or were refused.
// Blocks; gives up after five seconds without progress.
// ECANCELED after a stop.
Result<void> populate(const IpAddress& server, std::uint16_t port, const Workload& workload,
                      const std::stop_token& stop = {});

// Gets every key over TCP and compares all bytes.
Result<PopulationCheck> verify_population(const IpAddress& server, std::uint16_t port,
                                          const Workload& workload, const std::stop_token& stop = {});

}  // namespace bmc::loadgen

#endif

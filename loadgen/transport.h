// SPDX-License-Identifier: Apache-2.0
// Transport: the one interface of all ways to load a server. A transport is made once and runs any number of
// windows. Used by bmc-loadgen, the search for the highest rate, the demo and the benchmark.
#ifndef BMC_LOADGEN_TRANSPORT_H
#define BMC_LOADGEN_TRANSPORT_H

#include <cstdint>
#include <limits>
#include <stop_token>
#include <string>

#include "control-plane/result.h"
#include "loadgen/report.h"

namespace bmc::loadgen {

struct WindowPlan {
  double rps = 10000;  // open loop; 0: closed loop, where the transport has one
  double seconds = 1;
  std::uint64_t requests = std::numeric_limits<std::uint64_t>::max();  // sent at most
  double abort_loss = 1;     // ends the window once so large a share is unanswered for some ms
  double grace_seconds = 1;  // answers are waited for after the last request, at most (socket transports)
};

class Transport {
 public:
  virtual ~Transport() = default;

  // One window; returns when all is answered or nothing more comes. `progress` may be empty. A stop ends it
  // early, with the report of what was until then.
  virtual Result<RunReport> run(const WindowPlan& plan, const std::stop_token& stop,
                                const Progress& progress) = 0;

  // What a reader of the figures should know; empty: nothing.
  virtual std::string remark() const { return {}; }
};

}  // namespace bmc::loadgen

#endif

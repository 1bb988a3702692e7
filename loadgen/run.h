// SPDX-License-Identifier: Apache-2.0
// One run of bmc-loadgen as its options say: fills the server if asked, makes the transport, runs a window or
// the search. Used by main.cc.
#ifndef BMC_LOADGEN_RUN_H
#define BMC_LOADGEN_RUN_H

#include <stop_token>

#include "control-plane/result.h"
#include "loadgen/options.h"
#include "loadgen/report.h"
#include "loadgen/result.h"

namespace bmc::loadgen {

// `options` after settle_options(). After a stop: what was found until then.
Result<RunResult> run(const Options& options, const std::stop_token& stop, const Progress& progress);

// Stores the workload and reads it back: --populate-only.
Result<void> fill_server(const Options& options, const std::stop_token& stop);

}  // namespace bmc::loadgen

#endif

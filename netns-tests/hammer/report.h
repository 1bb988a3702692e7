// SPDX-License-Identifier: Apache-2.0
// What a hammer run tells: counts, hit rate, violations, and how to repeat it. Called by run_hammer().
#ifndef BMC_NETNS_TESTS_HAMMER_REPORT_H
#define BMC_NETNS_TESTS_HAMMER_REPORT_H

#include "netns-tests/hammer/board.h"
#include "netns-tests/hammer/hammer.h"
#include "netns-tests/lib/bmcd.h"
#include "netns-tests/lib/fault_switch.h"

namespace bmc::hammer {

/// `bmcd`: null when the run was not accelerated.
HammerReport make_report(const HammerOptions& options, const Board& board, const lab::Bmcd* bmcd,
                         const lab::FaultSwitch& faulty);

}  // namespace bmc::hammer
#endif

// SPDX-License-Identifier: Apache-2.0
// The machine that the figures come from. Used by the reports of the benchmarks.
#ifndef BMC_NETNS_TESTS_BENCH_MACHINE_H
#define BMC_NETNS_TESTS_BENCH_MACHINE_H

#include <nlohmann/json.hpp>

namespace bmc::bench {

// {"processor","cpus","kernel"}.
nlohmann::ordered_json describe_machine();

}  // namespace bmc::bench

#endif

// SPDX-License-Identifier: Apache-2.0
// The benchmark as `./bmc bench broadcast --quick` starts it: every case is measured, and the numbers are
// possible. Run by ctest, label netns.
#include <set>

#include "netns-tests/lib/program_test.h"

namespace bmc::bench {
namespace {

TEST(BroadcastBenchTest, MeasuresEveryCase) {
  lab::Process bench({.argv = {BMC_BROADCAST_BENCH_PATH, "--quick", "--json"}});
  const pid_t pid = bench.pid();
  const auto out = lab::result_of(bench, 100'000);
  ASSERT_TRUE(out.is_object());
  EXPECT_GT(out["machine"]["cpus"], 0);
  std::set<std::string> names;
  for (const auto& benchmark : out["benchmarks"]) {
    names.insert(benchmark["name"]);
    for (const char* way : {"sendto", "sendmmsg", "broadcast"}) {
      EXPECT_GT(benchmark[way], 100) << benchmark;
      EXPECT_LT(benchmark[way], 1'000'000) << benchmark;
      EXPECT_EQ(benchmark["runs"][way].size(), 3u) << benchmark;
    }
    EXPECT_EQ(benchmark["system_calls"]["broadcast"], 1) << benchmark;
    EXPECT_GT(benchmark["ratio"], 0) << benchmark;
  }
  EXPECT_EQ(names.size(), 16u) << "4 numbers of recipients, 2 sizes, 2 families";
  EXPECT_EQ(names.count("broadcast.8.112.ipv4"), 1u);
  EXPECT_TRUE(lab::left_behind(pid).empty());
}

}  // namespace
}  // namespace bmc::bench

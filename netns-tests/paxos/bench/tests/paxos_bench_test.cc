// SPDX-License-Identifier: Apache-2.0
// The benchmark as `./bmc bench paxos --quick` starts it: every case is measured, and the numbers are
// possible. Run by ctest, label netns.
#include <set>

#include "netns-tests/lib/program_test.h"

namespace bmc::bench {
namespace {

TEST(PaxosBenchTest, MeasuresEveryCase) {
  lab::Process bench({.argv = {BMC_PAXOS_BENCH_PATH, "--quick", "--json", "--part", "library"}});
  const auto out = lab::result_of(bench, 100'000);
  ASSERT_TRUE(out.is_object());
  EXPECT_GT(out["machine"]["cpus"], 0);
  std::set<std::string> names;
  for (const auto& benchmark : out["benchmarks"]) {
    names.insert(benchmark["name"]);
    EXPECT_EQ(benchmark["unit"], "requests/s");
    EXPECT_GT(benchmark["value"], 0) << benchmark;
    EXPECT_GT(benchmark["p50_us"], 0) << benchmark;
    EXPECT_GE(benchmark["p99_us"], benchmark["p50_us"]) << benchmark;
    for (const char* role : {"leader", "backup", "client"})
      EXPECT_GT(benchmark["cpu_us_per_request"][role], 0) << benchmark;
    EXPECT_GT(benchmark["datagrams_per_request"]["all"], 0) << benchmark;
  }
  EXPECT_EQ(names.size(), 12u) << "2 durabilities, with and without batches, 3 loads";
  EXPECT_EQ(names.count("paxos.3.memory.unbatched.1_client"), 1u);
}

TEST(PaxosBenchTest, SaysWhatTheOffloadsChange) {
  lab::Process bench({.argv = {BMC_PAXOS_BENCH_PATH, "--quick", "--json", "--part", "offloads"}});
  const auto out = lab::result_of(bench, 100'000);
  ASSERT_TRUE(out.is_object());
  std::size_t targets = 0;
  EXPECT_EQ(out["benchmarks"].size(), 15u) << "5 sides, 3 loads";
  for (const auto& benchmark : out["benchmarks"]) {
    const bool is_off = benchmark["side"] == "off";
    EXPECT_EQ(benchmark.contains("ratio"), !is_off) << benchmark;
    targets += benchmark.contains("target") && benchmark["met"].is_boolean();
    for (const char* role : {"leader", "backup"}) {
      EXPECT_GT(benchmark["system_calls_per_request"][role], 0) << benchmark;
      EXPECT_GT(benchmark["attributed_cpu_us_per_request"][role]["process"], 0) << benchmark;
      EXPECT_GT(benchmark["attributed_cpu_us_per_request"][role]["device"], 0) << benchmark;
    }
  }
  EXPECT_EQ(targets, 3u) << "of all together: wake-ups, latency, rate";
}

}  // namespace
}  // namespace bmc::bench

// SPDX-License-Identifier: Apache-2.0
// The benchmark as `./bmc bench cache --quick` starts it, in small: the form of what it tells, that nothing
// was wrong, and that nothing of it is left. Run by ctest, label netns. How fast anything is does not matter
// here.
#include "netns-tests/lib/program_test.h"

namespace bmc::bench {
namespace {

using lab::Deadline;

constexpr std::int64_t kLimitMs = 170'000;

std::vector<std::string> command(std::initializer_list<const char*> cases) {
  std::vector<std::string> argv{
      BMC_CACHE_BENCH_PATH, "--quick", "--rounds", "1", "--seconds", "0.2", "--keys", "2000", "--json", "-"};
  for (const char* each : cases) argv.insert(argv.end(), {"--case", each});
  return argv;
}

TEST(CacheBenchTest, TellsWhatItMeasured) {
  lab::Process bench({.argv = command({"udp_get_hit_32B", "udp_get80_set20", "xdp_run_hit"})});
  const auto out = lab::result_of(bench, kLimitMs);
  ASSERT_TRUE(out.is_object());
  EXPECT_GT(out["machine"]["cpus"], 0);
  EXPECT_EQ(out["wrong"], 0);
  EXPECT_GT(out["checked"], 1000);
  ASSERT_EQ(out["benchmarks"].size(), 3u);
  const auto& hits = out["benchmarks"][0];
  EXPECT_EQ(hits["name"], "udp_get_hit_32B");
  for (const char* side : {"plain", "bmcd", "limit"}) EXPECT_GT(hits[side], 0) << hits;
  EXPECT_GT(hits["figures"]["bmcd"]["kernel_hit_rate"], 0.5) << "most were answered by the kernel" << hits;
  const auto& mix = out["benchmarks"][1];
  EXPECT_EQ(mix["name"], "udp_get80_set20");
  EXPECT_GT(mix["figures"]["bmcd"]["amdahl"], 0) << mix;
  const auto& program = out["benchmarks"][2];
  EXPECT_EQ(program["unit"], "ns");
  EXPECT_GT(program["bmcd"], 0);
  EXPECT_EQ(lab::left_behind(bench.pid()), std::vector<std::string>{});
}

TEST(CacheBenchTest, InterruptedLeavesNothing) {
  lab::Process bench({.argv = command({"udp_get_hit_32B"})});
  lab::expect_clean_interruption(bench, "udp_get_hit_32B, bmcd", kLimitMs);
}

TEST(CacheBenchTest, RefusesACaseThatIsNone) {
  lab::Process bench({.argv = {BMC_CACHE_BENCH_PATH, "--case", "udp_get_hit_33B"}});
  const auto status = bench.wait_exit(Deadline::in_ms(kLimitMs));
  ASSERT_TRUE(status);
  EXPECT_NE(*status, 0);
  EXPECT_TRUE(bench.wait_for_output("udp_get_hit_32B", Deadline::in_ms(1000))) << "says what there is";
}

}  // namespace
}  // namespace bmc::bench

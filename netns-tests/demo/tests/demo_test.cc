// SPDX-License-Identifier: Apache-2.0
// The demo as a user starts it: its numbers make sense, and nothing of it is left afterwards.
#include "netns-tests/lib/program_test.h"

namespace bmc::demo {
namespace {

using lab::Deadline;

constexpr int64_t kLimitMs = 100'000;

TEST(DemoTest, ComparesAndCleansUp) {
  lab::Process demo({.argv = {BMC_DEMO_PATH, "--seconds", "0.3", "--json"}});
  const auto out = lab::result_of(demo, kLimitMs);
  ASSERT_TRUE(out.is_object());
  EXPECT_EQ(out["wrong"], 0);
  EXPECT_GT(out["checked"], 1000);
  EXPECT_GT(out["plain"]["rps"], 0);
  EXPECT_GT(out["plain"]["p50_us"], 0);
  EXPECT_GT(out["bmcd"]["p50_us"], 0);
  EXPECT_GT(out["bmcd"]["kernel_hit_rate"], 0.9);
  EXPECT_GT(out["ratio"], 1);
  EXPECT_EQ(lab::left_behind(demo.pid()), std::vector<std::string>{});
}

TEST(DemoTest, InterruptedLeavesNothing) {
  lab::Process demo({.argv = {BMC_DEMO_PATH, "--seconds", "1"}});
  lab::expect_clean_interruption(demo, "with bmcd: highest", kLimitMs);
}

TEST(DemoTest, WithoutBmcdSaysWhatToDoAndLeavesNothing) {
  lab::Process demo({.argv = {BMC_DEMO_PATH, "--bmcd", "/nonexistent/bmcd"}});
  const auto status = demo.wait_exit(Deadline::in_ms(kLimitMs));
  ASSERT_TRUE(status);
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 2);
  EXPECT_TRUE(demo.wait_for_output("--plain-only", Deadline::in_ms(1000))) << demo.output();
  EXPECT_EQ(lab::left_behind(demo.pid()), std::vector<std::string>{});
}

}  // namespace
}  // namespace bmc::demo

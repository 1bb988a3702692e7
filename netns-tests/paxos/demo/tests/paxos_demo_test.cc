// SPDX-License-Identifier: Apache-2.0
// The demonstration as a user starts it: its numbers make sense, and nothing of it is left afterwards. Run by
// ctest, label netns.
#include "netns-tests/lib/program_test.h"

namespace bmc::demo {
namespace {

constexpr std::int64_t kLimitMs = 100'000;

TEST(PaxosDemoTest, LosesItsLeaderButNothingElse) {
  lab::Process demo({.argv = {BMC_PAXOS_DEMO_PATH, "--seconds", "3", "--json"}});
  const auto out = lab::result_of(demo, kLimitMs);
  ASSERT_TRUE(out.is_object());
  EXPECT_EQ(out["lost"], 0);
  EXPECT_GT(out["acknowledged"], 100);
  EXPECT_NE(out["killed"], out["successor"]);
  EXPECT_GT(out["without_service_ms"], 0);
  EXPECT_GT(out["per_second_after"], 0);
  EXPECT_EQ(lab::left_behind(demo.pid()), std::vector<std::string>{});
}

TEST(PaxosDemoTest, InterruptedLeavesNothing) {
  lab::Process demo({.argv = {BMC_PAXOS_DEMO_PATH, "--seconds", "300"}});
  lab::expect_clean_interruption(demo, "clients write", kLimitMs);
}

}  // namespace
}  // namespace bmc::demo

// SPDX-License-Identifier: Apache-2.0
// The demonstration as a user starts it: its numbers make sense, and nothing of it is left afterwards. Run by
// ctest, label netns.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "netns-tests/lib/process.h"

namespace bmc::demo {
namespace {

using lab::Deadline;

constexpr std::int64_t kLimitMs = 100'000;

// Namespaces and directories carry the pid of their demo.
std::vector<std::string> left_behind(pid_t demo) {
  std::vector<std::string> found;
  std::error_code missing;
  for (const char* folder : {"/run/netns", "/tmp"})
    for (const auto& entry : std::filesystem::directory_iterator(folder, missing))
      if (entry.path().string().find("bmc-t-" + std::to_string(demo) + "-") != std::string::npos)
        found.push_back(entry.path());
  return found;
}

TEST(PaxosDemoTest, LosesItsLeaderButNothingElse) {
  lab::Process demo({.argv = {BMC_PAXOS_DEMO_PATH, "--seconds", "3", "--json"}});
  const auto status = demo.wait_exit(Deadline::in_ms(kLimitMs));
  ASSERT_TRUE(status) << demo.output();
  ASSERT_TRUE(demo.wait_output_closed(Deadline::in_ms(1000)));
  ASSERT_EQ(*status, 0) << demo.output();
  const std::string text = demo.output();
  const std::size_t line = text.rfind("\n{");
  ASSERT_NE(line, std::string::npos) << text;
  const auto out = nlohmann::json::parse(text.substr(line + 1));
  EXPECT_EQ(out["lost"], 0);
  EXPECT_GT(out["acknowledged"], 100);
  EXPECT_NE(out["killed"], out["successor"]);
  EXPECT_GT(out["without_service_ms"], 0);
  EXPECT_GT(out["per_second_after"], 0);
  EXPECT_EQ(left_behind(demo.pid()), std::vector<std::string>{});
}

TEST(PaxosDemoTest, InterruptedLeavesNothing) {
  lab::Process demo({.argv = {BMC_PAXOS_DEMO_PATH, "--seconds", "300"}});
  ASSERT_TRUE(demo.wait_for_output("clients write", Deadline::in_ms(kLimitMs))) << demo.output();
  EXPECT_FALSE(left_behind(demo.pid()).empty());
  demo.signal(SIGINT);
  const auto status = demo.wait_exit(Deadline::in_ms(30'000));
  ASSERT_TRUE(status) << demo.output();
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 130) << demo.output();
  EXPECT_EQ(left_behind(demo.pid()), std::vector<std::string>{});
}

}  // namespace
}  // namespace bmc::demo

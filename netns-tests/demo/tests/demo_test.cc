// SPDX-License-Identifier: Apache-2.0
// The demo as a user starts it: its numbers make sense, and nothing of it is left afterwards.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "netns-tests/lib/process.h"

namespace bmc::demo {
namespace {

using lab::Deadline;

constexpr int64_t kLimitMs = 100'000;

// Namespaces, pins and sockets carry the pid of their demo.
std::vector<std::string> left_behind(pid_t demo) {
  std::vector<std::string> found;
  std::error_code missing;
  for (const char* folder : {"/run/netns", "/sys/fs/bpf", "/run"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
      const std::string path = entry.path();
      if (path.find("bmc-") != std::string::npos &&
          path.find("-" + std::to_string(demo)) != std::string::npos)
        found.push_back(path);
    }
  }
  return found;
}

TEST(DemoTest, ComparesAndCleansUp) {
  lab::Process demo({.argv = {BMC_DEMO_PATH, "--seconds", "0.3", "--json"}});
  const auto status = demo.wait_exit(Deadline::in_ms(kLimitMs));
  ASSERT_TRUE(status) << demo.output();
  ASSERT_TRUE(demo.wait_output_closed(Deadline::in_ms(1000)));
  ASSERT_EQ(*status, 0) << demo.output();
  std::string text = demo.output();
  const std::size_t line = text.rfind("\n{");
  ASSERT_NE(line, std::string::npos) << text;
  const auto out = nlohmann::json::parse(text.substr(line + 1));
  EXPECT_EQ(out["wrong"], 0);
  EXPECT_GT(out["checked"], 1000);
  EXPECT_GT(out["plain"]["rps"], 0);
  EXPECT_GT(out["plain"]["p50_us"], 0);
  EXPECT_GT(out["bmcd"]["p50_us"], 0);
  EXPECT_GT(out["bmcd"]["kernel_hit_rate"], 0.9);
  EXPECT_GT(out["ratio"], 1);
  EXPECT_EQ(left_behind(demo.pid()), std::vector<std::string>{});
}

TEST(DemoTest, InterruptedLeavesNothing) {
  lab::Process demo({.argv = {BMC_DEMO_PATH, "--seconds", "1"}});
  ASSERT_TRUE(demo.wait_for_output("with bmcd: highest", Deadline::in_ms(kLimitMs))) << demo.output();
  EXPECT_FALSE(left_behind(demo.pid()).empty());
  demo.signal(SIGINT);
  const auto status = demo.wait_exit(Deadline::in_ms(30'000));
  ASSERT_TRUE(status) << demo.output();
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 130) << demo.output();
  EXPECT_EQ(left_behind(demo.pid()), std::vector<std::string>{});
}

TEST(DemoTest, WithoutBmcdSaysWhatToDoAndLeavesNothing) {
  lab::Process demo({.argv = {BMC_DEMO_PATH, "--bmcd", "/nonexistent/bmcd"}});
  const auto status = demo.wait_exit(Deadline::in_ms(kLimitMs));
  ASSERT_TRUE(status);
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 2);
  EXPECT_TRUE(demo.wait_for_output("--plain-only", Deadline::in_ms(1000))) << demo.output();
  EXPECT_EQ(left_behind(demo.pid()), std::vector<std::string>{});
}

}  // namespace
}  // namespace bmc::demo

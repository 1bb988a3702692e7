// SPDX-License-Identifier: Apache-2.0
// What the tests of whole programs (demos, benchmarks) ask of each: one JSON object as its last line, and
// nothing left of it afterwards, interrupted or not.
#ifndef BMC_NETNS_TESTS_LIB_PROGRAM_TEST_H
#define BMC_NETNS_TESTS_LIB_PROGRAM_TEST_H

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "netns-tests/lib/process.h"

namespace bmc::lab {

/// Namespaces, pins, sockets and directories that carry the pid of their program.
inline std::vector<std::string> left_behind(pid_t program) {
  std::vector<std::string> found;
  std::error_code missing;
  const std::string pid = "-" + std::to_string(program);
  for (const char* folder : {"/run/netns", "/sys/fs/bpf", "/run", "/tmp"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
      const std::string name = entry.path().filename();
      if (name.starts_with("bmc-") && (name.ends_with(pid) || name.find(pid + "-") != std::string::npos))
        found.push_back(entry.path());
    }
  }
  return found;
}

/// Waits until it has ended well; its last line as JSON, null where it did not or there is none.
inline nlohmann::json result_of(Process& program, int64_t limit_ms) {
  const auto status = program.wait_exit(Deadline::in_ms(limit_ms));
  const bool whole = program.wait_output_closed(Deadline::in_ms(1000));
  const std::string text = program.output();
  EXPECT_TRUE(status && *status == 0 && whole) << text;
  const std::size_t line = text.rfind("\n{");
  EXPECT_NE(line, std::string::npos) << text;
  if (!status || *status != 0 || line == std::string::npos) return nullptr;
  return nlohmann::json::parse(text.substr(line + 1));
}

/// Interrupts it once `needle` is in what it wrote: it must end with status 130 and leave nothing.
inline void expect_clean_interruption(Process& program, std::string_view needle, int64_t limit_ms) {
  ASSERT_TRUE(program.wait_for_output(needle, Deadline::in_ms(limit_ms))) << program.output();
  EXPECT_FALSE(left_behind(program.pid()).empty());
  program.signal(SIGINT);
  const auto status = program.wait_exit(Deadline::in_ms(30'000));
  ASSERT_TRUE(status) << program.output();
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 130) << program.output();
  EXPECT_EQ(left_behind(program.pid()), std::vector<std::string>{});
}

}  // namespace bmc::lab

#endif

// SPDX-License-Identifier: Apache-2.0
// libmemcached's own test and load tools through an accelerated server. Run by ctest, label netns.
#include "netns-tests/tests/accelerated.h"

namespace bmc::lab {
namespace {

class ToolsTest : public Accelerated {
 protected:
  CommandResult in_client(const std::vector<std::string>& argv) {
    return run_command(argv, &lab_.client(), 60'000);
  }
  std::vector<std::string> capable(const char* what) {
    return {"memccapable", "-h", lab_.link().server().ip, "-p", std::to_string(kMemcachedPort), what};
  }
  /// `memcaslap` over UDP, every value verified.
  std::vector<std::string> slap() {
    // Few objects (-w, for each of -c), so that each is read again; no -o: then it fails on memcached itself.
    return {"memcaslap", "-s",  lab_.link().server().text(),
            "-U",        "-T",  "1",
            "-c",        "4",   "-w",
            "1k",        "-v",  "1.0",
            "-X",        "100", "-t",
            "5s"};
  }
  static void expect_verified(const CommandResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_NE(result.output.find("verify_failed: 0\n"), std::string::npos) << result.output;
  }
};

TEST_F(ToolsTest, MemccapableSaysTheSame) {
  start_memcached();
  const CommandResult plain = in_client(capable("-a"));
  EXPECT_EQ(plain.exit_code, 0) << plain.output;
  start_bmcd();
  store("k", "v");
  ASSERT_TRUE(becomes_served("k", "v"));
  const CommandResult accelerated = in_client(capable("-a"));
  EXPECT_EQ(accelerated.exit_code, plain.exit_code);
  EXPECT_EQ(accelerated.output, plain.output);
}

TEST_F(ToolsTest, MemcaslapVerifiesEveryValue) {
  start_memcached();
  expect_verified(in_client(slap()));
  start_bmcd();
  store("k", "v");
  ASSERT_TRUE(becomes_served("k", "v"));
  // (memcaslap's keys begin with control characters, which the kernel leaves to memcached: what is shown is
  // that it does.)
  expect_verified(in_client(slap()));
}

}  // namespace
}  // namespace bmc::lab

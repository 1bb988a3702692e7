// SPDX-License-Identifier: Apache-2.0
// bmc-loadgen as users start it: its output, its exit status, Ctrl-C.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/memcached.h"
#include "netns-tests/lib/process.h"

namespace bmc::loadgen {
namespace {

class CommandTest : public ::testing::Test {
 protected:
  std::vector<std::string> command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> line = {BMC_LOADGEN_PATH, "-s", lab_.link().server().ip};
    line.insert(line.end(), arguments.begin(), arguments.end());
    return line;
  }

  // Both outputs together: what is parsed whole had nothing beside it.
  lab::CommandResult run(const std::vector<std::string>& arguments) {
    return lab::run_command(command(arguments), &lab_.client());
  }

  lab::Lab lab_{{.far_xdp = false}};
  lab::Memcached memcached_{lab_.server(), {.threads = 1}};
};

TEST_F(CommandTest, JsonIsAllThatIsWritten) {
  const auto done = run({"--transport", "udp", "-c", "2", "-n", "50", "--populate", "--key-maximum", "99",
                         "--json-out-file", "-", "--label", "mine"});
  ASSERT_EQ(done.exit_code, 0) << done.output;
  const auto json = nlohmann::json::parse(done.output);
  EXPECT_EQ(json["label"], "mine");
  EXPECT_EQ(json["requests"]["sent"], 100);
  EXPECT_EQ(json["operations"]["gets"]["count"], 100);
  EXPECT_EQ(json["keys"]["hit"], 100);
  EXPECT_EQ(json["options"]["clients"], 2);
  EXPECT_EQ(json["open_loop"], false);
  EXPECT_EQ(json["interrupted"], false);
}

TEST_F(CommandTest, EveryTransportWritesTheSameFields) {
  std::vector<std::string> fields;
  for (const std::string transport : {"udp", "tcp", "tcp-set-udp-get", "af_xdp", "kernel"}) {
    std::vector<std::string> line = {"--transport", transport, "--rate",          "500",
                                     "-n",          "50",      "--json-out-file", "-"};
    if (transport == "af_xdp" || transport == "kernel")
      line.insert(line.end(), {"-i", lab_.link().far_device});
    const auto done = run(line);
    ASSERT_EQ(done.exit_code, 0) << transport << "\n" << done.output;
    const auto json = nlohmann::json::parse(done.output);
    EXPECT_EQ(json["requests"]["sent"], 50);
    EXPECT_EQ(json["keys"]["missed"], 50) << transport;
    EXPECT_GT(json["kb_per_s"], 0);
    std::vector<std::string> names;
    const auto flat = json.flatten();
    for (const auto& [name, value] : flat.items())
      if (name.find("/distribution/") == std::string::npos) names.push_back(name);
    if (fields.empty()) fields = names;
    EXPECT_EQ(names, fields) << transport;
  }
}

TEST_F(CommandTest, AnInterruptShowsWhatWasUntilThen) {
  lab::Process process(
      {command({"--transport", "tcp", "--rate", "500", "--test-time", "3600"}), &lab_.client()});
  const lab::Deadline deadline = lab::Deadline::in_ms(30'000);
  while (memcached_.stat("cmd_get") == "0" && !deadline.passed()) {
  }
  process.signal(SIGINT);
  const auto status = process.wait_exit(deadline);
  ASSERT_TRUE(status);
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 0) << process.output();
  ASSERT_TRUE(process.wait_output_closed(deadline));
  EXPECT_NE(process.output().find("Totals"), std::string::npos) << process.output();
}

TEST_F(CommandTest, WrongRepliesAreExitStatusOne) {
  ASSERT_EQ(run({"--populate-only", "--key-maximum", "99", "--value-seed", "1"}).exit_code, 0);
  const auto done = run({"--transport", "tcp", "--key-maximum", "99", "-n", "10"});
  EXPECT_EQ(done.exit_code, 1) << done.output;
  EXPECT_NE(done.output.find("wrong 10,"), std::string::npos) << done.output;
  EXPECT_EQ(run({"--transport", "tcp", "--key-maximum", "99", "-n", "10", "--value-seed", "1"}).exit_code, 0);
}

TEST_F(CommandTest, WhatCannotRunSaysWhy) {
  const auto nobody = run({"--transport", "tcp", "-p", "1"});
  EXPECT_EQ(nobody.exit_code, 2);
  EXPECT_NE(nobody.output.find("cannot connect to memcached"), std::string::npos) << nobody.output;
  const auto empty = run({"--transport", "tcp", "--key-minimum", "5", "--key-maximum", "4"});
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_NE(empty.output.find("key range is empty"), std::string::npos) << empty.output;
}

TEST_F(CommandTest, ASearchHoldsItsWindows) {
  const auto done = run({"--transport", "tcp", "--find-max", "--rate", "300", "--test-time", "0.2",
                         "--loss-max", "0.5", "--json-out-file", "-"});
  ASSERT_EQ(done.exit_code, 0) << done.output;
  const auto json = nlohmann::json::parse(done.output);
  EXPECT_EQ(json["find_max"]["confirmed"], true);
  EXPECT_GE(json["find_max"]["windows"].size(), 2u);
  EXPECT_EQ(json["find_max"]["windows"][0]["offered_rps"], 300);
}

}  // namespace
}  // namespace bmc::loadgen

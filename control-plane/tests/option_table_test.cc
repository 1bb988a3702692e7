// SPDX-License-Identifier: Apache-2.0
// The table of options and what its options do with their values, without any program's own.
#include "control-plane/option_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "control-plane/option_values.h"

namespace bmc {
namespace {

using namespace std::chrono_literals;

struct Target {
  std::vector<std::string> order;  // "name=value", as they were set
  std::uint32_t number = 1;
  std::uint64_t size = 0;
  int choice = 0;
  std::string path, level = "info";
  Endpoint endpoint;
  std::optional<Endpoint> metrics = parse_endpoint("127.0.0.1:1").value();
  std::vector<Prefix> prefixes;
  std::chrono::nanoseconds duration{};
};

std::vector<Option> options_of(Target& t) {
  const auto noted = [&t](const char* name) {
    return [&t, name](const std::string& value) -> Result<void> {
      t.order.push_back(std::string(name) + "=" + value);
      return {};
    };
  };
  return {{"first", "TEXT", "a text", "", false, noted("first")},
          {"many", "TEXT", "some texts", "", true, noted("many")},
          {"number", "N", "a small number", "1", false, set_number(t.number, 10)},
          {"size", "SIZE", "bytes", "", false, set_size(t.size, 1024, 1 << 20)},
          {"choice", "a|b", "one of two", "a", false, set_choice(t.choice, {{"a", 1}, {"b", 2}})},
          {"path", "PATH", "a file", "", false, set_path(t.path, 8)},
          {"endpoint", "ADDR:PORT", "a place", "", false, set_endpoint(t.endpoint)},
          {"prefix", "PREFIX", "networks", "", true, append_parsed(t.prefixes, parse_prefix)},
          {"duration", "DURATION", "a time", "", false, set_duration(t.duration)},
          metrics_option(t.metrics),
          log_level_option(t.level)};
}

class OptionTableTest : public testing::Test {
 protected:
  ~OptionTableTest() override { std::remove(file_.c_str()); }

  // Everything a program does; what it says, or the error.
  std::string outcome(std::vector<const char*> words) {
    CLI::App app("a program", "program");
    bool flag = false;
    app.add_flag("--flag", flag, "a flag of its own");
    OptionTable table(options_of(target_), file_);
    table.add_to(app);
    words.insert(words.begin(), "program");
    const auto help = table.parse(app, static_cast<int>(words.size()), words.data());
    if (!help) return help.error().what;
    if (!help->empty()) return *help;
    const auto applied = table.apply();
    if (!applied) return applied.error().what;
    read_ = *applied;
    return "good";
  }

  void write_default_file(const std::string& text) { std::ofstream(file_) << text; }

  const std::string file_ = testing::TempDir() + "bmc-t-options-" + std::to_string(::getpid()) + ".toml";
  Target target_;
  std::string read_;  // the file
};

TEST_F(OptionTableTest, NothingGivenSetsNothing) {
  EXPECT_EQ(outcome({}), "good");
  EXPECT_TRUE(target_.order.empty());
  EXPECT_TRUE(read_.empty());
}

TEST_F(OptionTableTest, ValuesAreSetInTheOrderOfTheTable) {
  EXPECT_EQ(outcome({"--many", "x", "--first", "1", "--many=y"}), "good");
  EXPECT_EQ(target_.order, (std::vector<std::string>{"first=1", "many=x", "many=y"}));
}

TEST_F(OptionTableTest, TheCommandLineRulesOverTheFileOptionByOption) {
  write_default_file("first = \"file\"\nmany = [\"a\", 7]\n");
  EXPECT_EQ(outcome({"--first", "line"}), "good");
  EXPECT_EQ(target_.order, (std::vector<std::string>{"first=line", "many=a", "many=7"}));
  EXPECT_EQ(read_, file_);
}

TEST_F(OptionTableTest, AnotherFileReplacesTheDefaultOne) {
  write_default_file("first = \"file\"\n");
  EXPECT_EQ(outcome({"--config", "/dev/null"}), "good");
  EXPECT_TRUE(target_.order.empty());
  EXPECT_EQ(read_, "/dev/null");
}

TEST_F(OptionTableTest, AFileThatIsAskedForMustBeThere) {
  EXPECT_TRUE(outcome({"--config", "/nowhere/x.toml"}).starts_with("/nowhere/x.toml:"));
}

TEST_F(OptionTableTest, TheHelpHasOptionsDefaultsAndTheFile) {
  const std::string help = outcome({"--help"});
  for (const char* words : {"a program", "--number N", "a small number", "--config", "--flag"})
    EXPECT_NE(help.find(words), std::string::npos) << words;
  EXPECT_NE(help.find(file_), std::string::npos) << help;
  EXPECT_NE(help.find("127.0.0.1:1"), std::string::npos) << help;
  EXPECT_TRUE(target_.order.empty());
}

TEST_F(OptionTableTest, WordsThatAreNoOptionsAreNamedWithWhatWasLikelyMeant) {
  EXPECT_EQ(outcome({"--numbr", "1"}), "unknown option --numbr; did you mean --number?");
  EXPECT_EQ(outcome({"--numbr=1"}), "unknown option --numbr; did you mean --number?");
  EXPECT_EQ(outcome({"--flagg"}), "unknown option --flagg; did you mean --flag?");
  EXPECT_EQ(outcome({"--confg", "x"}), "unknown option --confg; did you mean --config?");
  EXPECT_EQ(outcome({"--xyzzy"}), "unknown option --xyzzy");
  EXPECT_EQ(outcome({"word"}), "'word' was not expected; options begin with --");
}

TEST_F(OptionTableTest, ErrorsOfTheFileNameTheirLine) {
  const std::pair<const char*, const char*> all[] = {
      {"frist = 1\n", ":1: unknown key 'frist'; did you mean first?"},
      {"first = 1\nnumber = 1.5\n", ":2: number: the value must be a string or a whole number"},
      {"first = [\"a\"]\n", ":1: first: only one value is possible"},
      {"many = [\"a\", 1.5]\n", ":1: many: the value must be a string or a whole number"},
      {"\nnumber = 11\n", ":2: number: '11' is more than 10"},
      {"config = \"x\"\n", ":1: unknown key 'config'"}};
  for (const auto& [text, said] : all) {
    write_default_file(text);
    EXPECT_EQ(outcome({}), file_ + said);
  }
}

TEST_F(OptionTableTest, EveryKindOfValueIsTaken) {
  EXPECT_EQ(
      outcome({"--number",   "10",         "--size",    "1KiB",     "--choice",    "b",        "--path",
               "/1234567",   "--endpoint", "[::1]:2",   "--prefix", "::1",         "--prefix", "10.0.0.0/8",
               "--duration", "2ms",        "--metrics", "off",      "--log-level", "debug"}),
      "good");
  EXPECT_EQ(target_.number, 10u);
  EXPECT_EQ(target_.size, 1024u);
  EXPECT_EQ(target_.choice, 2);
  EXPECT_EQ(target_.path, "/1234567");
  EXPECT_EQ(to_string(target_.endpoint), "[::1]:2");
  ASSERT_EQ(target_.prefixes.size(), 2u);
  EXPECT_EQ(to_string(target_.prefixes[1]), "10.0.0.0/8");
  EXPECT_EQ(target_.duration, 2ms);
  EXPECT_FALSE(target_.metrics);
  EXPECT_EQ(target_.level, "debug");
}

TEST_F(OptionTableTest, AValueThatWillNotDoIsNamed) {
  EXPECT_EQ(outcome({"--number", "11"}), "--number: '11' is more than 10");
  EXPECT_EQ(outcome({"--size", "1023"}), "--size: '1023' is not between 1.0 KiB and 1.0 MiB");
  EXPECT_EQ(outcome({"--size", "2MiB"}), "--size: '2MiB' is not between 1.0 KiB and 1.0 MiB");
  EXPECT_EQ(outcome({"--choice", "c"}), "--choice: 'c' is none of: a, b");
  EXPECT_EQ(outcome({"--path", "x"}), "--path: 'x' is no absolute path");
  EXPECT_EQ(outcome({"--path", "/12345678"}), "--path: '/12345678' is longer than 8 characters");
  EXPECT_TRUE(outcome({"--endpoint", "off"}).starts_with("--endpoint: "));
  EXPECT_TRUE(outcome({"--prefix", "::1", "--prefix", "x"}).starts_with("--prefix: "));
  EXPECT_TRUE(outcome({"--duration", "2"}).starts_with("--duration: '2' has no unit"));
  EXPECT_TRUE(outcome({"--metrics", "on"}).starts_with("--metrics: "));
  EXPECT_EQ(outcome({"--log-level", "loud"}),
            "--log-level: 'loud' is none of: trace, debug, info, warning, error");
  EXPECT_EQ(outcome({"--number"}).find("--number"), 0u);
}

}  // namespace
}  // namespace bmc

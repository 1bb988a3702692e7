// SPDX-License-Identifier: Apache-2.0
// The configuration: every option on the command line and in the file, precedence, and errors that help.
#include "control-plane/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>

namespace bmc {
namespace {

using namespace std::chrono_literals;

Result<CommandLine> parse(std::vector<std::string> words) {
  std::vector<const char*> argv = {"bmcd"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

// A configuration file that goes with this object.
class File {
 public:
  explicit File(const std::string& text)
      : path_("/tmp/bmcd_config_test_" + std::to_string(::getpid()) + ".toml") {
    std::ofstream(path_) << text;
  }
  ~File() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Result<CommandLine> parse_with(const std::string& text, std::vector<std::string> words = {}) {
  const File file(text);
  words.insert(words.begin(), {"--config", file.path()});
  return parse(words);
}

// Without which what is tested would not be a whole configuration.
std::string needed_beside(const std::string& name) {
  return std::string(name == "iface" ? "" : "iface = \"eth0\"\n") +
         (name == "cache" ? "paxos-allow = \"uid=1,ports=1\"\n" : "");
}

// One option: a value other than its default, as TOML, and what must then hold.
struct Case {
  const char* name;
  const char* value;
  const char* toml;
  std::function<bool(const Config&)> holds;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"iface", "eth7", "\"eth7\"",
       [](const Config& c) { return c.ifaces == std::vector<std::string>{"eth7"}; }},
      {"server", "10.0.0.1:11211", "[\"10.0.0.1:11211\"]",
       [](const Config& c) { return c.servers.size() == 1 && to_string(c.servers[0]) == "10.0.0.1:11211"; }},
      {"xdp-mode", "generic", "\"generic\"", [](const Config& c) { return c.xdp_mode == XdpMode::kGeneric; }},
      {"mode", "shadow", "\"shadow\"", [](const Config& c) { return c.mode == ServeMode::kShadow; }},
      {"memory", "1GiB", "\"1GiB\"", [](const Config& c) { return c.memory_bytes == 1ull << 30; }},
      {"metrics", "[::1]:1234", "\"[::1]:1234\"",
       [](const Config& c) { return c.metrics && to_string(*c.metrics) == "[::1]:1234"; }},
      {"control", "/tmp/c.sock", "\"/tmp/c.sock\"",
       [](const Config& c) { return c.control == "/tmp/c.sock"; }},
      {"pin", "/sys/fs/bpf/x", "\"/sys/fs/bpf/x\"", [](const Config& c) { return c.pin == "/sys/fs/bpf/x"; }},
      {"max-staleness", "500ms", "\"500ms\"", [](const Config& c) { return c.max_staleness == 500ms; }},
      {"revalidate-after", "0", "0", [](const Config& c) { return c.revalidate_after == 0ns; }},
      {"rest-after", "0", "0", [](const Config& c) { return c.rest_after == 0ns; }},
      {"stage-writes", "false", "\"false\"", [](const Config& c) { return !c.stage_writes; }},
      {"allow", "10.0.0.0/8", "\"10.0.0.0/8\"",
       [](const Config& c) { return c.allow.size() == 1 && to_string(c.allow[0]) == "10.0.0.0/8"; }},
      {"rate-limit", "1000", "1000", [](const Config& c) { return c.rate_limit_pps == 1000; }},
      {"reset-stuck-connections", "30s", "\"30s\"",
       [](const Config& c) { return c.reset_stuck_connections && *c.reset_stuck_connections == 30s; }},
      {"cache", "false", "false", [](const Config& c) { return !c.cache; }},
      {"paxos-allow", "uid=1000,ports=7400-7409", "[\"uid=1000,ports=7400-7409\"]",
       [](const Config& c) {
         return c.paxos_allow.size() == 1 && to_string(c.paxos_allow[0]) == "uid=1000,ports=7400-7409";
       }},
      {"paxos-socket", "/tmp/p.sock", "\"/tmp/p.sock\"",
       [](const Config& c) { return c.paxos_socket == "/tmp/p.sock"; }},
      {"paxos-offload", "quorum", "[\"quorum\"]",
       [](const Config& c) { return c.paxos_offloads == std::set{PaxosOffload::kQuorum}; }},
      {"log-level", "debug", "\"debug\"", [](const Config& c) { return c.log_level == "debug"; }},
  };
  return all;
}

TEST(Config, EveryOptionOnTheCommandLine) {
  for (const Case& each : cases()) {
    std::vector<std::string> words = {std::string("--") + each.name, each.value};
    const auto line = parse_with(needed_beside(each.name), words);
    ASSERT_TRUE(line) << each.name << ": " << line.error().what;
    EXPECT_TRUE(each.holds(line->config)) << each.name;
    EXPECT_EQ(line->command, Command::kRun);
  }
}

TEST(Config, EveryKeyInTheFile) {
  for (const Case& each : cases()) {
    std::string text = std::string(each.name) + " = " + each.toml + "\n";
    const auto line = parse_with(text + needed_beside(each.name));
    ASSERT_TRUE(line) << each.name << ": " << line.error().what;
    EXPECT_TRUE(each.holds(line->config)) << each.name;
  }
}

TEST(Config, DefaultsDifferFromEveryCaseAbove) {
  const auto line = parse({"--iface", "eth0"});
  ASSERT_TRUE(line);
  for (const Case& each : cases()) EXPECT_FALSE(each.holds(line->config)) << each.name;
  ASSERT_TRUE(line->config.metrics);
  EXPECT_EQ(to_string(*line->config.metrics), "127.0.0.1:9801");
  EXPECT_EQ(line->config.memory_bytes, 256ull << 20);
}

TEST(Config, HelpNamesEveryOption) {
  const auto line = parse({"--help"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->command, Command::kSaid);
  for (const Case& each : cases())
    EXPECT_NE(line->text.find(std::string("--") + each.name), std::string::npos) << each.name;
}

TEST(Config, CommandLineRulesOverFile) {
  const auto line = parse_with("iface = [\"eth0\", \"eth1\"]\nmemory = \"1GiB\"\nmode = \"shadow\"\n",
                               {"--memory", "2GiB", "--iface", "eth9"});
  ASSERT_TRUE(line) << line.error().what;
  EXPECT_EQ(line->config.memory_bytes, 2ull << 30);
  EXPECT_EQ(line->config.ifaces, std::vector<std::string>{"eth9"});
  EXPECT_EQ(line->config.mode, ServeMode::kShadow);
}

TEST(Config, RepeatableOptionsAddUp) {
  const auto line = parse({"--iface", "eth0", "--iface", "eth1", "--allow", "10.0.0.0/8", "--allow", "::1"});
  ASSERT_TRUE(line) << line.error().what;
  EXPECT_EQ(line->config.ifaces, (std::vector<std::string>{"eth0", "eth1"}));
  EXPECT_EQ(line->config.allow.size(), 2u);
}

TEST(Config, OffloadsAreAllOrThoseNamed) {
  const std::vector<std::string> base = {"--iface", "eth0", "--paxos-allow", "uid=1,ports=1"};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.begin(), base.begin(), base.end());
    return parse(words)->config.paxos_offloads;
  };
  EXPECT_EQ(with({}).size(), 3u);
  EXPECT_EQ(with({"--paxos-offload", "none"}).size(), 0u);
  EXPECT_EQ(with({"--paxos-offload", "ack", "--paxos-offload", "broadcast"}),
            (std::set{PaxosOffload::kAck, PaxosOffload::kBroadcast}));
}

TEST(Config, OffTakesBack) {
  const auto line = parse_with("iface = \"eth0\"\nmetrics = \"off\"\nreset-stuck-connections = \"off\"\n");
  ASSERT_TRUE(line);
  EXPECT_FALSE(line->config.metrics);
  EXPECT_FALSE(line->config.reset_stuck_connections);
}

// What is wrong, and words the error must have.
struct Bad {
  std::vector<std::string> words;
  std::vector<const char*> said;
};

TEST(Config, ErrorsOfTheCommandLineHelp) {
  const Bad all[] = {
      {{}, {"no interface", "--iface"}},
      {{"--iface", "eth0", "--memroy", "1GiB"}, {"--memroy", "did you mean --memory?"}},
      {{"--iface", "eth0", "--memroy=1GiB"}, {"--memroy", "did you mean --memory?"}},
      {{"--iface", "eth0", "--check-confg"}, {"did you mean --check-config?"}},
      {{"--iface", "eth0", "--xyzzy"}, {"unknown option --xyzzy"}},
      {{"--iface", "eth0", "word"}, {"'word' was not expected"}},
      {{"--iface", "eth0", "--memory", "12Q"}, {"--memory", "'12Q'", "256MiB"}},
      {{"--iface", "eth0", "--memory", "1", "--memory", "2"}, {"--memory"}},
      {{"--iface", "eth0", "--mode", "server"}, {"--mode", "'server'", "serve, shadow, bypass"}},
      {{"--iface", "eth0", "--xdp-mode", "hw"}, {"--xdp-mode", "auto, native, generic"}},
      {{"--iface", "eth0", "--max-staleness", "1"}, {"--max-staleness", "no unit"}},
      {{"--iface", "eth0", "--server", "localhost:1"}, {"--server", "localhost"}},
      {{"--iface", "eth0", "--metrics", "9801"}, {"--metrics", "9801"}},
      {{"--iface", "eth0", "--control", "c.sock"}, {"--control", "absolute"}},
      {{"--iface", "eth0", "--control", "/" + std::string(107, 'x')}, {"--control", "longer than 107"}},
      {{"--iface", "eth0", "--allow", "10.0.0.1/8"}, {"--allow", "bits"}},
      {{"--iface", "eth0", "--rate-limit", "4294967296"}, {"--rate-limit", "4294967295"}},
      {{"--iface", "eth0", "--reset-stuck-connections", "0"}, {"--reset-stuck-connections", "off"}},
      {{"--iface", "eth0", "--log-level", "loud"}, {"--log-level", "'loud'"}},
      {{"--iface", "eth 0"}, {"--iface", "interface name"}},
      {{"--iface", "sixteencharacter"}, {"--iface", "interface name"}},
      {{"--iface", "eth0", "--iface", "eth0"}, {"twice"}},
      {{"--iface", "eth0", "--cache", "no"}, {"--cache", "true, false"}},
      {{"--iface", "eth0", "--cache", "false"}, {"nothing is to be done", "paxos-allow"}},
      {{"--iface", "eth0", "--paxos-allow", "1000"}, {"--paxos-allow", "uid=1000,ports=7400-7409"}},
      {{"--iface", "eth0", "--paxos-offload", "all"}, {"ack, quorum, broadcast, none"}},
      {{"--iface"}, {"--iface"}},
      {{"--config", "/nowhere/bmcd.toml"}, {"/nowhere/bmcd.toml"}},
  };
  for (const Bad& bad : all) {
    const auto line = parse(bad.words);
    ASSERT_FALSE(line) << (bad.words.empty() ? "" : bad.words.back());
    for (const char* said : bad.said)
      EXPECT_NE(line.error().what.find(said), std::string::npos) << line.error().what;
  }
}

TEST(Config, ErrorsOfTheFileHaveTheirLine) {
  const std::pair<const char*, std::vector<const char*>> all[] = {
      {"iface = \"eth0\"\nmemroy = \"1GiB\"\n", {".toml:2:", "unknown key 'memroy'", "did you mean memory?"}},
      {"iface = \"eth0\"\n\nmax_staleness = \"1s\"\n", {".toml:3:", "did you mean max-staleness?"}},
      {"iface = \"eth0\"\nmemory = \"12Q\"\n", {".toml:2:", "memory", "'12Q'"}},
      {"iface = \"eth0\"\nmemory = [\"1\", \"2\"]\n", {".toml:2:", "only one value"}},
      {"iface = \"eth0\"\nmemory = 1.5\n", {".toml:2:", "string or a whole number"}},
      {"iface = \"eth0\"\nrate-limit = -1\n", {".toml:2:", "rate-limit"}},
      {"iface = \"eth0\"\n[store]\nmemory = \"1\"\n", {".toml:2:", "unknown key 'store'"}},
      {"iface = \"eth0\"\nmemory = \n", {".toml:2:"}},
      {"iface = \"eth0\"\niface = \"eth1\"\n", {".toml:2:"}},
      {"memory = \"1GiB\"\n", {"no interface"}},
  };
  for (const auto& [text, said] : all) {
    const auto line = parse_with(text);
    ASSERT_FALSE(line) << text;
    for (const char* words : said)
      EXPECT_NE(line.error().what.find(words), std::string::npos) << line.error().what;
  }
}

std::string read_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Config, ExampleFileIsGoodAndHasEveryKey) {
  const std::string text = read_text(BMC_EXAMPLE_CONFIG);
  ASSERT_FALSE(text.empty());
  ASSERT_TRUE(parse_with(text));
  // The keys that are commented out are those lines that begin with "#" and a letter.
  std::istringstream lines(text);
  std::string enabled;
  for (std::string line; std::getline(lines, line);) {
    const bool is_key =
        line.size() > 1 && line[0] == '#' && std::islower(static_cast<unsigned char>(line[1]));
    enabled += (is_key ? line.substr(1) : line) + "\n";
  }
  const auto line = parse_with(enabled);
  ASSERT_TRUE(line) << line.error().what;
  for (const Case& each : cases())
    EXPECT_NE(enabled.find(std::string("\n") + each.name + " = "), std::string::npos) << each.name;
}

TEST(Config, ManualNamesEveryOption) {
  const std::string text = read_text(BMC_MANUAL);
  for (const Case& each : cases()) {
    std::string option = std::string("--") + each.name;
    for (std::size_t at = 0; (at = option.find('-', at)) != std::string::npos; at += 2)
      option.insert(at, "\\");
    EXPECT_NE(text.find(option), std::string::npos) << option;
  }
}

TEST(Config, OtherCommands) {
  EXPECT_EQ(parse({"--version"})->command, Command::kSaid);
  EXPECT_EQ(parse({"--iface", "eth0", "--check-config"})->command, Command::kCheckConfig);
  EXPECT_FALSE(parse({"--check-config"}));
  // Removing needs no interface: the pins know.
  EXPECT_EQ(parse({"--detach"})->command, Command::kDetach);
}

}  // namespace
}  // namespace bmc

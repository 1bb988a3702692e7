// SPDX-License-Identifier: Apache-2.0
// paxos-kv as a program: its tasks, its errors, what it tells about itself.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/paxos/kv/program/config.h"
#include "apps/paxos/kv/tests/cluster.h"

namespace bmc::kv {
namespace {

using test::Cluster;
using test::Finished;

bool says(const Finished& finished, const std::string& text) {
  return finished.output.find(text) != std::string::npos;
}

// Parses words behind "paxos-kv".
Result<CommandLine> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "paxos-kv");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

std::string error_of(std::vector<const char*> words) {
  const auto line = parse(std::move(words));
  return line ? "none" : line.error().what;
}

const std::vector<const char*> kWhole = {
    "run", "--config", "/dev/null", "--cluster-id", "7", "--replica", "127.0.0.1:7400", "--index", "0"};

std::string error_with(std::vector<const char*> further) {
  std::vector<const char*> words = kWhole;
  words.insert(words.end(), further.begin(), further.end());
  return error_of(words);
}

TEST(ConfigTest, AWholeCommandLineIsGood) {
  const auto line = parse(kWhole);
  ASSERT_TRUE(line) << line.error().what;
  EXPECT_EQ(line->task, Task::kRun);
  EXPECT_EQ(line->config.replica.cluster_id, 7u);
  EXPECT_EQ(line->config.replica.data_directory, "/var/lib/paxos-kv");
  EXPECT_EQ(to_string(line->config.server.listen), "127.0.0.1:11211");
  EXPECT_EQ(line->config.client.replicas, line->config.replica.replicas);
  EXPECT_EQ(line->config.client.read_replica, -1);
}

TEST(ConfigTest, EachOptionIsTaken) {
  std::vector<const char*> words = kWhole;
  words.insert(words.end(), {"--memory",      "1GiB",  "--connections", "7",      "--buffer-memory",  "8MiB",
                             "--reads",       "stale", "--deadline",    "250ms",  "--batch-requests", "1",
                             "--batch-delay", "50us",  "--durability",  "memory", "--metrics",        "off",
                             "--heartbeat",   "30ms"});
  const auto line = parse(words);
  ASSERT_TRUE(line) << line.error().what;
  const Config& config = line->config;
  EXPECT_EQ(config.server.memory_bytes_max, 1ull << 30);
  EXPECT_EQ(config.server.connections_max, 7u);
  EXPECT_EQ(config.server.buffer_bytes_max, 8u << 20);
  EXPECT_EQ(config.server.expiry, Expiry::kJudge);
  EXPECT_EQ(config.client.read_replica, 0);
  EXPECT_EQ(config.client.deadline_ms, 250u);
  EXPECT_EQ(config.replica.batch_requests_max, 1u);
  EXPECT_EQ(config.replica.batch_delay_us, 50u);
  EXPECT_EQ(config.replica.durability, paxos::Options::Durability::memory);
  EXPECT_EQ(config.replica.heartbeat_ms, 30u);
  EXPECT_FALSE(config.metrics);
}

TEST(ConfigTest, TheKernelIsAskedForAllOrForSome) {
  const auto with = [](std::initializer_list<const char*> more) {
    std::vector<const char*> words = kWhole;
    words.insert(words.end(), more);
    const auto line = parse(words);
    EXPECT_TRUE(line) << line.error().what;
    return line->config.replica.kernel;
  };
  for (const auto& none : {with({}), with({"--kernel-offloads", "ack"})})
    EXPECT_TRUE(none.socket.empty() && !none.acknowledge && !none.quorum && !none.broadcast);
  const auto all = with({"--kernel-socket", "/run/a"});
  EXPECT_EQ(all.socket, "/run/a");
  EXPECT_TRUE(all.acknowledge && all.quorum && all.broadcast);
  const auto some = with({"--kernel-socket", "/run/a", "--kernel-offloads", "ack,broadcast"});
  EXPECT_TRUE(some.acknowledge && !some.quorum && some.broadcast);
  const auto one = with({"--kernel-offloads", "quorum", "--kernel-socket", "/run/a"});
  EXPECT_TRUE(!one.acknowledge && one.quorum && !one.broadcast);
}

TEST(ConfigTest, ErrorsNameTheOptionAndWhatToDo) {
  EXPECT_EQ(error_with({"--kernel-offloads", "ack,none"}),
            "--kernel-offloads: 'none' is none of: ack, quorum, broadcast; or all");
  EXPECT_EQ(error_with({"--kernel-socket", "here"}), "--kernel-socket: 'here' is no absolute path");
  EXPECT_EQ(error_with({"--memroy", "1GiB"}), "unknown option --memroy; did you mean --memory?");
  EXPECT_EQ(error_of({"formt"}), "unknown command 'formt'; did you mean format?");
  EXPECT_EQ(error_with({"--memory", "2GiB"}), "--memory: '2GiB' is not between 4.0 MiB and 1.0 GiB");
  EXPECT_EQ(error_with({"--reads", "fast"}), "--reads: 'fast' is none of: linearizable, stale");
  EXPECT_EQ(error_with({"--deadline", "5"}), "--deadline: '5' has no unit; write it like 1s or 500ms");
  EXPECT_EQ(error_with({"--deadline", "5us"}), "--deadline: '5us' is finer than 1ms");
  EXPECT_EQ(error_with({"--data-dir", "here"}), "--data-dir: 'here' is no absolute path");
  EXPECT_NE(error_of({"run", "--config", "/dev/null"}).find("no cluster-id"), std::string::npos);
  EXPECT_NE(error_of({"run", "--config", "/dev/null", "--cluster-id", "0x7"}).find("no replica"),
            std::string::npos);
  EXPECT_NE(error_of({"run", "--config", "/dev/null", "--cluster-id", "7", "--replica", "127.0.0.1:1"})
                .find("no index"),
            std::string::npos);
  EXPECT_NE(error_with({"--replica", "127.0.0.1:7401"}).find("1, 3, 5, 7 or 9"), std::string::npos);
}

class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest() : path(testing::TempDir() + "bmc-t-kv-" + std::to_string(::getpid()) + ".toml") {}
  ~ConfigFileTest() override { std::remove(path.c_str()); }

  Result<CommandLine> parse_file(const std::string& text, std::vector<const char*> further = {}) {
    std::ofstream(path) << text;
    std::vector<const char*> words = {"check-config", "--config", path.c_str()};
    words.insert(words.end(), further.begin(), further.end());
    return parse(words);
  }

  std::string path;
  const std::string whole = "cluster-id = 7\nreplica = [\"10.0.0.1:7400\"]\nindex = 0\n";
};

TEST_F(ConfigFileTest, TheCommandLineRulesOverTheFile) {
  const auto line = parse_file(whole + "memory = \"8MiB\"\nconnections = 5\n", {"--memory", "16MiB"});
  ASSERT_TRUE(line) << line.error().what;
  EXPECT_EQ(line->config.server.memory_bytes_max, 16u << 20);
  EXPECT_EQ(line->config.server.connections_max, 5u);
  EXPECT_EQ(line->config_file, path);
}

TEST_F(ConfigFileTest, ErrorsNameTheLine) {
  EXPECT_EQ(parse_file(whole + "lisen = \"127.0.0.1:1\"\n").error().what,
            path + ":4: unknown key 'lisen'; did you mean listen?");
  EXPECT_EQ(parse_file(whole + "memory = 1.5\n").error().what,
            path + ":4: memory: the value must be a string or a whole number");
  EXPECT_EQ(parse_file(whole + "memory = [1, 2]\n").error().what,
            path + ":4: memory: only one value is possible");
  EXPECT_TRUE(parse_file("x = \n").error().what.starts_with(path + ":1: "));
}

TEST_F(ConfigFileTest, TheExampleIsGoodAsItIsAndWithEveryCommentUndone) {
  std::ifstream file(BMC_EXAMPLE_CONFIG);
  std::string text, line;
  while (std::getline(file, line)) {
    const bool option =
        line.size() > 1 && line[0] == '#' && line[1] != ' ' && line.find(" = ") != std::string::npos;
    text += (option ? line.substr(1) : line) + "\n";
  }
  const auto whole_example = parse_file(text);
  EXPECT_TRUE(whole_example) << whole_example.error().what;
  const auto as_it_is = parse({"check-config", "--config", BMC_EXAMPLE_CONFIG});
  EXPECT_TRUE(as_it_is) << as_it_is.error().what;
  for (const char* key : {"replica-listen", "durability", "memory", "buffer-memory", "reads-at", "log-kept"})
    EXPECT_NE(text.find("\n" + std::string(key) + " = "), std::string::npos) << key;
}

class ProgramTest : public testing::Test {
 protected:
  Cluster cluster{1};
};

TEST_F(ProgramTest, HelpAndVersion) {
  EXPECT_TRUE(says(test::run({BMC_PAXOS_KV, "--help"}), "check-config"));
  EXPECT_TRUE(says(test::run({BMC_PAXOS_KV, "run", "--help"}), "--buffer-memory"));
  EXPECT_EQ(test::run({BMC_PAXOS_KV, "--version"}).output, "paxos-kv " BMC_VERSION "\n");
}

TEST_F(ProgramTest, AFormattedDiskIsNotFormattedAgain) {
  const Finished again = cluster.run_task("format", 0);
  EXPECT_EQ(again.status, 1);
  EXPECT_TRUE(says(again, "holds a replica already")) << again.output;
}

TEST_F(ProgramTest, WithoutADiskItDoesNotStart) {
  std::filesystem::remove_all(cluster.data_directory(0));
  for (const bool there : {false, true}) {
    if (there) std::filesystem::create_directory(cluster.data_directory(0));
    const Finished ran = cluster.run_task("run", 0);
    EXPECT_EQ(ran.status, 2);  // systemd must not try again
    EXPECT_TRUE(says(ran, "paxos-kv: " + cluster.data_directory(0) + " holds no replica: run `format`"))
        << ran.output;
  }
}

TEST_F(ProgramTest, AnotherClustersDiskIsRefused) {
  const Finished ran = cluster.run_task("run", 0, {"--cluster-id", "0xbad"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_TRUE(says(ran, "cluster")) << ran.output;
}

TEST_F(ProgramTest, ADamagedLogIsRefusedAndNamed) {
  cluster.start(0);
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(cluster.answers(0, "set k" + std::to_string(i) + " 0 0 1\r\nx\r\n", "STORED\r\n"));
  cluster.process(0).kill();
  std::string log;
  for (const auto& each : std::filesystem::directory_iterator(cluster.data_directory(0)))
    if (each.path().filename().string().starts_with("log-")) log = each.path().string();
  std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  // Behind the records is room for more: zeros.
  file.seekp(static_cast<std::streamoff>(bytes.find_last_not_of('\0') / 2)).write("damage", 6);
  file.close();
  const Finished ran = cluster.run_task("run", 0);
  EXPECT_EQ(ran.status, 2) << ran.output;
  EXPECT_TRUE(says(ran, "log-")) << ran.output;
}

TEST_F(ProgramTest, APortInUseIsTold) {
  cluster.start(0);
  Cluster other(1);
  const Finished ran = other.run_task("run", 0, {"--listen", "127.0.0.1:" + std::to_string(cluster.port(0))});
  EXPECT_EQ(ran.status, 1);
  EXPECT_TRUE(says(ran, "use another --listen")) << ran.output;
}

TEST_F(ProgramTest, ADiskIsRunByOneProcessOnly) {
  cluster.start(0);
  const Finished second = cluster.run_task("run", 0);
  EXPECT_NE(second.status, 0);
  EXPECT_TRUE(says(second, cluster.data_directory(0))) << second.output;
}

TEST_F(ProgramTest, StatusForPeopleAndPrograms) {
  cluster.start(0);
  ASSERT_TRUE(cluster.answers(0, "set a 0 0 1\r\nx\r\n", "STORED\r\n"));
  const Finished people = cluster.run_task("status", 0);
  EXPECT_EQ(people.status, 0);
  EXPECT_TRUE(says(people, "leader of view")) << people.output;
  EXPECT_TRUE(says(people, "this one")) << people.output;
  const Finished programs = cluster.run_task("status", 0, {"--json"});
  const auto json = nlohmann::json::parse(programs.output);
  EXPECT_EQ(json["role"], "leader");
  EXPECT_EQ(json["index"], 0);
  EXPECT_EQ(json["replicas"].size(), 1u);
  EXPECT_GE(json["commit"].get<int>(), 1);
  EXPECT_EQ(json["commit"], json["applied"]);
  EXPECT_EQ(json["kernel"], "off");
}

TEST_F(ProgramTest, StatusOfNobody) {
  const Finished nobody = cluster.run_task("status", 0);
  EXPECT_EQ(nobody.status, 1);
  EXPECT_TRUE(says(nobody, "is paxos-kv running there?")) << nobody.output;
}

TEST_F(ProgramTest, StatusOfAMemcached) {
  const std::uint16_t port = test::free_port();
  const std::string server = "127.0.0.1:" + std::to_string(port);
  const test::Process memcached(
      {"memcached", "-u", "root", "-U", "0", "-l", "127.0.0.1", "-p", std::to_string(port)});
  ASSERT_TRUE(test::connect_to(port));
  const Finished other = cluster.run_task("status", 0, {"--server", server});
  EXPECT_EQ(other.status, 1);
}

TEST_F(ProgramTest, Metrics) {
  cluster.start(0);
  ASSERT_TRUE(cluster.answers(0, "set a 0 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"));
  const Fd scraper = test::connect_to(cluster.metrics_port(0));
  const std::string all =
      test::ask(scraper.get(), "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "");
  for (const char* line : {"paxos_kv_items 1\n", "paxos_kv_cmd_set_total 1\n", "paxos_kv_get_hits_total 1\n",
                           "paxos_role{role=\"leader\"} 1\n", "paxos_role{role=\"backup\"} 0\n",
                           "paxos_commit_op ", "paxos_client_sessions_opened_total 1\n"})
    EXPECT_NE(all.find(line), std::string::npos) << line << all;
}

}  // namespace
}  // namespace bmc::kv

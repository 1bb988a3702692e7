// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/kv/tests/cluster.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>

namespace bmc::kv::test {

Cluster::Cluster(std::size_t replicas, std::vector<std::string> options)
    : options_(std::move(options)), processes_(replicas) {
  std::string name = (std::filesystem::temp_directory_path() / "bmc-t-kv-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  directory_ = name;
  for (std::size_t i = 0; i < replicas; ++i) {
    replica_ports_.push_back(free_port());
    ports_.push_back(free_port());
    metrics_ports_.push_back(free_port());
  }
  for (std::size_t i = 0; i < replicas; ++i) {
    const Finished formatted = run_task("format", i);
    EXPECT_EQ(formatted.status, 0) << formatted.output;
  }
}

Cluster::~Cluster() {
  for (std::size_t i = 0; i < size(); ++i) {
    if (testing::Test::HasFailure())
      std::fprintf(stderr, "---- replica %zu\n%s", i, processes_[i].output().c_str());
    processes_[i].kill();
  }
  std::filesystem::remove_all(directory_);
}

std::string Cluster::data_directory(std::size_t index) const {
  return (directory_ / ("replica" + std::to_string(index))).string();
}

std::vector<std::string> Cluster::arguments(const std::string& task, std::size_t index) const {
  std::vector<std::string> argv = {BMC_PAXOS_KV, task, "--cluster-id", "0x5eed", "--config", "/dev/null"};
  for (const std::uint16_t port : replica_ports_)
    argv.insert(argv.end(), {"--replica", "127.0.0.1:" + std::to_string(port)});
  argv.insert(argv.end(), {"--index", std::to_string(index), "--data-dir", data_directory(index), "--listen",
                           "127.0.0.1:" + std::to_string(ports_[index]), "--metrics",
                           "127.0.0.1:" + std::to_string(metrics_ports_[index])});
  argv.insert(argv.end(), options_.begin(), options_.end());
  return argv;
}

Finished Cluster::run_task(const std::string& task, std::size_t index, std::vector<std::string> further) {
  std::vector<std::string> argv = arguments(task, index);
  for (const std::string& word : further) {
    const auto same = word.starts_with("--") ? std::find(argv.begin(), argv.end(), word) : argv.end();
    if (same != argv.end()) argv.erase(same, same + 2);
  }
  argv.insert(argv.end(), further.begin(), further.end());
  return run(std::move(argv));
}

void Cluster::start(std::size_t index) {
  processes_[index] = Process(arguments("run", index));
  ASSERT_TRUE(processes_[index].says("serves clients on")) << processes_[index].output();
}

void Cluster::start_all() {
  for (std::size_t i = 0; i < size(); ++i) start(i);
}

std::string Cluster::paxos_stat(std::size_t index, const std::string& name) const {
  if (!processes_[index].is_running()) return {};
  const Fd client = connect_to(ports_[index]);
  const std::string stats = ask(client.get(), "stats paxos\r\n", "END\r\n");
  const std::string begin = "STAT paxos_" + name + " ";
  const std::size_t place = stats.find(begin);
  if (place == std::string::npos) return {};
  const std::size_t value = place + begin.size();
  return stats.substr(value, stats.find('\r', value) - value);
}

std::size_t Cluster::leader() const {
  std::size_t leader = 0;
  EXPECT_TRUE(eventually([&] {
    for (leader = 0; leader < size(); ++leader)
      if (paxos_stat(leader, "role") == "leader") return true;
    return false;
  })) << "nobody leads";
  return leader < size() ? leader : 0;
}

bool Cluster::answers(std::size_t index, const std::string& request, const std::string& answer) const {
  return eventually([&] {
    const Fd client = connect_to(ports_[index]);
    send_all(client.get(), request + "quit\r\n");
    return receive(client.get(), "") == answer;
  });
}

}  // namespace bmc::kv::test

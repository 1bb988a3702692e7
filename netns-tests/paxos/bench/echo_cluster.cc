// SPDX-License-Identifier: Apache-2.0
// See echo_cluster.h.
#include "netns-tests/paxos/bench/echo_cluster.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "netns-tests/lib/lab_error.h"

namespace bmc::bench {
namespace {

constexpr std::uint16_t kPort = 7400;
constexpr const char* kNoBatching = "1";

// Of eth0 in the namespace; /proc/net is the reading thread's.
std::uint64_t packets_sent(const lab::Netns& netns) {
  const lab::ScopedNetns inside(netns);
  std::ifstream file("/proc/thread-self/net/dev");
  for (std::string line; std::getline(file, line);) {
    const std::size_t name = line.find("eth0:");
    if (name == std::string::npos) continue;
    // Eight columns of reception, then bytes and packets sent.
    std::istringstream columns(line.substr(name + 5));
    std::uint64_t value = 0;
    for (int column = 0; column < 10; ++column) columns >> value;
    return value;
  }
  throw lab::LabError("no eth0 in " + netns.name());
}

}  // namespace

TemporaryDirectory::TemporaryDirectory(const std::string& parent) : path_(parent + "/bmc-t-bench-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) lab::fail_errno("make a directory in " + parent);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

EchoCluster::EchoCluster(const EchoOptions& options)
    : options_(options), mesh_(options.replicas, std::nullopt), data_(options.data_parent) {
  for (std::size_t i = 0; i < options.replicas; ++i) {
    std::vector<std::string> argv{BMC_PAXOS_ECHO_PATH,
                                  "--index",
                                  std::to_string(i),
                                  "--data-dir",
                                  data_.path() + "/" + std::to_string(i),
                                  "--durability",
                                  options.durability};
    argv.insert(argv.end(), {"--busy-poll-us", std::to_string(options.busy_poll_us)});
    if (!options.batching) argv.insert(argv.end(), {"--batch-requests", kNoBatching});
    for (const std::string& address : addresses()) argv.insert(argv.end(), {"--replica", address});
    processes_.push_back(
        std::make_unique<lab::Process>(lab::ProcessSpec{.argv = argv, .netns = &mesh_.replica(i)}));
  }
  for (const auto& process : processes_)
    if (!process->wait_for_output("ready\n", lab::Deadline::in_ms(10'000)))
      throw lab::LabError("paxos-echo does not start: " + process->output());
}

std::vector<std::string> EchoCluster::addresses() const {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < mesh_.replicas(); ++i) all.push_back(mesh_.address(i, kPort).text());
  return all;
}

Usage EchoCluster::usage() const {
  Usage usage;
  for (const auto& process : processes_)
    usage.replica_cpu_seconds.push_back(lab::cpu_seconds(process->pid()));
  for (std::size_t i = 0; i < mesh_.replicas(); ++i)
    usage.packets_sent.push_back(packets_sent(mesh_.replica(i)));
  usage.packets_sent.push_back(packets_sent(mesh_.clients()));
  return usage;
}

std::vector<std::string> EchoCluster::stop() {
  for (const auto& process : processes_) process->signal(SIGTERM);
  std::vector<std::string> told;
  for (const auto& process : processes_) {
    process->wait_exit(lab::Deadline::in_ms(10'000));
    process->wait_output_closed(lab::Deadline::in_ms(1000));
    const std::string output = process->output();
    const std::size_t at = output.find("ready\n");
    told.push_back(at == std::string::npos ? "" : output.substr(at + 6));
  }
  processes_.clear();
  return told;
}

}  // namespace bmc::bench

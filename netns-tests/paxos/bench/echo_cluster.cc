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
constexpr unsigned kUser = 64'990;  // of the replicas, where the kernel may help: nobody's

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

// How often its threads had slept, or waited, and ran again.
std::uint64_t wakeups(pid_t process) {
  constexpr std::string_view kLine = "voluntary_ctxt_switches:";
  std::uint64_t all = 0;
  std::error_code ignored;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task", ignored)) {
    std::ifstream file(task.path() / "status");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with(kLine)) all += std::strtoull(line.c_str() + kLine.size(), nullptr, 10);
  }
  return all;
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
    : options_(options),
      mesh_(options.replicas, std::nullopt, options.side != nullptr),
      data_(options.data_parent) {
  if (options.side != nullptr) lab::run_checked({"chown", std::to_string(kUser), data_.path()});
  if (options.wants_bmcd()) start_bmcds();
  for (std::size_t i = 0; i < options.replicas; ++i)
    processes_.push_back(std::make_unique<lab::Process>(
        lab::ProcessSpec{.argv = command_line(i), .netns = &mesh_.replica(i)}));
  for (const auto& process : processes_)
    if (!process->wait_for_output("ready\n", lab::Deadline::in_ms(10'000)))
      throw lab::LabError("paxos-echo does not start: " + process->output());
}

void EchoCluster::start_bmcds() {
  const std::string allowed =
      "uid=" + std::to_string(kUser) + ",ports=" + std::to_string(kPort) + "-" + std::to_string(kPort);
  for (std::size_t i = 0; i < options_.replicas; ++i)
    bmcds_.push_back(std::make_unique<lab::Bmcd>(
        mesh_.replica(i), lab::BmcdOptions{.extra = {"--cache", "false", "--paxos-socket", socket_path(i),
                                                     "--paxos-allow", allowed}}));
}

// With whatever the kernel does a replica has no privilege; changing the user forgets that the process dies
// with us, so it is said again.
std::vector<std::string> EchoCluster::command_line(std::size_t replica) const {
  const std::string user = std::to_string(kUser);
  std::vector<std::string> argv;
  if (options_.side != nullptr)
    argv = {"setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--pdeathsig", "KILL"};
  argv.insert(argv.end(), {BMC_PAXOS_ECHO_PATH, "--index", std::to_string(replica), "--data-dir",
                           data_.path() + "/" + std::to_string(replica), "--durability", options_.durability,
                           "--busy-poll-us", std::to_string(options_.busy_poll_us)});
  if (!options_.batching) argv.insert(argv.end(), {"--batch-requests", kNoBatching});
  if (options_.wants_bmcd()) {
    argv.insert(argv.end(), {"--kernel-socket", socket_path(replica)});
    if (options_.side->acknowledges) argv.emplace_back("--kernel-ack");
    if (options_.side->counts) argv.emplace_back("--kernel-quorum");
    if (options_.side->broadcasts) argv.emplace_back("--kernel-broadcast");
  }
  for (const std::string& address : addresses()) argv.insert(argv.end(), {"--replica", address});
  return argv;
}

std::vector<std::string> EchoCluster::addresses() const {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < mesh_.replicas(); ++i) all.push_back(mesh_.address(i, kPort).text());
  return all;
}

Usage EchoCluster::usage(const Accounts* accounts) const {
  Usage usage;
  for (std::size_t i = 0; i < mesh_.replicas(); ++i) {
    const pid_t pid = processes_[i]->pid();
    ReplicaUsage of{.cpu_seconds = lab::cpu_seconds(pid),
                    .packets_sent = packets_sent(mesh_.replica(i)),
                    .wakeups = wakeups(pid)};
    if (accounts != nullptr) {
      of.process_seconds = of.cpu_seconds - accounts->softirq_seconds(pid);
      of.device_seconds = accounts->device_seconds(mesh_.replica(i), "eth0");
      of.system_calls = accounts->system_calls(pid);
    }
    usage.replicas.push_back(of);
  }
  usage.client_packets_sent = packets_sent(mesh_.clients());
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
  bmcds_.clear();
  return told;
}

}  // namespace bmc::bench

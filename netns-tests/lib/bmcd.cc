// SPDX-License-Identifier: Apache-2.0
// See bmcd.h. The paths of the binaries under test come from CMake.
#include "netns-tests/lib/bmcd.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <sstream>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/tcp_client.h"

#ifndef BMC_BMCD_PATH
#define BMC_BMCD_PATH ""
#define BMC_BMCCTL_PATH ""
#endif

namespace bmc::lab {
namespace {

constexpr int64_t kStartLimitMs = 30'000;
constexpr int64_t kStopLimitMs = 10'000;
constexpr const char* kBpffs = "/sys/fs/bpf";
constexpr const char* kPrefix = "bmc-t-";
constexpr long kBpffsMagic = 0xcafe4a11;
constexpr uint16_t kMetricsPort = 9801;

std::atomic<unsigned> next_number{0};
std::once_flag prepared;

/// Mounts bpffs when it is not there, and removes the pins of runs that were killed: with their links gone
/// the programs are detached too.
void prepare_host() {
  struct statfs info {};
  if (statfs(kBpffs, &info) == 0 && info.f_type != kBpffsMagic)
    checked(mount("bpf", kBpffs, "bpf", 0, "mode=0700"), "mount bpffs");
  std::error_code ignored;
  for (const auto& item : std::filesystem::directory_iterator(kBpffs, ignored)) {
    const std::string name = item.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const pid_t owner = static_cast<pid_t>(std::strtol(name.c_str() + 6, nullptr, 10));
    if (owner > 0 && kill(owner, 0) != 0 && errno == ESRCH) {
      run_command({BMC_BMCD_PATH, "--iface", "lo", "--pin", item.path(), "--detach"});
      std::filesystem::remove_all(item.path(), ignored);
    }
  }
}

}  // namespace

bool Bmcd::available() { return std::string(BMC_BMCD_PATH).size() > 0; }

Bmcd::Bmcd(const Netns& netns, BmcdOptions options) : netns_(netns), options_(std::move(options)) {
  if (!available()) throw LabError("this build has no bmcd");
  std::call_once(prepared, prepare_host);
  const std::string name = kPrefix + std::to_string(getpid()) + "-" + std::to_string(next_number++);
  directory_ = "/tmp/" + name;
  pin_directory_ = std::string(kBpffs) + "/" + name;
  std::filesystem::create_directories(directory_);
  start();
}

Bmcd::~Bmcd() {
  std::error_code ignored;
  if (process_ && process_->running()) {
    ctl({"detach"});
    if (!process_->wait_exit(Deadline::in_ms(kStopLimitMs))) process_->kill_hard();
  }
  if (std::filesystem::exists(pin_directory_, ignored)) {
    run_detach();
    std::filesystem::remove_all(pin_directory_, ignored);
  }
  std::filesystem::remove_all(directory_, ignored);
}

CommandResult Bmcd::run_detach() const {
  auto argv = command_line();
  argv.push_back("--detach");
  return run_command(argv, &netns_);
}

std::vector<std::string> Bmcd::command_line() const {
  std::vector<std::string> argv{BMC_BMCD_PATH,
                                "--control",
                                directory_ + "/control.sock",
                                "--pin",
                                pin_directory_,
                                "--metrics",
                                "127.0.0.1:" + std::to_string(kMetricsPort),
                                "--mode",
                                options_.mode,
                                "--memory",
                                "16MiB"};
  if (std::ranges::find(options_.extra, "--paxos-socket") == options_.extra.end())
    argv.insert(argv.end(), {"--paxos-socket", paxos_socket()});
  for (const auto& iface : options_.ifaces) argv.insert(argv.end(), {"--iface", iface});
  for (const auto& server : options_.servers) argv.insert(argv.end(), {"--server", server.text()});
  argv.insert(argv.end(), options_.extra.begin(), options_.extra.end());
  return argv;
}

void Bmcd::start() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = directory_ + "/notify.sock";
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  unlink(path.c_str());
  notify_ = Fd(checked(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "notification socket"));
  checked(bind(notify_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), "bind " + path);
  process_ = std::make_unique<Process>(
      ProcessSpec{.argv = command_line(), .netns = &netns_, .environment = {"NOTIFY_SOCKET=" + path}});
  if (options_.wait_ready && !wait_ready(Deadline::in_ms(kStartLimitMs)))
    throw LabError("bmcd does not get ready: " + process_->output());
}

bool Bmcd::wait_ready(Deadline deadline) {
  char text[4096];
  while (!deadline.passed()) {
    if (wait_fd(notify_.get(), POLLIN, Deadline::in_ms(100))) {
      const ssize_t length = recv(notify_.get(), text, sizeof(text), MSG_DONTWAIT);
      if (length > 0 &&
          std::string_view(text, static_cast<size_t>(length)).find("READY=1") != std::string::npos)
        return true;
    } else if (!process_->running()) {
      return false;
    }
  }
  return false;
}

bool Bmcd::stop() {
  process_->signal(SIGTERM);
  return process_->wait_exit(Deadline::in_ms(kStopLimitMs)).has_value();
}

void Bmcd::kill_hard() { process_->kill_hard(); }

void Bmcd::start_again() { start(); }

void Bmcd::start_again(std::vector<std::string> extra) {
  options_.extra = std::move(extra);
  start();
}

CommandResult Bmcd::ctl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {BMC_BMCCTL_PATH, "--control", directory_ + "/control.sock"});
  return run_command(arguments, &netns_);
}

std::string Bmcd::ctl_json(std::vector<std::string> arguments) const {
  arguments.push_back("--json");
  const CommandResult result = ctl(arguments);
  if (result.exit_code != 0) throw LabError("bmcctl " + arguments.front() + ": " + result.output);
  return result.output;
}

std::map<std::string, double> Bmcd::metrics() const {
  TcpClient client(netns_, {"127.0.0.1", kMetricsPort});
  client.send("GET /metrics HTTP/1.1\r\nHost: bmcd\r\nConnection: close\r\n\r\n");
  client.wait_end(Deadline::in_ms(5000));
  std::istringstream lines(client.pending());
  std::map<std::string, double> samples;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    const size_t space = line.rfind(' ');
    if (space != std::string::npos)
      samples[line.substr(0, space)] = std::strtod(line.c_str() + space + 1, nullptr);
  }
  if (samples.empty()) throw LabError("no metrics: " + client.pending());
  return samples;
}

double Bmcd::packets(const std::string& where, const std::string& verdict, const std::string& reason) const {
  for (const auto& [name, value] : metrics()) {
    if (name.starts_with("bmcd_packets_total{") &&
        name.find("where=\"" + where + "\"") != std::string::npos &&
        name.find("verdict=\"" + verdict + "\"") != std::string::npos &&
        name.find("reason=\"" + reason + "\"") != std::string::npos)
      return value;
  }
  throw LabError("bmcd counts no " + where + "/" + verdict + "/" + reason);
}

}  // namespace bmc::lab

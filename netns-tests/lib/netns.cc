// SPDX-License-Identifier: Apache-2.0
// Making, entering and sweeping namespaces; see netns.h.
#include "netns-tests/lib/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"

namespace bmc::lab {
namespace {

constexpr std::string_view kPrefix = "bmc-t-";
constexpr const char* kDirectory = "/run/netns/";

std::atomic<unsigned> next_number{0};
std::once_flag swept;

/// The pid in "bmc-t-<pid>-...", or 0 when the name is not ours.
pid_t owner_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return 0;
  return static_cast<pid_t>(std::strtol(std::string(name.substr(kPrefix.size())).c_str(), nullptr, 10));
}

Fd open_netns(const std::string& name) {
  return Fd(checked(open((kDirectory + name).c_str(), O_RDONLY | O_CLOEXEC), "open netns " + name));
}

}  // namespace

void sweep_stale_namespaces() {
  std::error_code missing;
  for (const auto& item : std::filesystem::directory_iterator(kDirectory, missing)) {
    const std::string name = item.path().filename();
    const pid_t owner = owner_of(name);
    if (owner <= 0 || kill(owner, 0) == 0 || errno != ESRCH) continue;
    std::istringstream pids(run_command({"ip", "netns", "pids", name}).output);
    for (pid_t pid = 0; pids >> pid;) kill(pid, SIGKILL);
    run_command({"ip", "netns", "delete", name});
  }
}

Netns::Netns(std::string_view role) {
  std::call_once(swept, sweep_stale_namespaces);
  name_ = std::string(kPrefix) + std::to_string(getpid()) + "-" + std::to_string(next_number++) + "-" +
          std::string(role);
  run_checked({"ip", "netns", "add", name_});
  fd_ = open_netns(name_);
  run_checked({"ip", "-n", name_, "link", "set", "lo", "up"});
}

Netns::~Netns() {
  fd_.close();
  run_command({"ip", "netns", "delete", name_});
}

void Netns::sysctl(std::string_view path, std::string_view value) const {
  const ScopedNetns inside(*this);
  std::ofstream file("/proc/sys/" + std::string(path));
  file << value << std::flush;
  if (!file) throw LabError("cannot set sysctl " + std::string(path));
}

ScopedNetns::ScopedNetns(const Netns& netns)
    : before_(checked(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open own netns")) {
  checked(setns(netns.fd(), CLONE_NEWNET), "enter " + netns.name());
}

ScopedNetns::~ScopedNetns() {
  // Staying in the wrong namespace would make every later socket lie: nothing sensible can go on.
  if (setns(before_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace bmc::lab

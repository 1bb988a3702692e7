// SPDX-License-Identifier: Apache-2.0
// See placement.h.
#include "netns-tests/demo/placement.h"

#include <sched.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"

namespace bmc::demo {
namespace {

using lab::LabError;

cpu_set_t allowed_set() {
  cpu_set_t set;
  lab::checked(::sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
  return set;
}

std::vector<int> allowed_cpus() {
  const cpu_set_t set = allowed_set();
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

// "0,64" or "0-1": threads of one core.
std::string siblings_of(int cpu) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
  std::string text;
  std::getline(file, text);
  return text;
}

void move(pid_t thread, int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  lab::checked(::sched_setaffinity(thread, sizeof set, &set), "cannot use processor " + std::to_string(cpu));
}

// Kernel threads "napi/<device>-<number>".
std::set<pid_t> napi_threads(const std::string& device) {
  std::set<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "comm");
    std::string comm;
    if (std::getline(file, comm) && comm.starts_with("napi/" + device + "-")) found.insert(std::stoi(name));
  }
  return found;
}

}  // namespace

Placement choose_placement() {
  const std::vector<int> cpus = allowed_cpus();
  Placement placement{cpus.front(), cpus.back(), cpus.size() == 1};
  for (const int cpu : cpus) {
    if (cpu == placement.server_cpu || siblings_of(cpu) == siblings_of(placement.server_cpu)) continue;
    placement.load_cpu = cpu;
    break;
  }
  return placement;
}

void pin_this_thread(int cpu) { move(0, cpu); }

PinnedThread::PinnedThread(int cpu) : before_(allowed_set()) { pin_this_thread(cpu); }

PinnedThread::~PinnedThread() { (void)::sched_setaffinity(0, sizeof before_, &before_); }

void prefer(pid_t process, int priority) {
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task", gone)) {
    const sched_param first{.sched_priority = priority};
    (void)::sched_setscheduler(std::stoi(task.path().filename()), SCHED_FIFO, &first);
  }
}

void prefer_this_thread(int priority) {
  const sched_param first{.sched_priority = priority};
  (void)::sched_setscheduler(0, SCHED_FIFO, &first);
}

void Reception::set_threaded(bool on) const {
  // /sys shows the devices of the namespace that mounted it.
  lab::run_checked({"unshare", "--mount", "sh", "-c",
                    "mount -t sysfs sysfs /sys && echo " + std::string(on ? "1" : "0") +
                        " > /sys/class/net/" + device_ + "/threaded"},
                   &netns_);
}

void Reception::separate() {
  const std::set<pid_t> before = napi_threads(device_);
  set_threaded(true);
  std::set<pid_t> made = napi_threads(device_);
  for (const pid_t thread : before) made.erase(thread);
  // Some kernels keep the threads over the time without.
  if (!made.empty()) threads_ = made;
  if (threads_.empty()) throw LabError("the kernel made no napi thread for " + device_ + ": is gro on?");
  for (const pid_t thread : threads_) {
    move(thread, cpu_);
    prefer(thread, priority_);
  }
}

void Reception::with_sender() { set_threaded(false); }

}  // namespace bmc::demo

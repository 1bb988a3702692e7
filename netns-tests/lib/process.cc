// SPDX-License-Identifier: Apache-2.0
// Launcher thread, output drains and pidfd waits; see process.h.
#include "netns-tests/lib/process.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <functional>
#include <utility>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/netns.h"

namespace bmc::lab {
namespace {

/// One thread that makes all children: PR_SET_PDEATHSIG fires when the *thread* that forked ends, and test
/// threads come and go.
class Launcher {
 public:
  static Launcher& instance() {
    static auto* launcher = new Launcher;  // never destroyed: children may outlive static destruction order
    return *launcher;
  }

  /// Runs `job` on the launcher thread; one caller at a time.
  pid_t call(const std::function<pid_t()>& job) {
    const std::lock_guard one_caller(callers_);
    std::unique_lock lock(mutex_);
    job_ = &job;
    changed_.notify_all();
    changed_.wait(lock, [this] { return job_ == nullptr; });
    return result_;
  }

 private:
  Launcher() {
    std::thread([this] { loop(); }).detach();
  }
  void loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return job_ != nullptr; });
      result_ = (*job_)();
      job_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex callers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<pid_t()>* job_ = nullptr;
  pid_t result_ = 0;
};

/// What the child needs, laid out before the fork: after it only async-signal-safe calls are allowed.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> environment;
  int netns_fd = -1;
  int output_fd = -1;
  pid_t parent = 0;
};

[[noreturn]] void child_main(const ChildPlan& plan) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(126);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (plan.netns_fd >= 0 && setns(plan.netns_fd, CLONE_NEWNET) != 0) _exit(126);
  const int null_fd = open("/dev/null", O_RDONLY);
  dup2(null_fd, 0);
  dup2(plan.output_fd, 1);
  dup2(plan.output_fd, 2);
  execvpe(plan.argv[0], plan.argv.data(), plan.environment.data());
  _exit(127);
}

pid_t clone_child(const ChildPlan& plan, pid_t wanted_pid, int* pidfd) {
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(pidfd);
  arguments.exit_signal = SIGCHLD;
  if (wanted_pid != 0) {
    arguments.set_tid = reinterpret_cast<uint64_t>(&wanted_pid);
    arguments.set_tid_size = 1;
  }
  const long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid == 0) child_main(plan);
  return static_cast<pid_t>(pid);
}

}  // namespace

Process::Process(const ProcessSpec& spec) {
  int ends[2];
  checked(pipe2(ends, O_CLOEXEC), "pipe");
  pipe_ = Fd(ends[0]);
  const Fd write_end(ends[1]);
  ChildPlan plan;
  auto argv = spec.argv;
  for (auto& argument : argv) plan.argv.push_back(argument.data());
  plan.argv.push_back(nullptr);
  auto added = spec.environment;
  for (auto& variable : added) plan.environment.push_back(variable.data());
  for (char** variable = environ; *variable != nullptr; ++variable) plan.environment.push_back(*variable);
  plan.environment.push_back(nullptr);
  plan.netns_fd = spec.netns != nullptr ? spec.netns->fd() : -1;
  plan.output_fd = write_end.get();
  plan.parent = getpid();

  int pidfd = -1;
  pid_ = Launcher::instance().call([&] { return clone_child(plan, spec.pid, &pidfd); });
  if (pid_ < 0) throw LabError("cannot start " + spec.argv[0]);
  pidfd_ = Fd(pidfd);
  drainer_ = std::thread([this] { drain(); });
}

Process::~Process() {
  kill_hard();
  // Grandchildren may hold the pipe open; the drainer must not wait for them.
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  drainer_.join();
}

void Process::drain() {
  char buffer[4096];
  for (;;) {
    const bool readable = wait_fd(pipe_.get(), POLLIN, Deadline::in_ms(200));
    const ssize_t got = readable ? read(pipe_.get(), buffer, sizeof(buffer)) : -1;
    const std::lock_guard lock(mutex_);
    if (got > 0) output_.append(buffer, static_cast<size_t>(got));
    const bool ended = readable ? got <= 0 : closed_;
    if (ended) closed_ = true;
    grew_.notify_all();
    if (ended) return;
  }
}

bool Process::running() { return !wait_exit(Deadline::in_ms(0)).has_value(); }

void Process::signal(int signal) {
  const std::lock_guard lock(mutex_);
  if (!status_) syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

std::optional<int> Process::wait_exit(Deadline deadline) {
  // The pidfd stays readable after the reaping, so several threads may wait.
  if (!wait_fd(pidfd_.get(), POLLIN, deadline)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (status_) return status_;
  int status = 0;
  checked(waitpid(pid_, &status, 0), "waitpid");
  status_ = status;
  return status_;
}

void Process::kill_hard() {
  signal(SIGKILL);
  wait_exit(Deadline::in_ms(10'000));
}

bool Process::wait_for_output(std::string_view needle, Deadline deadline) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (output_.find(needle) != std::string::npos) return true;
    if (closed_ || deadline.passed()) return false;
    grew_.wait_for(lock, std::chrono::nanoseconds(deadline.left_ns()));
  }
}

bool Process::wait_output_closed(Deadline deadline) {
  std::unique_lock lock(mutex_);
  return grew_.wait_for(lock, std::chrono::nanoseconds(deadline.left_ns()), [this] { return closed_; });
}

std::string Process::output() {
  const std::lock_guard lock(mutex_);
  return output_;
}

double cpu_seconds(pid_t process) {
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

CommandResult run_command(const std::vector<std::string>& argv, const Netns* netns, int64_t timeout_ms) {
  Process process({.argv = argv, .netns = netns});
  const Deadline deadline = Deadline::in_ms(timeout_ms);
  const auto status = process.wait_exit(deadline);
  CommandResult result;
  if (status && WIFEXITED(*status)) result.exit_code = WEXITSTATUS(*status);
  process.wait_output_closed(Deadline::in_ms(1000));
  result.output = process.output();
  return result;
}

std::string run_checked(const std::vector<std::string>& argv, const Netns* netns) {
  const CommandResult result = run_command(argv, netns);
  if (result.exit_code == 0) return result.output;
  std::string line;
  for (const auto& argument : argv) line += argument + " ";
  throw LabError(line + "exited with " + std::to_string(result.exit_code) + ": " + result.output);
}

}  // namespace bmc::lab

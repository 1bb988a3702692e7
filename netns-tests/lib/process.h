// SPDX-License-Identifier: Apache-2.0
// Child processes: started in a namespace, output captured, signalled, waited for. Used by every starter.
#ifndef BMC_NETNS_TESTS_PROCESS_H
#define BMC_NETNS_TESTS_PROCESS_H

#include <signal.h>
#include <sys/types.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/fd.h"

namespace bmc::lab {

class Netns;

struct ProcessSpec {
  std::vector<std::string> argv;           ///< argv[0] is looked up in PATH
  const Netns* netns = nullptr;            ///< null: the caller's
  std::vector<std::string> environment{};  ///< "NAME=value", added to ours
  pid_t pid = 0;                           ///< wanted pid (must be free); 0: any
};

/// A running child. Dies with the harness process even when that is killed (PR_SET_PDEATHSIG, set by a
/// launcher thread that lives as long as the process). Destruction kills it and reaps it.
class Process {
 public:
  explicit Process(const ProcessSpec& spec);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  /// Sends `signal`; no effect when it has ended.
  void signal(int signal);
  /// Waits for the end; the wait status, or nothing when the deadline came first.
  std::optional<int> wait_exit(Deadline deadline);
  /// SIGKILL, then reaped. After it returns all its sockets are closed.
  void kill_hard();
  /// Waits until `needle` is in what it wrote (stdout and stderr together).
  bool wait_for_output(std::string_view needle, Deadline deadline);
  /// Waits until nobody can write to it any more.
  bool wait_output_closed(Deadline deadline);
  std::string output();

 private:
  void drain();

  pid_t pid_ = 0;
  Fd pidfd_;
  Fd pipe_;
  std::optional<int> status_;
  std::mutex mutex_;
  std::condition_variable grew_;
  std::string output_;
  bool closed_ = false;
  std::thread drainer_;
};

/// Seconds of processor time that all threads of a process, or one kernel thread, have used; 0 when it is
/// gone.
double cpu_seconds(pid_t process);

struct CommandResult {
  int exit_code = -1;  ///< -1: ended by a signal or by the deadline
  std::string output;  ///< stdout and stderr
};

/// Runs a command to its end (at most `timeout_ms`).
CommandResult run_command(const std::vector<std::string>& argv, const Netns* netns = nullptr,
                          int64_t timeout_ms = 30'000);

/// As run_command(); throws LabError with the output unless it exits with 0.
std::string run_checked(const std::vector<std::string>& argv, const Netns* netns = nullptr);

}  // namespace bmc::lab

#endif

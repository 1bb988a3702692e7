// SPDX-License-Identifier: Apache-2.0
// Child processes for tests of programs and beside real servers. In namespaces: netns-tests/lib/process.h.
#ifndef BMC_CONTROL_PLANE_TESTS_PROCESS_H
#define BMC_CONTROL_PLANE_TESTS_PROCESS_H

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "control-plane/fd.h"

namespace bmc::test {

// A child that dies with us. What it writes to stdout and stderr is collected.
class Process {
 public:
  Process() = default;
  explicit Process(std::vector<std::string> argv);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process() { kill(); }

  pid_t pid() const { return pid_; }
  bool is_running() const { return pid_ > 0; }
  void signal(int number) const;
  // SIGKILL, and waits.
  void kill();
  // Waits for the end and returns the exit status, 128 + signal if one killed it; -1 if it does not end in
  // time.
  int wait(std::chrono::milliseconds limit = std::chrono::seconds(20));
  // Reads until `text` was said; false if it was not in time.
  bool says(const std::string& text, std::chrono::milliseconds limit = std::chrono::seconds(20));
  // Everything said so far.
  const std::string& output() const { return output_; }

 private:
  bool read_more(int timeout_ms);

  pid_t pid_ = -1;
  Fd pipe_;
  std::string output_;
};

// Runs a program to its end.
struct Finished {
  int status = -1;
  std::string output;
};
Finished run(std::vector<std::string> argv);

}  // namespace bmc::test

#endif

// SPDX-License-Identifier: Apache-2.0
// Child processes and sockets of the loopback interface, for tests.
#ifndef BMC_KV_TESTS_PROCESS_H
#define BMC_KV_TESTS_PROCESS_H

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control-plane/fd.h"

namespace bmc::kv::test {

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

// A port of 127.0.0.1 that was free for TCP and UDP a moment ago.
std::uint16_t free_port();

// A connection to 127.0.0.1:port; none if nobody listens within ten seconds.
Fd connect_to(std::uint16_t port);

void send_all(int socket, const std::string& text);
// Reads until what came ends with `end`, or is `bytes` long, or the peer closes, or nothing comes for ten
// seconds.
std::string receive(int socket, const std::string& end, std::size_t bytes = SIZE_MAX);
// Both.
std::string ask(int socket, const std::string& text, const std::string& end = "\r\n");

// Asks again and again until it is true; false after `limit`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(20));

}  // namespace bmc::kv::test

#endif

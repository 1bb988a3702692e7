// SPDX-License-Identifier: Apache-2.0
// Child processes for tests; see process.h.
#include "control-plane/tests/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace bmc::test {
namespace {

using Clock = std::chrono::steady_clock;

int milliseconds_until(Clock::time_point when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - Clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

}  // namespace

Process::Process(std::vector<std::string> argv) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  pipe_ = Fd(ends[0]);
  const Fd write_end(ends[1]);
  std::vector<char*> words;
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(write_end.get(), STDOUT_FILENO);
    ::dup2(write_end.get(), STDERR_FILENO);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pipe_(std::move(other.pipe_)), output_(std::move(other.output_)) {}

Process& Process::operator=(Process&& other) noexcept {
  kill();
  pid_ = std::exchange(other.pid_, -1);
  pipe_ = std::move(other.pipe_);
  output_ = std::move(other.output_);
  return *this;
}

void Process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void Process::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool Process::read_more(int timeout_ms) {
  pollfd readable = {pipe_.get(), POLLIN, 0};
  if (!pipe_ || ::poll(&readable, 1, timeout_ms) != 1) return false;
  char buffer[4096];
  const ssize_t bytes = ::read(pipe_.get(), buffer, sizeof buffer);
  if (bytes <= 0) {
    pipe_.reset();
    return false;
  }
  output_.append(buffer, static_cast<std::size_t>(bytes));
  return true;
}

int Process::wait(std::chrono::milliseconds limit) {
  const auto give_up = Clock::now() + limit;
  while (pipe_ && Clock::now() < give_up) read_more(milliseconds_until(give_up));
  if (pipe_ || pid_ <= 0) return -1;  // the pipe ends with the process
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Process::says(const std::string& text, std::chrono::milliseconds limit) {
  const auto give_up = Clock::now() + limit;
  while (output_.find(text) == std::string::npos)
    if (!read_more(milliseconds_until(give_up))) return false;
  return true;
}

Finished run(std::vector<std::string> argv) {
  Process process(std::move(argv));
  const int status = process.wait(std::chrono::seconds(60));
  return {status, process.output()};
}

}  // namespace bmc::test

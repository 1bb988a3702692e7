// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/kv/tests/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace bmc::kv::test {
namespace {

using Clock = std::chrono::steady_clock;

int milliseconds_until(Clock::time_point when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - Clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool can_bind(int type, std::uint16_t port) {
  const Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
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

std::uint16_t free_port() {
  for (int tries = 0; tries < 100; ++tries) {
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof address;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
    if (can_bind(SOCK_DGRAM, ntohs(address.sin_port))) return ntohs(address.sin_port);
  }
  ADD_FAILURE() << "no free port";
  return 0;
}

Fd connect_to(std::uint16_t port) {
  const auto give_up = Clock::now() + std::chrono::seconds(10);
  while (Clock::now() < give_up) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return socket;
    ::poll(nullptr, 0, 2);  // nothing tells when a stranger begins to listen
  }
  return Fd();
}

void send_all(int socket, const std::string& text) {
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t bytes = ::send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (bytes <= 0) return;
    sent += static_cast<std::size_t>(bytes);
  }
}

std::string receive(int socket, const std::string& end, std::size_t bytes) {
  std::string got;
  pollfd readable = {socket, POLLIN, 0};
  while (!(got.ends_with(end) && !end.empty()) && got.size() < bytes && ::poll(&readable, 1, 10'000) == 1) {
    char buffer[65536];
    const ssize_t some = ::recv(socket, buffer, std::min(sizeof buffer, bytes - got.size()), 0);
    if (some <= 0) break;
    got.append(buffer, static_cast<std::size_t>(some));
  }
  return got;
}

std::string ask(int socket, const std::string& text, const std::string& end) {
  send_all(socket, text);
  return receive(socket, end);
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto give_up = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= give_up) return false;
    ::poll(nullptr, 0, 5);  // another process's state: there is nothing to wait for
  }
  return true;
}

}  // namespace bmc::kv::test

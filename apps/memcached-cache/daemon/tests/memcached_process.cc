// SPDX-License-Identifier: Apache-2.0
// Starting, stopping and talking to a real memcached.
#include "apps/memcached-cache/daemon/tests/memcached_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bmc::cache::test {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

namespace {

bool can_bind(int type, std::uint16_t port) {
  const Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

std::uint16_t free_port() {
  for (int tries = 0; tries < 100; tries++) {
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
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (std::chrono::steady_clock::now() < give_up) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return socket;
    ::poll(nullptr, 0, 2);  // nothing tells when a stranger begins to listen
  }
  return Fd();
}

std::string talk(int socket, const std::string& text, const std::string& end) {
  if (::send(socket, text.data(), text.size(), MSG_NOSIGNAL) < 0) return {};
  std::string got;
  pollfd readable = {socket, POLLIN, 0};
  while (!got.ends_with(end) && ::poll(&readable, 1, 5000) == 1) {
    char buffer[4096];
    const ssize_t bytes = ::recv(socket, buffer, sizeof buffer, 0);
    if (bytes <= 0) break;
    got.append(buffer, static_cast<std::size_t>(bytes));
  }
  return got;
}

MemcachedProcess::MemcachedProcess(std::vector<std::string> options, std::uint16_t port)
    : options_(std::move(options)), port_(port != 0 ? port : free_port()) {
  start();
}

void MemcachedProcess::start_again() { start(); }

void MemcachedProcess::start() {
  std::vector<std::string> words = {
      "memcached", "-u",        "root", "-p", std::to_string(port_), "-U", std::to_string(port_),
      "-l",        "127.0.0.1", "-t",   "2"};
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  if (!connect_to(port_)) {
    ADD_FAILURE() << "memcached does not listen on port " << port_;
    kill();
    port_ = 0;
  }
}

void MemcachedProcess::stop() {
  ::kill(pid_, SIGSTOP);
  int status = 0;
  ASSERT_EQ(::waitpid(pid_, &status, WUNTRACED), pid_);
  ASSERT_TRUE(WIFSTOPPED(status));
}

void MemcachedProcess::resume() { ::kill(pid_, SIGCONT); }

void MemcachedProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool run_until(boost::asio::io_context& loop, const std::function<bool()>& done,
               std::chrono::milliseconds limit) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= give_up) return false;
    loop.restart();
    if (loop.run_one_until(give_up) == 0 && !done()) return false;
  }
  return true;
}

}  // namespace bmc::cache::test

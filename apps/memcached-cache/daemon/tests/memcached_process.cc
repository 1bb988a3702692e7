// SPDX-License-Identifier: Apache-2.0
// Starting, stopping and talking to a real memcached.
#include "apps/memcached-cache/daemon/tests/memcached_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

namespace bmc::cache::test {

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
  process_ = Process(std::move(words));
  if (!connect_to(port_)) {
    ADD_FAILURE() << "memcached does not listen on port " << port_;
    kill();
    port_ = 0;
  }
}

void MemcachedProcess::stop() {
  process_.signal(SIGSTOP);
  int status = 0;
  ASSERT_EQ(::waitpid(pid(), &status, WUNTRACED), pid());
  ASSERT_TRUE(WIFSTOPPED(status));
}

void MemcachedProcess::resume() { process_.signal(SIGCONT); }

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

// SPDX-License-Identifier: Apache-2.0
// MemcachedProcess: a real memcached on a free port of the loopback interface, for tests.
#ifndef BMC_CACHE_DAEMON_TESTS_MEMCACHED_PROCESS_H
#define BMC_CACHE_DAEMON_TESTS_MEMCACHED_PROCESS_H

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control-plane/endpoint.h"
#include "control-plane/tests/loopback.h"
#include "control-plane/tests/process.h"

namespace bmc::cache::test {

using namespace bmc::test;

// Killed when it goes. Any failure to start is reported through GoogleTest and leaves port() 0.
class MemcachedProcess {
 public:
  // `options` come after "-p PORT -U PORT -l 127.0.0.1"; "-U", "0" switches UDP off.
  explicit MemcachedProcess(std::vector<std::string> options = {}, std::uint16_t port = 0);
  MemcachedProcess(const MemcachedProcess&) = delete;
  MemcachedProcess& operator=(const MemcachedProcess&) = delete;
  ~MemcachedProcess() = default;

  std::uint16_t port() const { return port_; }
  Endpoint endpoint() const { return {boost::asio::ip::make_address("127.0.0.1"), port_}; }
  pid_t pid() const { return process_.pid(); }

  void stop();                      // SIGSTOP, returns when every thread has stopped
  void resume();                    // SIGCONT
  void kill() { process_.kill(); }  // SIGKILL, and waits
  void start_again();               // after kill(): the same options, the same port

 private:
  void start();

  std::vector<std::string> options_;
  Process process_;
  std::uint16_t port_ = 0;
};

// Runs the loop until `done` is true; false when `limit` has passed before.
bool run_until(boost::asio::io_context& loop, const std::function<bool()>& done,
               std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace bmc::cache::test

#endif

// SPDX-License-Identifier: Apache-2.0
// MemcachedProcess: a real memcached on a free port of the loopback interface, for tests.
#ifndef BMC_CACHE_DAEMON_TESTS_MEMCACHED_PROCESS_H
#define BMC_CACHE_DAEMON_TESTS_MEMCACHED_PROCESS_H

#include <netinet/in.h>
#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control-plane/config.h"
#include "control-plane/fd.h"

namespace bmc::cache::test {

// Killed when it goes. Any failure to start is reported through GoogleTest and leaves port() 0.
class MemcachedProcess {
 public:
  // `options` come after "-p PORT -U PORT -l 127.0.0.1"; "-U", "0" switches UDP off.
  explicit MemcachedProcess(std::vector<std::string> options = {}, std::uint16_t port = 0);
  MemcachedProcess(const MemcachedProcess&) = delete;
  MemcachedProcess& operator=(const MemcachedProcess&) = delete;
  ~MemcachedProcess() { kill(); }

  std::uint16_t port() const { return port_; }
  Endpoint endpoint() const { return {boost::asio::ip::make_address("127.0.0.1"), port_}; }
  pid_t pid() const { return pid_; }

  void stop();         // SIGSTOP, returns when every thread has stopped
  void resume();       // SIGCONT
  void kill();         // SIGKILL and waits
  void start_again();  // after kill(): the same options, the same port

 private:
  void start();

  std::vector<std::string> options_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

// 127.0.0.1:port.
sockaddr_in loopback(std::uint16_t port);

// A port of 127.0.0.1 that was free for TCP and UDP a moment ago.
std::uint16_t free_port();

// A connected TCP socket to 127.0.0.1:port, and one exchange on it: sends `text`, reads until what came ends
// with `end` (or five seconds have passed).
Fd connect_to(std::uint16_t port);
std::string talk(int socket, const std::string& text, const std::string& end);

// Runs the loop until `done` is true; false when `limit` has passed before.
bool run_until(boost::asio::io_context& loop, const std::function<bool()>& done,
               std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace bmc::cache::test

#endif

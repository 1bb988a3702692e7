// SPDX-License-Identifier: Apache-2.0
// Starts, stops, freezes and restarts the real memcached inside a namespace. Used by every whole-system test.
#ifndef BMC_NETNS_TESTS_MEMCACHED_H
#define BMC_NETNS_TESTS_MEMCACHED_H

#include <memory>
#include <string>
#include <vector>

#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/process.h"
#include "netns-tests/lib/tcp_client.h"

namespace bmc::lab {

struct MemcachedOptions {
  unsigned threads = 4;
  unsigned memory_mb = 64;
  uint16_t port = 11211;
  uint16_t udp_port = 11211;          ///< 0: off
  std::vector<std::string> listen{};  ///< -l; empty: every address, IPv4 and IPv6
  std::string unix_socket{};          ///< not empty: -s (then no network at all)
  std::vector<std::string> extra{};   ///< e.g. {"-Y", "/tmp/auth"}
  bool wait_ready = true;             ///< wait until it answers TCP and UDP
};

class Memcached {
 public:
  Memcached(const Netns& netns, MemcachedOptions options = {});

  const Netns& netns() const { return netns_; }
  pid_t pid() const { return process_->pid(); }
  uint16_t port() const { return options_.port; }
  Process& process() { return *process_; }
  Endpoint loopback(bool v6 = false) const { return {v6 ? "::1" : "127.0.0.1", options_.port}; }

  /// SIGSTOP; returns when every thread is stopped.
  void freeze();
  void thaw();
  /// SIGKILL and reaped: all its sockets are closed when this returns.
  void kill_hard();
  /// Starts it again after kill_hard(). `same_pid`: under the pid it had.
  void start_again(bool same_pid = false);
  /// The value of a line of `stats [section]`, "" when absent.
  std::string stat(const std::string& name, const std::string& section = "");
  /// Whether a TCP connection from local port `client_port` is still open in memcached (`stats conns`).
  bool has_connection_from(uint16_t client_port);

 private:
  std::vector<std::string> command_line() const;
  void wait_ready();
  TcpClient connect_loopback() const;

  const Netns& netns_;
  MemcachedOptions options_;
  std::unique_ptr<Process> process_;
};

}  // namespace bmc::lab

#endif

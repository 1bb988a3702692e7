// SPDX-License-Identifier: Apache-2.0
// An executor for tests of sockets: turned by the test's own thread until what it waits for has happened.
#ifndef BMC_PAXOS_RUNTIME_TESTS_LOOP_H
#define BMC_PAXOS_RUNTIME_TESTS_LOOP_H

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "apps/paxos/runtime/endpoint.h"

namespace bmc::paxos::runtime {

// Generous: only a test that fails waits for it.
inline constexpr std::chrono::seconds kPatience{60};

class Loop {
 public:
  boost::asio::io_context& context() { return context_; }
  boost::asio::any_io_executor executor() { return context_.get_executor(); }

  // Handles events until `happened`; false: it never did.
  bool run_until(const std::function<bool()>& happened) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!happened()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context_.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
};

// An address with a port that is free for UDP and TCP now. Taken from the range below the one that the kernel
// gives to clients, so that no client of another test takes it before it is used.
inline Endpoint free_endpoint(const std::string& address = "127.0.0.1") {
  static std::uint16_t next = static_cast<std::uint16_t>(10'000 + ::getpid() * 37 % 20'000);
  const auto is_free = [](const Endpoint& endpoint, int type) {
    const int fd = ::socket(endpoint.protocol().family(), type | SOCK_CLOEXEC, 0);
    const bool bound = ::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
    ::close(fd);
    return bound;
  };
  for (;;) {
    next = next >= 32'000 ? 10'000 : static_cast<std::uint16_t>(next + 1);
    const Endpoint endpoint(boost::asio::ip::make_address(address), next);
    if (is_free(endpoint, SOCK_DGRAM) && is_free(endpoint, SOCK_STREAM)) return endpoint;
  }
}

}  // namespace bmc::paxos::runtime

#endif

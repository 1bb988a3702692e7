// SPDX-License-Identifier: Apache-2.0
// CacheAppFixture: the whole cache in this process, in a network namespace of its own, beside a real
// memcached. The served interface is the loopback interface, so that one namespace is enough.
#ifndef BMC_CACHE_DAEMON_TESTS_CACHE_APP_FIXTURE_H
#define BMC_CACHE_DAEMON_TESTS_CACHE_APP_FIXTURE_H

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "apps/memcached-cache/daemon/cache_app.h"
#include "apps/memcached-cache/daemon/tests/memcached_process.h"
#include "control-plane/interface_watch.h"
#include "control-plane/pins.h"

namespace bmc::cache::test {

class CacheAppFixture : public testing::Test {
 protected:
  // Once for the process: a network namespace with the loopback interface up.
  static void SetUpTestSuite();

  void SetUp() override;
  void TearDown() override;

  // Starts bmcd's cache for `server` (port 0: it finds them), on the pins that are there.
  void start_app(const Endpoint& server);
  void stop_app();

  // Runs the loop until `done`; asks again whenever something happened, or every 20 ms.
  bool run(const std::function<bool()>& done, std::chrono::milliseconds limit = std::chrono::seconds(40));
  // Runs the loop for a time.
  void pass(std::chrono::milliseconds time);

  control::Response ask(const control::Request& request);
  // State of the only server, as `bmcctl status` shows it.
  std::string server_state();
  bool wait_serving() {
    return run([this] { return server_state() == "serving"; });
  }
  // What the kernel's cache holds under a key: "servable", "expiry not known yet"...; empty: nothing.
  std::string state_of(const std::string& key, control::Entry* entry = nullptr);
  std::uint64_t statistic(const std::string& name);

  // One get over UDP; the value, or "" for a miss or none within a second. Runs the loop meanwhile.
  std::string udp_get(std::uint16_t port, const std::string& key);
  // Any command over UDP, without waiting for an answer.
  void udp_send(std::uint16_t port, const std::string& command);

  boost::asio::io_context loop_;
  Config config_;
  std::string failure_;  // what the app reported as fatal
  std::optional<Pins> pins_;
  std::optional<InterfaceWatch> interfaces_;
  std::unique_ptr<App> app_;
  Fd udp_;
  std::uint16_t request_id_ = 0;
};

}  // namespace bmc::cache::test

#endif

// SPDX-License-Identifier: Apache-2.0
// A modest stream of UDP GETs in the background that counts what was lost and what was wrong. Used by tests
// that restart things under load.
#ifndef BMC_NETNS_TESTS_TESTS_STEADY_LOAD_H
#define BMC_NETNS_TESTS_TESTS_STEADY_LOAD_H

#include <atomic>
#include <string>
#include <thread>

#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::lab {

/// Asks for `key` every 200 us, one request at a time; every reply must be `expected`.
class SteadyLoad {
 public:
  SteadyLoad(const Netns& netns, const Endpoint& server, std::string key, std::string expected)
      : udp_(netns, server),
        key_(std::move(key)),
        expected_(std::move(expected)),
        thread_([this] { loop(); }) {}
  ~SteadyLoad() { stop(); }
  SteadyLoad(const SteadyLoad&) = delete;
  SteadyLoad& operator=(const SteadyLoad&) = delete;

  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  uint64_t answered() const { return answered_; }
  uint64_t lost() const { return lost_; }
  uint64_t wrong() const { return wrong_; }
  /// Waits until `count` more requests were answered.
  bool wait_answered(uint64_t count, Deadline deadline) const {
    const uint64_t start = answered_;
    return eventually(deadline, [&] { return answered_ >= start + count; });
  }

 private:
  void loop() {
    while (!stop_) {
      const auto reply = udp_.request("get " + key_ + "\r\n", 500);
      if (!reply) {
        ++lost_;
        continue;
      }
      ++answered_;
      if (*reply != expected_) ++wrong_;
      wait_until_ns(now_ns() + 200'000);
    }
  }

  UdpClient udp_;
  std::string key_, expected_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> answered_{0}, lost_{0}, wrong_{0};
  std::thread thread_;
};

}  // namespace bmc::lab
#endif

// SPDX-License-Identifier: Apache-2.0
// Fixture of the accelerated tests: one memcached, one bmcd, a UDP reader that can tell who answered it.
// Used by the *_test.cc beside it.
#ifndef BMC_NETNS_TESTS_TESTS_ACCELERATED_H
#define BMC_NETNS_TESTS_TESTS_ACCELERATED_H

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "netns-tests/lib/bmcd.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/memcached.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::lab {

class Accelerated : public testing::Test {
 protected:
  void SetUp() override {
    if (!Bmcd::available()) GTEST_SKIP() << "this build has no bmcd";
  }

  void start_memcached(MemcachedOptions options = {}) {
    memcached_.emplace(lab_.server(), std::move(options));
  }
  /// Without keep-alive, which at times lets memcached answer what the kernel could have; KeepAliveTest has
  /// it.
  void start_bmcd(BmcdOptions options = {}) {
    if (options.extra.empty()) options.extra = {"--revalidate-after", "0"};
    bmcd_.emplace(lab_.server(), std::move(options));
  }
  /// Both, with their defaults, until bmcd serves: it first makes sure of what memcached received before it.
  void start() {
    start_memcached();
    start_bmcd();
    store("start", "v");
    ASSERT_TRUE(becomes_served("start", "v"));
  }

  static std::string hit(const std::string& key, const std::string& value) {
    return "VALUE " + key + " 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\nEND\r\n";
  }
  static constexpr const char* kMiss = "END\r\n";

  /// Over TCP on loopback, acknowledged.
  void store(const std::string& key, const std::string& value, int64_t exptime = 0);
  /// What memcached itself says (TCP, loopback).
  std::string truth(const std::string& key);
  /// One GET over UDP on the served interface; "" when nobody answers.
  std::string ask(const std::string& key, int64_t timeout_ms = 1000);
  /// As ask(), and whether it was the kernel who answered.
  struct Answer {
    std::string reply;
    bool from_kernel;
  };
  Answer ask_whom(const std::string& key);
  /// Asks until the kernel answers; every reply meanwhile must be `value`. False at the deadline.
  bool becomes_served(const std::string& key, const std::string& value, int64_t timeout_ms = 40'000);
  /// For `ms` every GET is answered, rightly, and none of them by the kernel.
  bool stays_unserved(const std::string& key, const std::string& reply, int64_t ms);
  /// Whether somebody answers while memcached is stopped: then it is the kernel. Needs no bmcd.
  bool answered_while_frozen(const std::string& key);

  Lab lab_;
  std::optional<Memcached> memcached_;
  std::optional<Bmcd> bmcd_;
  UdpClient udp_{lab_.client(), lab_.link().server()};
};

}  // namespace bmc::lab
#endif

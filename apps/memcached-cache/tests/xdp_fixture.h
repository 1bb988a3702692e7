// SPDX-License-Identifier: Apache-2.0
// The tested program on a small store, one packet at a time: verdict, every byte of the frame, the counter.
// Used by the xdp_*_test.cc.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "apps/memcached-cache/store/lookup.h"
#include "apps/memcached-cache/store/lookup_source.h"
#include "apps/memcached-cache/tests/bpf_run.h"
#include "apps/memcached-cache/tests/packet_builder.h"
#include "apps/memcached-cache/tests/store_fixture.h"
#include "xdp/tests/tested_program.h"

namespace bmc::test {

inline constexpr const char* kServerIp4 = "192.0.2.1";
inline constexpr const char* kServerIp6 = "2001:db8::1";
inline constexpr const char* kClientIp4 = "192.0.2.10";
inline constexpr const char* kClientIp6 = "2001:db8::10";
inline constexpr std::uint16_t kServerPort = 11211;
inline constexpr std::uint16_t kClientPort = 40000;
inline constexpr std::uint16_t kRequestId = 0x5a01;

// The maps and the store of the tested program.
class XdpProgram {
 public:
  static XdpProgram& get() {
    static XdpProgram program;
    return program;
  }

  int fd() const { return TestedProgram::get().fd(); }
  int allowed_fd() const { return TestedProgram::get().map_fd("allowed"); }
  int sources_fd() const { return TestedProgram::get().map_fd("sources"); }
  int samples_fd() const { return TestedProgram::get().map_fd("samples"); }
  CacheStore& store() { return store_; }

 private:
  CacheStore store_{TestedProgram::get().object()};
};

// What differs from a client's usual get.
struct Via {
  bool ipv6 = false;
  bool vlan = false;
};

// The frame of a client's datagram with this text.
inline Bytes request_frame(const std::string& text, Via via = {}, UDP udp = {}) {
  Layers link = via.vlan ? Ethernet{} / Vlan{} : Layers{{Ethernet{}}};
  Layers network = via.ipv6 ? std::move(link) / IPv6{} : std::move(link) / IPv4{};
  return frame(std::move(network) / udp / Memcached{} / Text{text});
}

// The frame that must answer it. Built anew from the outside in, not by changing the request.
inline Bytes reply_frame(const std::string& text, Via via = {}) {
  const Ethernet ethernet{.to = kClientMac, .from = kServerMac};
  Layers link = via.vlan ? ethernet / Vlan{} : Layers{{ethernet}};
  const IPv4 ip4{.from = kServerIp4, .to = kClientIp4, .ttl = 64, .id = kRequestId, .fragment = 0};
  const IPv6 ip6{.from = kServerIp6, .to = kClientIp6, .hop_limit = 64};
  Layers network = via.ipv6 ? std::move(link) / ip6 : std::move(link) / ip4;
  return frame(std::move(network) / UDP{.from = kServerPort, .to = kClientPort} / Memcached{} / Text{text});
}

inline std::string get_line(const std::string& keys) { return "get " + keys + "\r\n"; }

// Binds the calling thread to the nth of the CPUs it may use, if there are so many: two threads that are to
// race must not share one.
inline void bind_to_cpu(int nth) {
  cpu_set_t may{}, only{};
  sched_getaffinity(0, sizeof may, &may);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &may) && nth-- == 0) {
      CPU_SET(cpu, &only);
      sched_setaffinity(0, sizeof only, &only);
      return;
    }
  }
}

// Bytes as a dump, 16 a line, so that gtest's difference of two frames can be read.
inline std::string dump(const Bytes& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text += {kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15], i % 16 == 15 ? '\n' : ' '};
  }
  return text + "(" + std::to_string(bytes.size()) + " bytes)";
}

// Serves server 0 at kServerIp4 and kServerIp6; the store is empty.
class XdpTest : public testing::Test {
 protected:
  void SetUp() override {
    store().reset();
    store().serve(0, kServerIp4, kServerPort);
    store().serve(0, kServerIp6, kServerPort);
  }

  static CacheStore& store() { return XdpProgram::get().store(); }
  static cache_control& control() { return store().control(); }

  // Runs a frame and tells which counters rose; exactly one by one, else the test fails.
  struct Outcome {
    RunResult run;
    cache_counter counter;
  };
  static Outcome run(const Bytes& frame, const RunOptions& options = {}) {
    const Counters before = store().counters();
    Outcome outcome{run_xdp(XdpProgram::get().fd(), frame, options), CACHE_COUNTER_COUNT};
    std::uint64_t sum = 0;
    for (const auto& [counter, value] : store().counters()) {
      const auto old = before.find(counter);
      if (old != before.end() && old->second == value) continue;
      sum += value - (old == before.end() ? 0 : old->second);
      outcome.counter = counter;
    }
    EXPECT_EQ(sum, 1u) << "every packet counts exactly once";
    return outcome;
  }

  // The packet passes untouched, for this reason.
  static void expect_pass(const Bytes& frame, cache_counter reason, const RunOptions& options = {}) {
    const Outcome outcome = run(frame, options);
    EXPECT_EQ(outcome.run.verdict, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_STREQ(counter_reason(outcome.counter), counter_reason(reason));
    EXPECT_EQ(dump(outcome.run.frame), dump(frame)) << "a packet that passes is untouched";
  }

  // The packet is answered with exactly this frame.
  static void expect_hit(const Bytes& frame, const Bytes& reply, const RunOptions& options = {}) {
    const Outcome outcome = run(frame, options);
    EXPECT_EQ(outcome.run.verdict, static_cast<std::uint32_t>(XDP_TX));
    EXPECT_STREQ(counter_reason(outcome.counter), counter_reason(CACHE_TX_HIT));
    EXPECT_EQ(dump(outcome.run.frame), dump(reply));
  }

  // A client's get of these keys is answered with these texts.
  static void expect_answer(const std::string& keys, const std::string& texts, Via via = {}) {
    expect_hit(request_frame(get_line(keys), via), reply_frame(texts + "END\r\n", via));
  }

  static void expect_no_answer(const std::string& keys, cache_counter reason, Via via = {}) {
    expect_pass(request_frame(get_line(keys), via), reason);
  }
};

}  // namespace bmc::test

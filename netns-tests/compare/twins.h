// SPDX-License-Identifier: Apache-2.0
// Two servers, one plain and one under test, that are told the same; every reply must be the same, byte for
// byte. Used by Comparison.
#ifndef BMC_NETNS_TESTS_COMPARE_TWINS_H
#define BMC_NETNS_TESTS_COMPARE_TWINS_H

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns-tests/compare/step.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/memcached.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::compare {

/// One memcached in a laboratory of its own, and a connection to it for each channel.
class Twin {
 public:
  Twin();

  lab::Lab& lab() { return lab_; }
  lab::Memcached& memcached() { return memcached_; }
  /// UDP steps go to `port` from now on (a proxy in front of memcached).
  void set_udp_port(uint16_t port);

  lab::TcpClient& tcp(Channel channel);
  lab::UdpClient& udp(Channel channel);
  void reconnect(Channel channel);
  /// memcached's clock, seconds since it started.
  int64_t uptime();
  bool has(const std::string& key);

 private:
  lab::Lab lab_;
  lab::Memcached memcached_;
  uint16_t udp_port_ = lab::kMemcachedPort;
  std::array<std::optional<lab::TcpClient>, kChannels> tcp_;
  std::array<std::optional<lab::UdpClient>, kChannels> udp_;
};

struct Difference {
  std::string plain, tested;  ///< the replies, visible()
};

class Twins {
 public:
  Twin& plain() { return plain_; }
  Twin& tested() { return tested_; }

  /// Executes `step` on both; what differed, if anything.
  std::optional<Difference> execute(const Step& step);

 private:
  std::optional<Difference> execute_tcp(const Step& step);
  std::optional<Difference> execute_udp(const Step& step);
  void wait_gone(const std::vector<std::string>& keys);
  void wait_tick();

  /// A command whose reply nothing else can look like; kept in last_barrier_.
  const std::string& barrier(Channel channel);
  std::string barrier_reply(Channel channel) const;
  /// Everything the plain server answers to a step, or what came before it hung or closed.
  struct TcpReply {
    std::string bytes;
    bool closed = false;
    bool hung = false;
  };
  TcpReply plain_tcp(const Step& step);
  std::vector<lab::Datagram> collect_until_barrier(Twin& twin, Channel channel, uint16_t id);
  std::vector<lab::Datagram> collect_bytes(Twin& twin, Channel channel, uint16_t id, size_t payload_bytes);

  Twin plain_;
  Twin tested_;
  uint32_t barriers_ = 0;
  std::string last_barrier_;
  uint16_t udp_id_ = 0;
};

}  // namespace bmc::compare
#endif

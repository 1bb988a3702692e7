// SPDX-License-Identifier: Apache-2.0
// LyingServer: answers gets and sets over UDP and TCP with whatever a test wants. Used where the real
// memcached would have to be wrong.
#ifndef BMC_LOADGEN_TESTS_LYING_SERVER_H
#define BMC_LOADGEN_TESTS_LYING_SERVER_H

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/netns.h"

namespace bmc::loadgen {

// Gets one request's text, its lines included. Each string of the answer is one datagram (its frame header is
// put before it), or so many bytes of a stream.
using Liar = std::function<std::vector<std::string>(const std::string& request)>;

class LyingServer {
 public:
  // On `port` of every IPv4 address in `netns`, until destroyed.
  LyingServer(const lab::Netns& netns, std::uint16_t port, Liar liar);
  ~LyingServer();
  LyingServer(const LyingServer&) = delete;
  LyingServer& operator=(const LyingServer&) = delete;

 private:
  struct Connection {
    lab::Fd socket;
    std::string unread;
  };

  void loop();
  void answer_datagram();
  bool answer_stream(Connection& connection);

  Liar liar_;
  lab::Fd udp_, listener_, stop_;
  std::vector<Connection> connections_;
  std::thread thread_;
};

}  // namespace bmc::loadgen

#endif

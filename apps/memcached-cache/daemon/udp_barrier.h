// SPDX-License-Identifier: Apache-2.0
// UdpBarrier: proves up to when every datagram that reached memcached's UDP sockets is executed or gone.
// Used by ServerLink, which publishes the moment as server_state.barrier_done_ns.
#ifndef BMC_CACHE_DAEMON_UDP_BARRIER_H
#define BMC_CACHE_DAEMON_UDP_BARRIER_H

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "apps/memcached-cache/daemon/quarantine.h"
#include "control-plane/config.h"
#include "control-plane/lifetime.h"
#include "control-plane/result.h"

namespace bmc::cache {

// A socket's queue is first in, first out. So a `version` of our own through the same socket, answered, says
// that every datagram before it left the queue (read, or dropped when it was full); then Quarantine.
class UdpBarrier {
 public:
  struct Timing {
    std::uint64_t interval_ns = kSecondNs / 2;
    std::uint64_t quarantine_ns = kQuarantineNs;
  };

  explicit UdpBarrier(boost::asio::io_context& loop) : UdpBarrier(loop, Timing{}) {}
  UdpBarrier(boost::asio::io_context& loop, Timing timing);

  // Begins anew, with one endpoint per UDP socket of the server. Fails where a socket cannot be made.
  Result<void> start(const std::vector<Endpoint>& endpoints);
  void stop();

  // Every datagram that arrived at any of the sockets before this moment is executed or gone; 0: not known,
  // or stopped. Started without endpoints (UDP is off): any moment.
  std::uint64_t settled_ns() const;

  std::uint64_t sent() const { return sent_; }
  std::uint64_t answered() const { return answered_; }

 private:
  struct Target {
    Target(boost::asio::io_context& loop, std::uint64_t quarantine_ns)
        : socket(loop), quarantine(quarantine_ns) {}

    boost::asio::ip::udp::socket socket;
    Quarantine quarantine;
    std::array<std::uint64_t, 16> sent_ns = {};  // of the last barriers, by request id; 0: answered or none
    std::uint16_t next_id = 0;
    std::array<char, 64> input = {};
  };

  Result<void> add(const Endpoint& endpoint);
  void round();
  void send(Target& target);
  void receive(Target& target);
  void take(Target& target, std::size_t bytes);

  boost::asio::io_context& loop_;
  const Timing timing_;
  boost::asio::steady_timer timer_;
  std::vector<std::unique_ptr<Target>> targets_;
  bool started_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  Lifetime run_;
};

}  // namespace bmc::cache

#endif

// SPDX-License-Identifier: Apache-2.0
// Sending and matching of the barrier datagrams.
#include "apps/memcached-cache/daemon/udp_barrier.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "apps/memcached-cache/abi/cache_abi.h"

namespace bmc::cache {
namespace {

constexpr std::string_view kCommand = "version\r\n";
constexpr std::string_view kAnswer = "VERSION ";

// A datagram is stamped at the cgroup hook, some code before it stands in the socket's queue; another
// processor may have put our barrier in front of it meanwhile. The same softirq does both: far less than
// this.
constexpr std::uint64_t kOnItsWayNs = 100 * kMillisecondNs;

using Datagram = std::array<char, CACHE_UDP_HEADER + kCommand.size()>;

// memcached's frame: request id, sequence number, number of datagrams, reserved; big-endian.
Datagram barrier(std::uint16_t id) {
  Datagram datagram = {static_cast<char>(id >> 8), static_cast<char>(id), 0, 0, 0, 1, 0, 0};
  std::memcpy(datagram.data() + CACHE_UDP_HEADER, kCommand.data(), kCommand.size());
  return datagram;
}

}  // namespace

UdpBarrier::UdpBarrier(boost::asio::io_context& loop, Timing timing)
    : loop_(loop), timing_(timing), timer_(loop) {}

Result<void> UdpBarrier::start(const std::vector<Endpoint>& endpoints) {
  stop();
  for (const Endpoint& endpoint : endpoints) {
    if (Result<void> added = add(endpoint); !added) {
      stop();
      return added;
    }
  }
  started_ = true;
  for (const auto& target : targets_) receive(*target);
  if (!targets_.empty()) round();
  return {};
}

void UdpBarrier::stop() {
  run_.end();
  timer_.cancel();
  targets_.clear();
  started_ = false;
}

Result<void> UdpBarrier::add(const Endpoint& endpoint) {
  auto target = std::make_unique<Target>(loop_, timing_.quarantine_ns);
  const boost::asio::ip::udp::endpoint peer(endpoint.address, endpoint.port);
  boost::system::error_code code;
  target->socket.open(peer.protocol(), code);
  if (!code) target->socket.connect(peer, code);
  if (!code) target->socket.non_blocking(true, code);
  if (code)
    return Error{code.value(),
                 "cannot reach memcached's UDP socket " + to_string(endpoint) + ": " + code.message()};
  targets_.push_back(std::move(target));
  return {};
}

void UdpBarrier::round() {
  for (const auto& target : targets_) send(*target);
  timer_.expires_after(duration(timing_.interval_ns));
  timer_.async_wait(run_.guard([this](const boost::system::error_code& code) {
    if (!code) round();
  }));
}

void UdpBarrier::send(Target& target) {
  const std::uint16_t id = target.next_id++;
  target.sent_ns[id % target.sent_ns.size()] = monotonic_ns();
  boost::system::error_code code;
  target.socket.send(boost::asio::buffer(barrier(id)), 0, code);
  // A barrier that was not sent (memcached is down: ECONNREFUSED) is not answered either.
  if (!code) sent_++;
}

void UdpBarrier::receive(Target& target) {
  target.socket.async_receive(
      boost::asio::buffer(target.input),
      run_.guard([this, &target](const boost::system::error_code& code, std::size_t bytes) {
        if (!code) take(target, bytes);
        receive(target);  // an error here tells of one datagram, not of the socket
      }));
}

void UdpBarrier::take(Target& target, std::size_t bytes) {
  const auto* input = reinterpret_cast<const unsigned char*>(target.input.data());
  if (bytes < CACHE_UDP_HEADER + kAnswer.size()) return;
  if (std::memcmp(input + CACHE_UDP_HEADER, kAnswer.data(), kAnswer.size()) != 0) return;
  const auto id = static_cast<std::uint16_t>(input[0] << 8 | input[1]);
  const auto age = static_cast<std::uint16_t>(target.next_id - 1 - id);
  if (age >= target.sent_ns.size()) return;
  const std::uint64_t sent = std::exchange(target.sent_ns[id % target.sent_ns.size()], 0);
  if (sent == 0) return;
  answered_++;
  target.quarantine.answered(sent, monotonic_ns());
}

std::uint64_t UdpBarrier::settled_ns() const {
  if (!started_) return 0;
  std::uint64_t settled = std::numeric_limits<std::uint64_t>::max();
  for (const auto& target : targets_) settled = std::min(settled, target->quarantine.settled_ns());
  if (targets_.empty()) return settled;
  return settled > kOnItsWayNs ? settled - kOnItsWayNs : 0;
}

}  // namespace bmc::cache

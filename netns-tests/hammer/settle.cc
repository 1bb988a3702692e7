// SPDX-License-Identifier: Apache-2.0
// Writer: connections, resets, and the certainty that a write of unknown outcome cannot take effect any more.
// A single writer per key is only an order if nothing of the past comes back; see writer.h.
#include <algorithm>

#include "netns-tests/hammer/writer.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::hammer {
namespace {

constexpr size_t kConnections = 2;
constexpr int64_t kDirectPatienceMs = 5000;
constexpr int64_t kFaultyPatienceMs = 10'000;
constexpr int64_t kUdpPatienceMs = 300;
// A worker that took a datagram off the socket just before the first barrier has run by then.
constexpr int kBarriers = 64;
constexpr int64_t kBarrierTime = 100 * lab::kMillisecond;

}  // namespace

int64_t Writer::patience_ms() const {
  if (plan_.transport == Transport::kUdp) return kUdpPatienceMs;
  return plan_.faulty != nullptr ? kFaultyPatienceMs : kDirectPatienceMs;
}

unsigned Writer::index_of(const Operation& operation) const {
  const auto number = static_cast<unsigned>(std::stoul(operation.key.substr(operation.key.find(':') + 1)));
  return number % static_cast<unsigned>(beliefs_.size());
}

void Writer::reconnect() {
  incarnation_ = board_.incarnation();
  ++board_.statistics.reconnects;
  if (plan_.transport == Transport::kUdp) {
    udp_.emplace(*plan_.netns, plan_.server);
    return;
  }
  connections_.clear();
  while (connections_.size() < kConnections && board_.wait_up()) {
    if (auto connection = lab::TcpClient::try_connect(*plan_.netns, plan_.server, 3000))
      connections_.push_back(std::move(*connection));
    incarnation_ = board_.incarnation();
  }
}

/// Sends a batch, or a part of one, and tears the connection down at once.
void Writer::reset_in_flight() {
  const Batch batch = begin_batch();
  std::string bytes;
  for (const auto& operation : batch.operations)
    bytes += plan_.transport == Transport::kText ? encode_text(operation) : encode_binary(operation);
  ++board_.statistics.resets;
  if (random_.chance(0.3)) bytes.resize(1 + random_.below(bytes.size()));
  const uint16_t port = connections_[current_].local_port();
  connections_[current_].send(bytes);
  connections_[current_].reset();
  if (settle(port)) reconnect();
}

bool Writer::settle(uint16_t reset_port) {
  while (!board_.stopping()) {
    try {
      if (settle_once(reset_port)) return true;
    } catch (const lab::LabError&) {
      // memcached went down meanwhile: once more with the next one.
    }
  }
  return false;
}

bool Writer::settle_once(uint16_t reset_port) {
  if (!board_.wait_up()) return false;
  const uint64_t incarnation = board_.incarnation();
  if (plan_.faulty != nullptr && !plan_.faulty->wait_drained(lab::Deadline::in_ms(2000))) return false;
  // A lost RST leaves the connection open in memcached for good; then the barriers must do: its bytes, if any
  // arrived, were readable before the first of them was sent.
  if (reset_port != 0 && incarnation == incarnation_)
    lab::eventually(lab::Deadline::in_ms(1000), [&] { return !memcached_.has_connection_from(reset_port); });
  return barriers_answered() && incarnation == board_.incarnation();
}

bool Writer::barriers_answered() {
  lab::UdpClient barrier(memcached_.netns(), memcached_.loopback());
  const int64_t start = lab::now_ns();
  for (int answered = 0; answered < kBarriers || lab::now_ns() - start < kBarrierTime; ++answered) {
    if (board_.stopping() || !barrier.request("version\r\n", 500)) return false;
    if (answered > kBarriers) board_.pause(lab::kMillisecond);
  }
  return true;
}

}  // namespace bmc::hammer

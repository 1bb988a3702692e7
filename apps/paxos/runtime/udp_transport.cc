// SPDX-License-Identifier: Apache-2.0
// Receiving in bursts, sending in bursts, and letting fragments out slowly.
#include "apps/paxos/runtime/udp_transport.h"

#include <algorithm>
#include <bit>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "apps/paxos/runtime/bundle.h"
#include "apps/paxos/runtime/clock.h"

namespace bmc::paxos::runtime {
namespace {

constexpr std::size_t kBurstsAtOnce = 4;                // then others of the executor have their turn
constexpr std::ptrdiff_t kBundleSearch = 16;            // datagrams, for one with room
constexpr std::size_t kQueueMax = 8192;                 // datagrams waiting for the kernel to take them
constexpr std::size_t kFragmentedBytesMax = 16u << 20;  // of messages waiting to leave in fragments
// 24 fragments of 1452 bytes every millisecond, 35 MB/s: a default receive buffer (208 KiB, of which each
// takes 2.3) holds three milliseconds of that.
constexpr std::size_t kFragmentsAtOnce = 24;
constexpr std::chrono::milliseconds kFragmentPause{1};
// What paths are known to take when they do not take more: IPv6's least MTU, then what every IPv4 host must.
constexpr std::size_t kSmallerDatagrams[] = {1232, 548};

}  // namespace

Result<std::unique_ptr<UdpTransport>> UdpTransport::open(boost::asio::any_io_executor executor,
                                                         std::shared_ptr<Monitor> monitor,
                                                         const UdpConfig& config, UdpHandlers handlers) {
  auto socket = DatagramSocket::open(executor, config.bind, config.socket_buffer_bytes);
  if (!socket) return socket.error();
  std::unique_ptr<UdpTransport> transport(new UdpTransport(std::move(executor), std::move(monitor), config,
                                                           std::move(handlers), *std::move(socket)));
  transport->wait_readable();
  return transport;
}

UdpTransport::UdpTransport(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor,
                           const UdpConfig& config, UdpHandlers handlers, DatagramSocket socket)
    : executor_(executor),
      monitor_(std::move(monitor)),
      cluster_id_(config.cluster_id),
      busy_poll_us_(config.busy_poll_us),
      handlers_(std::move(handlers)),
      socket_(std::move(socket)),
      pace_timer_(std::move(executor)),
      reassembler_(config.message_bytes_max, config.reassembly_bytes_max),
      datagram_bytes_max_(config.datagram_bytes_max) {}

void UdpTransport::wait_readable() {
  if (waiting_readable_) return;
  waiting_readable_ = true;
  socket_.socket().async_wait(boost::asio::ip::udp::socket::wait_read,
                              guarded(monitor_, [this](const boost::system::error_code& error) {
                                waiting_readable_ = false;
                                if (!error && !is_polling_) poll();
                              }));
}

// Receives, and if anything came looks again and again for a while: who has just sent is likely to be
// answered soon, and a thread that does not sleep need not be woken. In between the executor does other work,
// and the processor other threads'.
void UdpTransport::poll() {
  if (!receiving_) return;
  bool received = receive();
  if (busy_poll_us_ == 0) return wait_readable();
  if (is_polling_ && !received && handlers_.look) received = handlers_.look();
  const Micros now = monotonic_us();
  if (received) {
    poll_until_ = now + busy_poll_us_;
  } else {
    std::this_thread::yield();
  }
  const bool was_polling = std::exchange(is_polling_, now < poll_until_);
  if (is_polling_) return poll_again();
  if (was_polling) handlers_.done();
  wait_readable();
}

void UdpTransport::poll_again() {
  boost::asio::post(executor_, guarded(monitor_, [this] { poll(); }));
}

void UdpTransport::stay_awake() {
  if (busy_poll_us_ == 0) return;
  poll_until_ = monotonic_us() + busy_poll_us_;
  if (!std::exchange(is_polling_, true)) poll_again();
}

// Whether anything came.
bool UdpTransport::receive() {
  for (std::size_t burst = 0; burst < kBurstsAtOnce; burst++) {
    const std::size_t count = socket_.receive();
    if (count == 0) return burst > 0;
    counters_.received += count;
    for (std::size_t i = 0; i < count; i++) take(socket_.from(i), socket_.datagram(i));
    handlers_.done();
    if (count < DatagramSocket::kBatch) break;
  }
  return true;
}

void UdpTransport::take(const Endpoint& from, std::string_view datagram) {
  const auto claim = fragment_claim(datagram);
  if (!claim) {
    do {
      const std::string_view message = first_message(datagram);
      handlers_.message(from, message);
      datagram.remove_prefix(message.size());
    } while (!datagram.empty());
  } else if (claim->cluster_id != cluster_id_ || !handlers_.may_fragment(from, claim->sender)) {
    counters_.fragments_refused++;
  } else if (const auto message = reassembler_.add(monotonic_us(), from, datagram)) {
    handlers_.message(from, *message);
  }
}

void UdpTransport::send(const Endpoint& to, std::shared_ptr<const std::string> message) {
  if (message->size() > datagram_bytes_max_) {
    send_fragments(to, std::move(message));
  } else if (queue_.size() < kQueueMax) {
    queue_.push_back({to, std::move(message)});
  } else {
    counters_.send_dropped++;
  }
}

// Into the last datagram that waits for the same address, unless too many others came between.
void UdpTransport::send_bundled(const Endpoint& to, std::shared_ptr<const std::string> message) {
  const auto begin = queue_.end() - std::min<std::ptrdiff_t>(std::ssize(queue_), kBundleSearch);
  const auto found = std::find_if(begin, queue_.end(), [&](const OutgoingDatagram& each) {
    return each.to == to && each.bytes->size() + message->size() <= datagram_bytes_max_;
  });
  if (found == queue_.end()) return send(to, std::move(message));
  auto bundle = std::make_shared<std::string>();
  bundle->reserve(datagram_bytes_max_);
  bundle->append(*found->bytes).append(*message);
  found->bytes = std::move(bundle);
  found->is_bundle = true;
}

// A message that is asked to be sent again while it still waits needs no second place: it is as slow as we
// made it.
void UdpTransport::send_fragments(const Endpoint& to, std::shared_ptr<const std::string> message) {
  const bool is_waiting = std::any_of(fragmented_.begin(), fragmented_.end(), [&](const Fragmented& each) {
    return each.to == to && *each.message == *message;
  });
  if (is_waiting) return;
  const bool fits = fragment_count(message->size(), datagram_bytes_max_) <= kFragmentsMax;
  if (!fits || fragmented_bytes_ + message->size() > kFragmentedBytesMax) {
    counters_.send_dropped++;
    return;
  }
  fragmented_bytes_ += message->size();
  fragmented_.push_back({to, std::move(message), datagram_bytes_max_});
}

void UdpTransport::flush() {
  if (!waiting_writable_) send_queue();
  if (!pacing_ && !fragmented_.empty()) pace();
}

Result<void> UdpTransport::offload_broadcasts(const BroadcastOffload& offload,
                                              const std::vector<Endpoint>& replicas) {
  auto opened = fastpath::Broadcast::open(offload, socket_.socket().native_handle(), replicas);
  if (!opened) return opened.error();
  end_broadcasts();
  broadcast_.emplace(*std::move(opened));
  return {};
}

// What is queued goes to each in the ordinary way.
void UdpTransport::end_broadcasts() {
  if (!broadcast_) return;
  earlier_broadcasts_ = broadcast_counters();
  std::vector<OutgoingDatagram> queue;
  for (OutgoingDatagram& each : queue_) {
    if (each.recipients == 0) queue.push_back(std::move(each));
    for (ReplicaIndex i = 0; each.recipients >> i != 0; i++)
      if ((each.recipients >> i & 1) != 0) queue.push_back({broadcast_->peer(i), each.bytes});
  }
  queue_ = std::move(queue);
  broadcast_.reset();
}

void UdpTransport::broadcast(ReplicaSet to, std::shared_ptr<const std::string> message) {
  if (queue_.size() < kQueueMax) {
    queue_.push_back({.to = {}, .bytes = std::move(message), .recipients = to});
  } else {
    counters_.send_dropped++;
  }
}

std::span<const OutgoingDatagram> UdpTransport::unicasts_from(std::size_t index) const {
  const auto begin = queue_.begin() + static_cast<std::ptrdiff_t>(index);
  const auto end = broadcast_
                       ? std::find_if(begin, queue_.end(),
                                      [](const OutgoingDatagram& each) { return each.recipients != 0; })
                       : queue_.end();
  return {begin, end};
}

// Whom the copies do not reach gets a datagram of his own, behind it in the queue. False: the socket takes
// nothing now.
bool UdpTransport::send_to_many(std::size_t index) {
  const OutgoingDatagram many = queue_[index];
  const auto [left, error] = broadcast_->send(*many.bytes, many.recipients, monotonic_us());
  if (error != 0) return false;
  counters_.sent +=
      static_cast<std::uint64_t>(std::popcount(static_cast<ReplicaSet>(many.recipients & ~left)));
  std::vector<OutgoingDatagram> each;
  for (ReplicaIndex i = 0; left >> i != 0; i++)
    if ((left >> i & 1) != 0) each.push_back({broadcast_->peer(i), many.bytes});
  queue_.insert(queue_.begin() + static_cast<std::ptrdiff_t>(index) + 1, each.begin(), each.end());
  return true;
}

void UdpTransport::send_queue() {
  std::size_t next = 0;
  while (next < queue_.size()) {
    if (queue_[next].recipients != 0) {
      if (!send_to_many(next)) break;
      next++;
      continue;
    }
    const auto [count, error] = socket_.send(unicasts_from(next));
    counters_.sent += count;
    next += count;
    if (error == 0) continue;
    if (error == EAGAIN || error == EWOULDBLOCK) break;
    const OutgoingDatagram failed = queue_[next++];
    refused(error);
    const bool is_too_large =
        error == EMSGSIZE && failed.bytes->size() > datagram_bytes_max_ && !failed.is_bundle;
    if (is_too_large && !fragment_claim(*failed.bytes)) send_fragments(failed.to, failed.bytes);
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(next));
  if (!queue_.empty()) wait_writable();
}

// The path to someone takes less than we thought: from now on everyone gets less, since one setting that is
// right for all is worth more than the few bytes.
void UdpTransport::refused(int error) {
  counters_.send_dropped++;
  if (error != EMSGSIZE) return;
  for (const std::size_t smaller : kSmallerDatagrams) {
    if (smaller >= datagram_bytes_max_) continue;
    datagram_bytes_max_ = smaller;
    return;
  }
}

void UdpTransport::wait_writable() {
  waiting_writable_ = true;
  socket_.socket().async_wait(boost::asio::ip::udp::socket::wait_write,
                              guarded(monitor_, [this](const boost::system::error_code& error) {
                                waiting_writable_ = false;
                                if (!error) send_queue();
                              }));
}

void UdpTransport::pace() {
  for (std::size_t i = 0; i < kFragmentsAtOnce && !fragmented_.empty() && !waiting_writable_; i++) {
    Fragmented& first = fragmented_.front();
    const std::string& message = *first.message;
    queue_.push_back({first.to, std::make_shared<const std::string>(
                                    fragment_of(message, first.datagram_bytes, first.next++))});
    if (first.next < fragment_count(message.size(), first.datagram_bytes)) continue;
    fragmented_bytes_ -= message.size();
    fragmented_.pop_front();
  }
  if (!waiting_writable_) send_queue();
  pacing_ = true;
  pace_timer_.expires_after(kFragmentPause);
  pace_timer_.async_wait(guarded(monitor_, [this](const boost::system::error_code& error) {
    pacing_ = false;
    if (!error) flush();
  }));
}

UdpCounters UdpTransport::counters() const {
  UdpCounters all = counters_;
  all.fragments_refused += reassembler_.malformed();
  all.reassembly_given_up = reassembler_.given_up();
  return all;
}

fastpath::BroadcastCounters UdpTransport::broadcast_counters() const {
  return broadcast_ ? earlier_broadcasts_ + broadcast_->counters() : earlier_broadcasts_;
}

Endpoint UdpTransport::local_endpoint() { return socket_.socket().local_endpoint(); }

}  // namespace bmc::paxos::runtime

// SPDX-License-Identifier: Apache-2.0
// Messages over UDP: one datagram where it fits, fragments where not. Used by replicas and clients; who may
// send what is for them to say. Everything is called under the monitor's lock, the handler and `done` too.
#ifndef BMC_PAXOS_RUNTIME_UDP_TRANSPORT_H
#define BMC_PAXOS_RUNTIME_UDP_TRANSPORT_H

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/paxos/fastpath/broadcast.h"
#include "apps/paxos/runtime/datagram_socket.h"
#include "apps/paxos/runtime/fragment.h"
#include "apps/paxos/runtime/monitor.h"

namespace bmc::paxos::runtime {

struct UdpConfig {
  Endpoint bind;
  std::uint64_t cluster_id = 0;
  std::size_t datagram_bytes_max = 1452;
  std::size_t message_bytes_max = 0;  // of a message in fragments
  std::size_t reassembly_bytes_max = 0;
  std::uint32_t socket_buffer_bytes = 0;
  std::uint32_t busy_poll_us = 0;  // as Options says
};

struct UdpHandlers {
  // A whole message, to be decoded; `bytes` are valid during the call.
  std::function<void(const Endpoint& from, std::string_view bytes)> message;
  // Whether fragments said to be from this sender are taken from this address.
  std::function<bool(const Endpoint& from, std::uint8_t sender)> may_fragment;
  // After a burst of messages: the time to act on them together, and to flush(). Also before a sleep after
  // polling.
  std::function<void()> done;
  // While polling: whether anything came by another way; it is acted upon. May be empty.
  std::function<bool()> look = {};
};

struct UdpCounters {
  std::uint64_t received = 0;  // datagrams
  std::uint64_t sent = 0;
  std::uint64_t send_dropped = 0;       // the queue was full, or the kernel refused
  std::uint64_t fragments_refused = 0;  // malformed, of another cluster, or from nobody we know
  std::uint64_t reassembly_given_up = 0;
};

class UdpTransport {
 public:
  static Result<std::unique_ptr<UdpTransport>> open(boost::asio::any_io_executor executor,
                                                    std::shared_ptr<Monitor> monitor, const UdpConfig& config,
                                                    UdpHandlers handlers);

  // Sends nothing before flush().
  void send(const Endpoint& to, std::shared_ptr<const std::string> message);
  // The same, for messages between client and replica: those of one burst share datagrams.
  void send_bundled(const Endpoint& to, std::shared_ptr<const std::string> message);
  void flush();

  // Has the kernel make the copies of messages to many. `replicas` by their index. Errors: configuration, io.
  Result<void> offload_broadcasts(const BroadcastOffload& offload, const std::vector<Endpoint>& replicas);
  // As send(), to each of the replicas. Only after offload_broadcasts(), and for what fits a datagram.
  bool can_broadcast(const std::string& message) const {
    return broadcast_ && message.size() <= datagram_bytes_max_;
  }
  void broadcast(ReplicaSet to, std::shared_ptr<const std::string> message);
  void end_broadcasts();
  bool broadcasts() const { return broadcast_.has_value(); }
  fastpath::BroadcastCounters broadcast_counters() const;

  // From now on nothing is received. What is queued can still be flushed.
  void stop_receiving() { receiving_ = false; }

  // Whether it looks for datagrams without sleeping now.
  bool is_polling() const { return is_polling_; }
  // Something came by another way: as if it were a datagram.
  void stay_awake();
  int native_handle() { return socket_.socket().native_handle(); }
  UdpCounters counters() const;
  Endpoint local_endpoint();
  std::size_t datagram_bytes_max() const { return datagram_bytes_max_; }

 private:
  // A message on its way in fragments.
  struct Fragmented {
    Endpoint to;
    std::shared_ptr<const std::string> message;
    std::size_t datagram_bytes = 0;
    std::size_t next = 0;  // fragment to be sent
  };

  UdpTransport(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor,
               const UdpConfig& config, UdpHandlers handlers, DatagramSocket socket);

  void wait_readable();
  bool receive();
  void poll();
  void poll_again();
  void take(const Endpoint& from, std::string_view datagram);
  void send_fragments(const Endpoint& to, std::shared_ptr<const std::string> message);
  void send_queue();
  std::span<const OutgoingDatagram> unicasts_from(std::size_t index) const;
  bool send_to_many(std::size_t index);
  void refused(int error);
  void wait_writable();
  void pace();

  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<Monitor> monitor_;
  const std::uint64_t cluster_id_;
  const std::uint32_t busy_poll_us_;
  const UdpHandlers handlers_;
  DatagramSocket socket_;
  std::optional<fastpath::Broadcast> broadcast_;    // none: every message to many is as many datagrams
  fastpath::BroadcastCounters earlier_broadcasts_;  // of those that have ended
  boost::asio::steady_timer pace_timer_;
  Reassembler reassembler_;
  std::size_t datagram_bytes_max_;  // lowered when a path takes less
  std::vector<OutgoingDatagram> queue_;
  std::deque<Fragmented> fragmented_;  // leave slowly, so that they fit into the receiver's buffer
  std::size_t fragmented_bytes_ = 0;
  Micros poll_until_ = 0;
  bool is_polling_ = false;
  bool receiving_ = true;
  bool waiting_readable_ = false;
  bool waiting_writable_ = false;
  bool pacing_ = false;
  UdpCounters counters_;
};

}  // namespace bmc::paxos::runtime

#endif

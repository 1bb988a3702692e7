// SPDX-License-Identifier: Apache-2.0
// Messages between replicas that are too large for datagrams, over TCP, on the same port. A connection
// carries messages one way, from the replica that opened it; a message is its own frame, since its header
// tells its length. Only addresses of replicas are listened to. Everything is called under the monitor's
// lock.
#ifndef BMC_PAXOS_RUNTIME_BULK_TRANSPORT_H
#define BMC_PAXOS_RUNTIME_BULK_TRANSPORT_H

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/paxos/include/bmc/paxos/error.h"
#include "apps/paxos/runtime/endpoint.h"
#include "apps/paxos/runtime/monitor.h"

namespace bmc::paxos::runtime {

struct BulkConfig {
  Endpoint listen;  // its address is also the one that connections are opened from, unless it is unspecified
  std::uint64_t cluster_id = 0;
  std::uint32_t epoch = 0;
  std::size_t message_bytes_max = 0;
  std::size_t queue_bytes_max = 0;  // per replica, waiting to be sent
};

struct BulkHandlers {
  // A whole message, to be decoded; `bytes` are valid during the call. False: not from whom it says, hang up.
  std::function<bool(const boost::asio::ip::address& from, std::string_view bytes)> message;
  // After some messages: the time to act on them together.
  std::function<void()> done;
};

struct BulkCounters {
  std::uint64_t sent = 0;  // messages handed to the kernel
  std::uint64_t received = 0;
  std::uint64_t send_dropped = 0;           // not connected, or too much waiting
  std::uint64_t connections_refused = 0;    // from an address of no replica, or one too many
  std::uint64_t connections_malformed = 0;  // hung up on, for what they sent
};

class BulkTransport {
 public:
  static Result<std::unique_ptr<BulkTransport>> open(boost::asio::any_io_executor executor,
                                                     std::shared_ptr<Monitor> monitor,
                                                     const BulkConfig& config, const Peers& peers,
                                                     BulkHandlers handlers);
  ~BulkTransport();

  // Connects first if need be. Drops the message where that failed a moment ago, or too much is waiting: who
  // wants an answer asks again.
  void send(ReplicaIndex to, std::shared_ptr<const std::string> message);

  void stop_receiving() { receiving_ = false; }
  const BulkCounters& counters() const { return counters_; }

 private:
  class Outgoing;
  struct Incoming;

  BulkTransport(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor,
                const BulkConfig& config, const Peers& peers, BulkHandlers handlers,
                boost::asio::ip::tcp::acceptor acceptor);

  void wait_connection();
  void accept();
  void accept_later();
  void wait_readable(const std::shared_ptr<Incoming>& connection);
  // False: the connection is over.
  bool receive(Incoming& connection);
  bool take_messages(Incoming& connection);

  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<Monitor> monitor_;
  const BulkConfig config_;
  const Peers peers_;
  const BulkHandlers handlers_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_timer_;
  std::vector<std::unique_ptr<Outgoing>> outgoing_;  // by replica
  std::list<std::shared_ptr<Incoming>> incoming_;    // the oldest first
  bool receiving_ = true;
  BulkCounters counters_;
};

}  // namespace bmc::paxos::runtime

#endif

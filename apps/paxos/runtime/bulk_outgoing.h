// SPDX-License-Identifier: Apache-2.0
// The sending half of BulkTransport: the connection to one replica, opened when there is something to send.
#ifndef BMC_PAXOS_RUNTIME_BULK_OUTGOING_H
#define BMC_PAXOS_RUNTIME_BULK_OUTGOING_H

#include <deque>

#include "apps/paxos/runtime/bulk_transport.h"

namespace bmc::paxos::runtime {

class BulkTransport::Outgoing {
 public:
  // `counters` outlive it.
  Outgoing(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor, const BulkConfig& config,
           const Endpoint& to, BulkCounters& counters);

  void send(std::shared_ptr<const std::string> message);

 private:
  enum class State { kIdle, kConnecting, kConnected };

  void connect();
  void connected(const boost::system::error_code& error);
  void send_queue();
  void wait_writable();
  void hang_up();

  const std::shared_ptr<Monitor> monitor_;
  const BulkConfig config_;
  const boost::asio::ip::tcp::endpoint to_;
  BulkCounters& counters_;
  boost::asio::ip::tcp::socket socket_;
  State state_ = State::kIdle;
  Micros retry_at_ = 0;  // only with kIdle: not before
  bool waiting_ = false;
  std::deque<std::shared_ptr<const std::string>> queue_;
  std::size_t queue_bytes_ = 0;
  std::size_t sent_of_first_ = 0;  // bytes of queue_.front()
};

}  // namespace bmc::paxos::runtime

#endif

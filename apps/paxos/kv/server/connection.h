// SPDX-License-Identifier: Apache-2.0
// One client's connection: reads requests, has them answered in batches, writes the answers in order. While a
// batch is under way nothing is read, so a client that does not wait is held back by TCP. Made by Server.
#ifndef BMC_KV_SERVER_CONNECTION_H
#define BMC_KV_SERVER_CONNECTION_H

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <string>

#include "apps/paxos/kv/server/awaitable.h"
#include "apps/paxos/kv/server/backend.h"
#include "apps/paxos/kv/server/batch.h"
#include "apps/paxos/kv/server/buffer_budget.h"
#include "apps/paxos/kv/server/input_buffer.h"
#include "apps/paxos/kv/server/server_options.h"

namespace bmc::kv {

class Connection {
 public:
  // A client that takes none of its answers for so long is disconnected.
  static constexpr std::chrono::seconds kWriteLimit{60};

  // Everything that is lent outlives the connection.
  struct World {
    const ServerOptions& options;
    Backend& backend;
    BufferBudget& budget;
    Counters& counters;
    const Batch::Stats& stats;
  };

  Connection(boost::asio::ip::tcp::socket socket, World world);

  // Completes when the connection is over, whoever ended it. The connection must live until then.
  boost::asio::awaitable<void> run();

  // Ends it when the batch that is under way is answered; at once if there is none.
  void stop();
  // Ends it now.
  void abort();

 private:
  // False: the connection is to end.
  boost::asio::awaitable<bool> receive();
  boost::asio::awaitable<bool> serve_one_batch();
  boost::asio::awaitable<void> carry_out(Batch& batch);
  boost::asio::awaitable<Backend::Reply> ask(const Batch& batch, bool& as_operation);
  boost::asio::awaitable<void> write(std::string& text);

  World world_;
  boost::beast::tcp_stream stream_;
  InputBuffer input_;
  BufferLease input_lease_;
  BufferLease output_lease_;
  bool receiving_ = false;
  bool stopping_ = false;
};

}  // namespace bmc::kv

#endif

// SPDX-License-Identifier: Apache-2.0
// The server of memcached's ASCII protocol over TCP: accepts connections, limits them, and tells statistics.
// Everything happens on its loop, which one thread runs.
#ifndef BMC_KV_SERVER_SERVER_H
#define BMC_KV_SERVER_SERVER_H

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/paxos/kv/server/backend.h"
#include "apps/paxos/kv/server/batch.h"
#include "apps/paxos/kv/server/buffer_budget.h"
#include "apps/paxos/kv/server/counters.h"
#include "apps/paxos/kv/server/server_options.h"
#include "control-plane/result.h"

namespace bmc::kv {

class Connection;

// Name and value, as in "STAT name value".
using StatList = std::vector<std::pair<std::string, std::string>>;

// What `stats` tells beside the server's own counters. Each is called on the server's loop.
struct StatSources {
  std::function<void(StatList&)> general;   // `stats`: the items
  std::function<void(StatList&)> settings;  // `stats settings`
  std::function<void(StatList&)> paxos;     // `stats paxos`, and at the end of `stats`
};

class Server {
 public:
  // `backend` must outlive the server.
  Server(boost::asio::io_context& loop, const ServerOptions& options, Backend& backend, StatSources sources);
  // After stop(), when the loop has run until is_idle(); or when it will not run any more.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // EADDRINUSE and the like, with what to do.
  Result<void> listen();

  // Accepts nothing more and ends every connection as soon as its batch is answered; then, or when
  // abort() came before, calls `done` on the loop.
  void stop(std::function<void()> done);
  // Ends every connection now.
  void abort();

  const Counters& counters() const { return counters_; }
  std::size_t connections() const { return connections_.size(); }
  std::size_t buffer_bytes() const { return budget_.used(); }

 private:
  void accept();
  void accepted(boost::asio::ip::tcp::socket socket);
  void refuse(boost::asio::ip::tcp::socket socket);
  void ended(const std::shared_ptr<Connection>& connection);
  std::string tell_stats(std::string_view argument);
  void add_counters(StatList& list) const;

  boost::asio::io_context& loop_;
  ServerOptions options_;
  Backend& backend_;
  StatSources sources_;
  BufferBudget budget_;
  Counters counters_;
  Counters counters_at_reset_;
  Batch::Stats stats_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_again_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::function<void()> stopped_;
};

}  // namespace bmc::kv

#endif

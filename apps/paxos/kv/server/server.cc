// SPDX-License-Identifier: Apache-2.0
// The server of memcached's ASCII protocol; see server.h.
#include "apps/paxos/kv/server/server.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <chrono>

#include "apps/paxos/kv/server/connection.h"
#include "control-plane/listen.h"

namespace bmc::kv {

using boost::asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr int kBacklog = 1024;
// When no descriptor is left: somebody has to close one first.
constexpr std::chrono::milliseconds kAcceptPause{100};

void append_stats(const StatList& list, std::string& text) {
  for (const auto& [name, value] : list)
    text.append("STAT ").append(name).append(1, ' ').append(value).append("\r\n");
}

}  // namespace

Server::Server(boost::asio::io_context& loop, const ServerOptions& options, Backend& backend,
               StatSources sources)
    : loop_(loop),
      options_(options),
      backend_(backend),
      sources_(std::move(sources)),
      budget_(options.buffer_bytes_max),
      stats_([this](std::string_view argument) { return tell_stats(argument); }),
      acceptor_(loop),
      accept_again_(loop) {}

Server::~Server() = default;

Result<void> Server::listen() {
  Result<void> listening =
      listen_on(acceptor_, options_.listen, kBacklog, "serve clients", "use another --listen");
  if (listening) accept();
  return listening;
}

void Server::accept() {
  acceptor_.async_accept([this](const error_code& failed, tcp::socket socket) {
    if (failed == boost::asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (!failed) {
      accepted(std::move(socket));
      return accept();
    }
    spdlog::warn("a connection could not be accepted: {}", failed.message());
    accept_again_.expires_after(kAcceptPause);
    accept_again_.async_wait([this](const error_code& cancelled) {
      if (!cancelled) accept();
    });
  });
}

void Server::accepted(tcp::socket socket) {
  if (connections_.size() >= options_.connections_max) return refuse(std::move(socket));
  ++counters_.total_connections;
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(boost::asio::socket_base::keep_alive(true), ignored);
  const auto connection = std::make_shared<Connection>(
      std::move(socket), Connection::World{options_, backend_, budget_, counters_, stats_});
  connections_.insert(connection);
  boost::asio::co_spawn(loop_, connection->run(), [this, connection](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);  // of memory, or a bug: nothing else throws
    ended(connection);
  });
}

void Server::refuse(tcp::socket socket) {
  ++counters_.rejected_connections;
  const std::string text = "SERVER_ERROR too many open connections; the limit is " +
                           std::to_string(options_.connections_max) + " (--connections)\r\n";
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(boost::asio::buffer(text), ignored);
}

void Server::ended(const std::shared_ptr<Connection>& connection) {
  connections_.erase(connection);
  if (connections_.empty() && stopped_) std::exchange(stopped_, nullptr)();
}

void Server::stop(std::function<void()> done) {
  error_code ignored;
  acceptor_.close(ignored);
  accept_again_.cancel();
  if (connections_.empty()) {
    boost::asio::post(loop_, std::move(done));
    return;
  }
  stopped_ = std::move(done);
  for (const auto& connection : connections_) connection->stop();
}

void Server::abort() {
  for (const auto& connection : connections_) connection->abort();
}

std::string Server::tell_stats(std::string_view argument) {
  StatList list;
  if (argument == "reset") {
    counters_at_reset_ = counters_;
    return "RESET\r\n";
  }
  if (argument.empty()) {
    sources_.general(list);
    add_counters(list);
    sources_.paxos(list);
  } else if (argument == "settings") {
    sources_.settings(list);
  } else if (argument == "paxos") {
    sources_.paxos(list);
  } else if (argument != "items" && argument != "slabs" && argument != "sizes" && argument != "conns") {
    return "ERROR\r\n";  // as memcached to what it does not know
  }
  std::string text;
  append_stats(list, text);
  return text + "END\r\n";
}

void Server::add_counters(StatList& list) const {
  list.emplace_back("max_connections", std::to_string(options_.connections_max));
  list.emplace_back("curr_connections", std::to_string(connections_.size()));
  list.emplace_back("buffer_bytes", std::to_string(budget_.used()));
#define X(name, text) list.emplace_back(#name, std::to_string(counters_.name - counters_at_reset_.name));
  BMC_KV_COUNTERS(X)
#undef X
}

}  // namespace bmc::kv

// SPDX-License-Identifier: Apache-2.0
// Accepting connections and taking messages out of them.
#include "apps/paxos/runtime/bulk_transport.h"

#include <sys/socket.h>

#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <chrono>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/runtime/bulk_outgoing.h"
#include "apps/paxos/runtime/close_on_exec.h"

namespace bmc::paxos::runtime {
namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kReadsAtOnce = 4;  // then others of the executor have their turn
constexpr std::size_t kConnectionsPerReplica = 2;
constexpr std::chrono::milliseconds kAcceptPause{200};

}  // namespace

struct BulkTransport::Incoming {
  explicit Incoming(tcp::socket accepted, boost::asio::ip::address address)
      : socket(std::move(accepted)), from(std::move(address)) {}

  tcp::socket socket;
  boost::asio::ip::address from;
  std::string bytes;  // the beginning of a message
};

Result<std::unique_ptr<BulkTransport>> BulkTransport::open(boost::asio::any_io_executor executor,
                                                           std::shared_ptr<Monitor> monitor,
                                                           const BulkConfig& config, const Peers& peers,
                                                           BulkHandlers handlers) {
  const tcp::endpoint listen(config.listen.address(), config.listen.port());
  tcp::acceptor acceptor(executor);
  boost::system::error_code error;
  acceptor.open(listen.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) close_on_exec(acceptor);
  if (!error && listen.address().is_v6()) acceptor.set_option(boost::asio::ip::v6_only(true), error);
  if (!error) acceptor.non_blocking(true, error);
  if (!error) acceptor.bind(listen, error);
  if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error{ErrorCode::io, "listen at TCP " + format_endpoint(config.listen) + ": " + error.message()};
  }
  std::unique_ptr<BulkTransport> transport(new BulkTransport(
      std::move(executor), std::move(monitor), config, peers, std::move(handlers), std::move(acceptor)));
  transport->wait_connection();
  return transport;
}

BulkTransport::BulkTransport(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor,
                             const BulkConfig& config, const Peers& peers, BulkHandlers handlers,
                             tcp::acceptor acceptor)
    : executor_(std::move(executor)),
      monitor_(std::move(monitor)),
      config_(config),
      peers_(peers),
      handlers_(std::move(handlers)),
      acceptor_(std::move(acceptor)),
      accept_timer_(executor_) {
  for (std::size_t i = 0; i < peers_.count(); i++) {
    const auto index = static_cast<ReplicaIndex>(i);
    outgoing_.push_back(std::make_unique<Outgoing>(executor_, monitor_, config_, peers_[index], counters_));
  }
}

BulkTransport::~BulkTransport() = default;

void BulkTransport::send(ReplicaIndex to, std::shared_ptr<const std::string> message) {
  outgoing_.at(to)->send(std::move(message));
}

void BulkTransport::wait_connection() {
  acceptor_.async_wait(tcp::acceptor::wait_read,
                       guarded(monitor_, [this](const boost::system::error_code& error) {
                         if (error || !receiving_) return;
                         accept();
                       }));
}

void BulkTransport::accept() {
  boost::system::error_code error;
  tcp::endpoint from;
  tcp::socket socket(executor_);
  acceptor_.accept(socket, from, error);
  if (error == boost::asio::error::no_descriptors) return accept_later();
  wait_connection();
  if (error) return;  // it was gone before we came
  if (!peers_.has_address(from.address())) {
    counters_.connections_refused++;
    return;
  }
  close_on_exec(socket);
  socket.non_blocking(true, error);
  socket.set_option(boost::asio::socket_base::keep_alive(true), error);
  if (incoming_.size() >= kConnectionsPerReplica * peers_.count()) {
    counters_.connections_refused++;
    incoming_.pop_front();  // one that its replica has forgotten, most likely
  }
  incoming_.push_back(std::make_shared<Incoming>(std::move(socket), from.address()));
  wait_readable(incoming_.back());
}

// The connection stays in the kernel's queue, so waiting for it would end at once, again and again.
void BulkTransport::accept_later() {
  accept_timer_.expires_after(kAcceptPause);
  accept_timer_.async_wait(guarded(monitor_, [this](const boost::system::error_code& error) {
    if (!error) wait_connection();
  }));
}

void BulkTransport::wait_readable(const std::shared_ptr<Incoming>& connection) {
  // Weak: a connection that made room for a new one may be ready at the same moment.
  connection->socket.async_wait(
      tcp::socket::wait_read,
      guarded(monitor_, [this, weak = std::weak_ptr(connection)](const boost::system::error_code& error) {
        const auto ready = weak.lock();
        if (!ready) return;
        const bool goes_on = !error && receiving_ && receive(*ready);
        handlers_.done();
        if (goes_on) return wait_readable(ready);
        incoming_.remove(ready);
      }));
}

bool BulkTransport::receive(Incoming& connection) {
  for (std::size_t read = 0; read < kReadsAtOnce; read++) {
    const std::size_t before = connection.bytes.size();
    connection.bytes.resize(before + kReadBytes);
    const ssize_t count =
        ::recv(connection.socket.native_handle(), connection.bytes.data() + before, kReadBytes, MSG_DONTWAIT);
    connection.bytes.resize(before + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return true;
    if (count <= 0) return false;
    if (!take_messages(connection)) {
      counters_.connections_malformed++;
      return false;
    }
  }
  return true;
}

bool BulkTransport::take_messages(Incoming& connection) {
  std::string_view rest = connection.bytes;
  while (rest.size() >= PAXOS_HEADER_BYTES) {
    const auto bytes =
        message_bytes(rest, config_.cluster_id, config_.epoch, static_cast<std::uint8_t>(peers_.count()));
    const std::size_t* size = std::get_if<std::size_t>(&bytes);
    if (size == nullptr || *size > config_.message_bytes_max) return false;
    if (rest.size() < *size) break;
    counters_.received++;
    if (!handlers_.message(connection.from, rest.substr(0, *size))) return false;
    rest.remove_prefix(*size);
  }
  connection.bytes.erase(0, connection.bytes.size() - rest.size());
  return true;
}

}  // namespace bmc::paxos::runtime

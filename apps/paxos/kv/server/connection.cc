// SPDX-License-Identifier: Apache-2.0
// One client's connection; see connection.h.
#include "apps/paxos/kv/server/connection.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>

namespace bmc::kv {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::system::error_code;

namespace {

constexpr std::string_view kNoInputMemory = "SERVER_ERROR out of memory reading request\r\n";

paxos::Error no_output_memory() {
  return {paxos::ErrorCode::busy, "too many answers wait for their clients (--buffer-memory)"};
}

paxos::Error not_understood(bool malformed) {
  return {paxos::ErrorCode::incompatible,
          malformed ? "another replica runs a version that does not know these commands"
                    : "another replica runs a version whose answers this one does not know"};
}

}  // namespace

Connection::Connection(boost::asio::ip::tcp::socket socket, World world)
    : world_(world), stream_(std::move(socket)), input_lease_(world.budget), output_lease_(world.budget) {}

awaitable<void> Connection::run() {
  bool go_on = true;
  while (go_on && !stopping_) go_on = co_await serve_one_batch();
  error_code ignored;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
}

void Connection::stop() {
  stopping_ = true;
  if (receiving_) stream_.cancel();
}

void Connection::abort() {
  stopping_ = true;
  stream_.close();
}

awaitable<bool> Connection::serve_one_batch() {
  Batch batch(world_.stats, world_.counters);
  bool go_on = true;
  while (go_on && !batch.is_full()) {
    const auto request = input_.next();
    if (!request) break;
    go_on = !request->close && request->kind != Request::Kind::kQuit;
    if (request->kind != Request::Kind::kQuit) batch.add(*request);
  }
  if (!batch.empty()) co_await carry_out(batch);
  if (go_on && batch.empty()) go_on = co_await receive();
  co_return go_on;
}

awaitable<bool> Connection::receive() {
  const std::size_t wanted = input_.wanted();
  if (!input_lease_.try_resize(wanted - InputBuffer::kBaseBytes)) {
    std::string text(kNoInputMemory);
    co_await write(text);
    co_return false;
  }
  input_.reserve(wanted);
  const std::span<char> space = input_.space();
  receiving_ = true;
  error_code failed;
  const std::size_t bytes = co_await stream_.async_read_some(boost::asio::buffer(space.data(), space.size()),
                                                             redirect_error(use_awaitable, failed));
  receiving_ = false;
  input_.received(bytes);
  world_.counters.bytes_read += bytes;
  co_return !failed;
}

awaitable<void> Connection::carry_out(Batch& batch) {
  std::string out;
  bool as_operation = false;
  batch.answer_local(out);
  while (batch.has_commands() && stream_.socket().is_open()) {
    // A client may ask in one batch for more than is ever held for it.
    if (out.size() > kMessageBytesMax / 4) co_await write(out);
    if (world_.budget.is_full()) {
      batch.fail(no_output_memory(), out);
      break;
    }
    const Backend::Reply reply = co_await ask(batch, as_operation);
    if (!reply) {
      batch.fail(reply.error(), out);
      break;
    }
    const auto result = decode_result(*reply);
    if (result && result->status == Status::kBehind && !as_operation) {
      as_operation = true;
      ++world_.counters.reads_as_calls;
      continue;
    }
    const bool answered = result && result->status == Status::kAnswered && batch.answer(*result, out);
    if (!answered) batch.fail(not_understood(result.has_value()), out);
  }
  co_await write(out);
}

awaitable<Backend::Reply> Connection::ask(const Batch& batch, bool& as_operation) {
  as_operation = as_operation || !batch.is_read();
  if (as_operation) {
    ++world_.counters.calls;
    std::string operation = batch.operation(world_.options.memory_bytes_max);
    co_return co_await world_.backend.call(std::move(operation));
  }
  ++world_.counters.reads;
  std::string query = batch.query(world_.options.expiry, world_.options.now_us());
  co_return co_await world_.backend.read(std::move(query));
}

awaitable<void> Connection::write(std::string& text) {
  if (text.empty()) co_return;
  output_lease_.resize(text.size());
  stream_.expires_after(kWriteLimit);
  error_code failed;
  const std::size_t bytes = co_await boost::asio::async_write(stream_, boost::asio::buffer(text),
                                                              redirect_error(use_awaitable, failed));
  stream_.expires_never();
  world_.counters.bytes_written += bytes;
  text.clear();
  output_lease_.resize(0);
  if (failed) abort();
}

}  // namespace bmc::kv

// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/kv/tests/local_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <future>

namespace bmc::kv::test {

using boost::asio::awaitable;

std::uint64_t wall_us() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

awaitable<Backend::Reply> LocalBackend::call(std::string operation) {
  ++calls;
  co_await pass_gate();
  if (auto error = failure()) co_return *error;
  time_us_ = std::max(time_us_, wall_us());
  co_return machine_.apply(operation, time_us_);
}

awaitable<Backend::Reply> LocalBackend::read(std::string query) {
  ++reads;
  co_await pass_gate();
  if (auto error = failure()) co_return *error;
  co_return machine_.read(query, time_us_);
}

awaitable<void> LocalBackend::pass_gate() {
  ++waiting;
  while (closed_) {
    gate_.expires_at(boost::asio::steady_timer::time_point::max());
    boost::system::error_code cancelled;
    co_await gate_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
  }
  --waiting;
}

void LocalBackend::open() {
  closed_ = false;
  gate_.cancel();
}

void LocalBackend::fail_with(std::optional<paxos::Error> error) {
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
}

std::optional<paxos::Error> LocalBackend::failure() {
  const std::lock_guard lock(mutex_);
  return error_;
}

LocalServer::LocalServer(ServerOptions options) : work_(loop_.get_executor()), options_(options) {
  if (options_.listen.port == 0) options_.listen = {boost::asio::ip::make_address("127.0.0.1"), free_port()};
  if (options_.now_us == nullptr) options_.now_us = wall_us;
  backend_ = std::make_unique<LocalBackend>(loop_);
  const auto one = [](const char* name) { return [name](StatList& list) { list.emplace_back(name, "1"); }; };
  server_ = std::make_unique<Server>(loop_, options_, *backend_,
                                     StatSources{one("curr_items"), one("maxbytes"), one("paxos_view")});
  if (const auto listening = server_->listen(); !listening) ADD_FAILURE() << listening.error().what;
  thread_ = std::thread([this] { loop_.run(); });
}

LocalServer::~LocalServer() {
  on_loop([this] {
    backend_->open();
    server_->stop([this] { work_.reset(); });
  });
  thread_.join();
}

void LocalServer::on_loop(const std::function<void()>& task) {
  std::promise<void> done;
  boost::asio::post(loop_, [&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace bmc::kv::test

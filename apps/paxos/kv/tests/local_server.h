// SPDX-License-Identifier: Apache-2.0
// LocalServer: the server over a machine in the same process, without replicas, for tests. Its backend can be
// told to fail and to wait.
#ifndef BMC_KV_TESTS_LOCAL_SERVER_H
#define BMC_KV_TESTS_LOCAL_SERVER_H

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <optional>
#include <thread>

#include "apps/paxos/kv/machine/kv_machine.h"
#include "apps/paxos/kv/server/server.h"
#include "control-plane/tests/eventually.h"
#include "control-plane/tests/loopback.h"
#include "control-plane/tests/process.h"

namespace bmc::kv::test {

using namespace bmc::test;

class LocalBackend final : public Backend {
 public:
  explicit LocalBackend(boost::asio::io_context& loop) : gate_(loop) {}

  boost::asio::awaitable<Reply> call(std::string operation) override;
  boost::asio::awaitable<Reply> read(std::string query) override;

  // From any thread: the next calls and reads fail so; nothing: they succeed.
  void fail_with(std::optional<paxos::Error> error);
  // On the loop: calls and reads wait until open().
  void close() { closed_ = true; }
  void open();

  std::atomic<int> waiting = 0;
  std::atomic<int> calls = 0;
  std::atomic<int> reads = 0;

 private:
  boost::asio::awaitable<void> pass_gate();
  std::optional<paxos::Error> failure();

  KvMachine machine_;
  std::uint64_t time_us_ = 0;
  boost::asio::steady_timer gate_;
  bool closed_ = false;
  std::mutex mutex_;
  std::optional<paxos::Error> error_;
};

// The host's clock.
std::uint64_t wall_us();

class LocalServer {
 public:
  // On a free port, if the options name none.
  explicit LocalServer(ServerOptions options = {});
  ~LocalServer();

  std::uint16_t port() const { return options_.listen.port; }
  LocalBackend& backend() { return *backend_; }
  Server& server() { return *server_; }
  // Has `task` carried out on the loop, and waits for it.
  void on_loop(const std::function<void()>& task);

 private:
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  ServerOptions options_;
  std::unique_ptr<LocalBackend> backend_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace bmc::kv::test

#endif

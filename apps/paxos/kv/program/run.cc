// SPDX-License-Identifier: Apache-2.0
// The command run; see run.h. Two threads: one for clients, one for the replica, so that a long snapshot
// does not keep clients from being accepted and a flood of clients does not keep the replica from its peers.
#include "apps/paxos/kv/program/run.h"

#include <spdlog/spdlog.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include "apps/paxos/kv/program/facts.h"
#include "apps/paxos/kv/program/paxos_backend.h"
#include "control-plane/metrics_server.h"
#include "control-plane/service_manager.h"

namespace bmc::kv {
namespace {

// What is under way when we are told to stop has so long to be answered; systemd waits longer.
constexpr std::chrono::seconds kGrace{3};
constexpr std::chrono::seconds kStatusPeriod{1};

std::uint64_t wall_us() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

// EINVAL: a restart does not mend it.
Error told(const paxos::Error& error) {
  using Code = paxos::ErrorCode;
  const bool for_a_person =
      error.code == Code::configuration || error.code == Code::not_formatted || error.code == Code::damaged;
  return Error{for_a_person ? EINVAL : EIO, error.what};
}

// A loop with a thread of its own. Ends when it goes.
class LoopThread {
 public:
  LoopThread() : work_(loop_.get_executor()), thread_([this] { loop_.run(); }) {}
  ~LoopThread() {
    work_.reset();
    loop_.stop();
    thread_.join();
  }
  boost::asio::io_context& loop() { return loop_; }

 private:
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

// Everything of a running process but the replica's start. The members end in the opposite order: the replica
// before its machine and its thread, the client before the loop.
class Process {
 public:
  explicit Process(const Config& config)
      : config_(config), signals_(loop_, SIGTERM, SIGINT), grace_(loop_), status_timer_(loop_) {
    config_.server.now_us = wall_us;
    config_.replica.log = [](std::string_view sentence) { spdlog::info("{}", sentence); };
  }

  Result<void> start();
  void run_to_the_end();

 private:
  Result<void> start_server();
  void stop(int signal);
  void report();

  Config config_;
  boost::asio::io_context loop_{1};
  LoopThread replica_thread_;
  KvMachine machine_;
  std::unique_ptr<paxos::Replica> replica_;
  std::unique_ptr<paxos::Client> client_;
  std::optional<PaxosBackend> backend_;
  std::optional<Facts> facts_;
  std::optional<Server> server_;
  std::optional<MetricsServer> metrics_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer grace_;
  boost::asio::steady_timer status_timer_;
  std::string last_line_;
};

Result<void> Process::start() {
  auto replica = paxos::Replica::start(replica_thread_.loop().get_executor(), config_.replica, machine_);
  if (!replica) return told(replica.error());
  replica_ = *std::move(replica);
  auto client = paxos::Client::open(loop_.get_executor(), config_.client);
  if (!client) return told(client.error());
  client_ = *std::move(client);
  backend_.emplace(*client_, config_.reads_are_stale);
  facts_.emplace(Facts{config_, machine_, *replica_, *client_});
  return start_server();
}

Result<void> Process::start_server() {
  server_.emplace(loop_, config_.server, *backend_,
                  StatSources{[this](StatList& list) { tell_general(*facts_, list); },
                              [this](StatList& list) { tell_settings(*facts_, list); },
                              [this](StatList& list) { tell_paxos(*facts_, list); }});
  facts_->server = &*server_;
  if (Result<void> listening = server_->listen(); !listening) return listening;
  if (config_.metrics) {
    metrics_.emplace(loop_, [this](std::vector<prometheus::MetricFamily>& families) {
      collect_metrics(*facts_, families);
    });
    if (Result<void> listening = metrics_->listen(*config_.metrics); !listening) return listening;
  }
  return {};
}

void Process::run_to_the_end() {
  signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
    if (!cancelled) stop(signal);
  });
  spdlog::info("serves clients on {} as replica {} of {} at {}", to_string(config_.server.listen),
               config_.replica.replica_index, config_.replica.replicas.size(),
               config_.replica.replicas[config_.replica.replica_index]);
  notify_ready();
  report();
  loop_.run();
  replica_->shutdown();
  spdlog::info("stopped");
}

void Process::stop(int signal) {
  spdlog::info("stops: {}", ::strsignal(signal));
  notify_stopping();
  status_timer_.cancel();
  if (metrics_) metrics_->stop();
  server_->stop([this] {
    grace_.cancel();
    client_->close();
  });
  grace_.expires_after(kGrace);
  grace_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    server_->abort();
    client_->close();  // ends what the connections wait for
  });
}

// Tells systemd that both threads are alive and, when it has changed, what the replica is doing.
void Process::report() {
  boost::asio::post(replica_thread_.loop(), [] { notify_watchdog(); });
  std::string line = one_line(*facts_);
  if (line != last_line_) {
    notify_status(line);
    last_line_ = std::move(line);
  }
  status_timer_.expires_after(kStatusPeriod);
  status_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) report();
  });
}

}  // namespace

Result<void> run(const Config& config) {
  Process process(config);
  if (Result<void> started = process.start(); !started) return started;
  process.run_to_the_end();
  return {};
}

}  // namespace bmc::kv

// SPDX-License-Identifier: Apache-2.0
// Client: the state machine of client_core.h with a socket and a clock.
#include "apps/paxos/include/bmc/paxos/client.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <future>
#include <random>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/runtime/client_core.h"
#include "apps/paxos/runtime/clock.h"
#include "apps/paxos/runtime/monitor.h"
#include "apps/paxos/runtime/problems.h"
#include "apps/paxos/runtime/udp_transport.h"

namespace bmc::paxos {
using namespace runtime;

namespace {

constexpr std::uint32_t kTicksPerRetransmit = 8;

std::uint64_t draw_client() {
  thread_local std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

body::Request::Kind kind_of_call(int kind) {
  constexpr body::Request::Kind kKinds[] = {body::Request::APPLY, body::Request::READ,
                                            body::Request::READ_STALE};
  return kKinds[kind];
}

}  // namespace

class Client::Impl {
 public:
  Impl(boost::asio::any_io_executor executor, const ClientOptions& options)
      : executor_(std::move(executor)),
        cluster_id_(options.cluster_id),
        peers_(parse_endpoints(options.replicas)),
        tick_(std::max(1u, options.retransmit_ms / kTicksPerRetransmit)),
        core_(options, draw_client),
        timer_(std::in_place, executor_) {}
  ~Impl() { close(); }

  Result<void> open(const ClientOptions& options);
  void begin(body::Request::Kind kind, std::string bytes, internal::Completion done);
  void close();
  Counters counters() const;
  boost::asio::any_io_executor executor() const { return executor_; }

 private:
  void receive(const Endpoint& from, std::string_view bytes);
  void act();
  void act_after_completions();
  void tick();

  const boost::asio::any_io_executor executor_;
  const std::uint64_t cluster_id_;
  const Peers peers_;
  const std::chrono::milliseconds tick_;
  const std::shared_ptr<Monitor> monitor_ = std::make_shared<Monitor>();
  // Under the monitor's lock.
  ClientCore core_;
  std::optional<boost::asio::steady_timer> timer_;
  std::unique_ptr<UdpTransport> udp_;  // null: closed
  bool ticking_ = false;
  bool deferring_ = false;  // act() is posted
  std::uint64_t dropped_ = 0;
  UdpCounters last_udp_counters_;  // only once closed
};

Result<void> Client::Impl::open(const ClientOptions& options) {
  const std::lock_guard lock(monitor_->mutex);
  UdpConfig config;
  config.bind = Endpoint(peers_[0].protocol(), 0);
  config.cluster_id = cluster_id_;
  config.datagram_bytes_max = options.datagram_bytes_max;
  config.message_bytes_max = options.request_bytes_max + kMessageOverheadBytes;
  config.reassembly_bytes_max = options.reassembly_bytes_max;
  config.socket_buffer_bytes = options.socket_buffer_bytes;
  config.busy_poll_us = options.busy_poll_us;
  UdpHandlers handlers;
  handlers.message = [this](const Endpoint& from, std::string_view bytes) { receive(from, bytes); };
  handlers.may_fragment = [this](const Endpoint& from, std::uint8_t sender) {
    return peers_.index_of(from) == sender;
  };
  handlers.done = [this] { act_after_completions(); };
  auto udp = UdpTransport::open(executor_, monitor_, config, std::move(handlers));
  if (!udp) return udp.error();
  udp_ = *std::move(udp);
  return {};
}

void Client::Impl::receive(const Endpoint& from, std::string_view bytes) {
  const auto sender = peers_.index_of(from);
  const auto decoded = decode(bytes, cluster_id_, kEpoch, static_cast<std::uint8_t>(peers_.count()));
  const Message* message = std::get_if<Message>(&decoded);
  if (!sender || message == nullptr || message->sender != *sender) {
    dropped_++;
    return;
  }
  core_.on_message(monotonic_us(), *sender, *message);
}

void Client::Impl::begin(body::Request::Kind kind, std::string bytes, internal::Completion done) {
  const std::lock_guard lock(monitor_->mutex);
  core_.start(monotonic_us(), kind, std::move(bytes), std::move(done));
  if (!deferring_) act();
}

// The completions of what was received are posted; calls that they begin leave together, after the last of
// them.
void Client::Impl::act_after_completions() {
  if (deferring_) return;
  deferring_ = true;
  boost::asio::post(executor_, guarded(monitor_, [this] {
                      deferring_ = false;
                      act();
                    }));
}

void Client::Impl::act() {
  if (!udp_) return;
  for (ClientSend& send : core_.take_sends()) {
    udp_->send_bundled(peers_[send.to],
                       std::make_shared<const std::string>(encode(send.message, cluster_id_, kEpoch)));
  }
  udp_->flush();
  if (!ticking_ && !core_.is_idle()) tick();
}

void Client::Impl::tick() {
  ticking_ = true;
  timer_->expires_after(tick_);
  timer_->async_wait(guarded(monitor_, [this](const boost::system::error_code& error) {
    ticking_ = false;
    if (error) return;
    core_.on_tick(monotonic_us());
    act();
  }));
}

void Client::Impl::close() {
  const std::lock_guard lock(monitor_->mutex);
  if (monitor_->closed) return;
  monitor_->closed = true;
  core_.close();
  if (udp_) last_udp_counters_ = udp_->counters();
  udp_.reset();
  timer_.reset();
}

Client::Counters Client::Impl::counters() const {
  const std::lock_guard lock(monitor_->mutex);
  const UdpCounters udp = udp_ ? udp_->counters() : last_udp_counters_;
  Counters counters;
  counters.datagrams_sent = udp.sent;
  counters.datagrams_received = udp.received;
  counters.datagrams_dropped = dropped_ + udp.fragments_refused;
  counters.retransmissions = core_.retransmissions();
  counters.redirections = core_.redirections();
  counters.sessions_opened = core_.sessions_opened();
  return counters;
}

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() { close(); }

Result<std::unique_ptr<Client>> Client::open(boost::asio::any_io_executor executor,
                                             const ClientOptions& options) {
  if (const auto problems = options.validate(); !problems.empty()) return configuration_error(problems);
  auto impl = std::make_shared<Impl>(std::move(executor), options);
  if (const auto opened = impl->open(options); !opened) return opened.error();
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

void Client::begin(const std::shared_ptr<Impl>& impl, Kind kind, std::string bytes,
                   internal::Completion completion) {
  impl->begin(kind_of_call(static_cast<int>(kind)), std::move(bytes), std::move(completion));
}

boost::asio::any_io_executor Client::executor_of(const Impl& impl) { return impl.executor(); }

Result<std::string> Client::wait_for(Kind kind, std::string bytes) {
  std::promise<Result<std::string>> answer;
  auto waiting = answer.get_future();
  begin(impl_, kind, std::move(bytes),
        internal::Completion(impl_->executor(),
                             [answer = std::move(answer)](Result<std::string> result) mutable {
                               answer.set_value(std::move(result));
                             }));
  return waiting.get();
}

Result<std::string> Client::call(std::string operation) { return wait_for(Kind::call, std::move(operation)); }
Result<std::string> Client::read(std::string query) { return wait_for(Kind::read, std::move(query)); }
Result<std::string> Client::read_stale(std::string query) {
  return wait_for(Kind::read_stale, std::move(query));
}

Client::Counters Client::counters() const { return impl_->counters(); }
void Client::close() { impl_->close(); }

}  // namespace bmc::paxos

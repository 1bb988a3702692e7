// SPDX-License-Identifier: Apache-2.0
// From the sockets, the timer and the disk into the core, and its effects out again.
#include "apps/paxos/runtime/node.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include "apps/paxos/runtime/clock.h"
#include "apps/paxos/runtime/core_options_of.h"
#include "apps/paxos/runtime/request_client.h"

namespace bmc::paxos::runtime {
namespace {

// More fragments than this to another replica are a stream's business, with its flow control.
constexpr std::size_t kFragmentsToReplicas = 4;
constexpr Micros kTicksPerHeartbeat = 4;
constexpr unsigned kLooksAtOnce = 4;  // for news of the kernel; then others of the executor have their turn
constexpr std::size_t kBulkOverheadBytes = 1u << 20;  // of a chunk: what surrounds its entries, generously

std::uint64_t draw_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

Endpoint listen_endpoint(const Options& options) {
  return parse_endpoint(options.listen.empty() ? options.replicas[options.replica_index] : options.listen)
      .value();
}

}  // namespace

Node::Node(boost::asio::any_io_executor executor, const Options& options, Opened opened,
           StateMachine& machine)
    : executor_(std::move(executor)),
      options_(options),
      core_options_(core_options_of(options)),
      peers_(parse_endpoints(options.replicas)),
      timer_(std::in_place, executor_),
      routes_(options.client_routes_max) {
  const std::lock_guard lock(monitor_->mutex);
  storage_ = std::make_unique<StorageThread>(
      std::move(opened.disk), std::move(opened.store), [this](std::uint64_t number) {
        boost::asio::post(executor_, guarded(monitor_, [this, number] { on_stored(number); }));
      });
  if (!options.kernel.socket.empty()) kernel_ = make_kernel();
  core_ = std::make_unique<ReplicaCore>(core_options_, std::move(opened.restored), machine, draw_seed(),
                                        monotonic_us(), kernel_ ? kernel_->fence() : nullptr);
}

Node::~Node() { shutdown(); }

// bmcd wants to see the socket, and freezes with us what our predecessor left behind; the first word comes
// after that. (PROTOCOL.md, "The accelerator", tells why it may also be said when bmcd does not answer.)
Result<void> Node::open_sockets() {
  const std::lock_guard lock(monitor_->mutex);
  if (auto opened = open_udp(); !opened) return opened;
  if (auto opened = open_bulk(); !opened) return opened;
  if (kernel_) kernel_->start(udp_->native_handle());
  act();
  return {};
}

std::unique_ptr<KernelOffload> Node::make_kernel() {
  KernelHandlers handlers;
  handlers.changing = [this] { core_->on_fence_changes(monotonic_us(), wall_us()); };
  handlers.changed = [this] { act(); };
  handlers.news = [this] { on_kernel_news(); };
  handlers.broadcasts = [this](const BroadcastOffload& offload) { begin_broadcasts(offload); };
  return std::make_unique<KernelOffload>(executor_, monitor_, options_, std::move(handlers));
}

// Or no more, if there are no reports.
void Node::begin_broadcasts(const BroadcastOffload& offload) {
  if (offload.reports < 0) return udp_->end_broadcasts();
  const auto begun = udp_->offload_broadcasts(offload, parse_endpoints(options_.replicas));
  if (!begun && options_.log) options_.log(begun.error().what);
}

Result<void> Node::open_udp() {
  UdpConfig config;
  config.bind = listen_endpoint(options_);
  config.cluster_id = options_.cluster_id;
  config.datagram_bytes_max = options_.datagram_bytes_max;
  config.message_bytes_max = options_.request_bytes_max + options_.batch_bytes_max + kMessageOverheadBytes;
  config.reassembly_bytes_max = options_.reassembly_bytes_max;
  config.socket_buffer_bytes = options_.socket_buffer_bytes;
  config.busy_poll_us = options_.busy_poll_us;
  UdpHandlers handlers;
  handlers.message = [this](const Endpoint& from, std::string_view bytes) { on_datagram(from, bytes); };
  handlers.may_fragment = [this](const Endpoint& from, std::uint8_t sender) {
    return sender == PAXOS_SENDER_CLIENT || peers_.index_of(from) == sender;
  };
  handlers.done = [this] { act(); };
  handlers.look = [this] {
    if (!kernel_ || !kernel_->has_news(core_->look().commit)) return false;
    on_kernel_news();
    return true;
  };
  auto udp = UdpTransport::open(executor_, monitor_, config, std::move(handlers));
  if (!udp) return udp.error();
  udp_ = *std::move(udp);
  if (options_.broadcast_offload.reports < 0) return {};
  return udp_->offload_broadcasts(options_.broadcast_offload, parse_endpoints(options_.replicas));
}

Result<void> Node::open_bulk() {
  BulkConfig config;
  config.listen = listen_endpoint(options_);
  config.cluster_id = options_.cluster_id;
  config.epoch = kEpoch;
  config.message_bytes_max = std::size_t{options_.chunk_bytes_max} + options_.request_bytes_max +
                             options_.batch_bytes_max + kBulkOverheadBytes;
  config.queue_bytes_max = options_.bulk_queue_bytes_max;
  BulkHandlers handlers;
  handlers.message = [this](const boost::asio::ip::address& from, std::string_view bytes) {
    return on_bulk(from, bytes);
  };
  handlers.done = [this] { act(); };
  auto bulk = BulkTransport::open(executor_, monitor_, config, peers_, std::move(handlers));
  if (!bulk) return bulk.error();
  bulk_ = *std::move(bulk);
  return {};
}

std::optional<Message> Node::decoded(std::string_view bytes) {
  auto message = decode(bytes, options_.cluster_id, kEpoch, core_options_.replica_count);
  if (const Refusal* refusal = std::get_if<Refusal>(&message)) {
    counters_.refused[static_cast<std::size_t>(*refusal)]++;
    return std::nullopt;
  }
  return std::get<Message>(std::move(message));
}

void Node::on_datagram(const Endpoint& from, std::string_view bytes) {
  if (kernel_) kernel_->stay_awake();
  const auto message = decoded(bytes);
  if (!message) return;
  if (message->sender == PAXOS_SENDER_CLIENT) {
    if (const auto client = client_of_request(*message->body)) routes_.heard(*client, from);
  } else if (from != peers_[message->sender]) {
    counters_.not_allowed++;
    return;
  }
  core_->on_message(monotonic_us(), wall_us(), *message);
}

// A connection's port says nothing, its address does.
bool Node::on_bulk(const boost::asio::ip::address& from, std::string_view bytes) {
  const auto message = decoded(bytes);
  if (!message) return false;
  if (message->sender == PAXOS_SENDER_CLIENT || from != peers_[message->sender].address()) {
    counters_.not_allowed++;
    return false;
  }
  core_->on_message(monotonic_us(), wall_us(), *message);
  return true;
}

void Node::on_stored(std::uint64_t number) {
  if (number <= stored_number_) return;  // two threads of the executor overtook each other
  stored_number_ = number;
  core_->on_stored(monotonic_us(), wall_us(), number);
  act();
}

void Node::on_timer() {
  if (kernel_) kernel_->stay_awake();
  armed_for_ = 0;
  take_in_pieces();
  ticked_at_ = monotonic_us();
  core_->on_tick(ticked_at_, wall_us());
  tell_news();
  act();
}

// The leader or a client may share the processor, and waits for a piece in place of a burst.
void Node::take_in_pieces() {
  while (kernel_ && kernel_->next_piece()) {
    core_->on_accelerated(monotonic_us(), wall_us());
    std::this_thread::yield();
  }
}

void Node::on_kernel_news() {
  take_in_pieces();
  core_->on_accelerated(monotonic_us(), wall_us());
  udp_->stay_awake();
  act();
}

// What the kernel has counted while we were sending is acted upon at once: who sleeps is to be woken.
void Node::act() {
  carry_out();
  udp_->flush();
  for (unsigned looks = 0; !rest(); looks++) {
    if (looks == kLooksAtOnce) return kernel_->call_for_news();
    core_->on_accelerated(monotonic_us(), wall_us());
    carry_out();
    udp_->flush();
  }
}

// Whether there is nothing more to do.
bool Node::rest() {
  arm_timer();
  if (!kernel_) return true;
  const CoreView core = core_->look();
  return kernel_->rest(core.commit, core.reads_waiting > 0, udp_->is_polling());
}

// Whether something was handed to storage.
bool Node::carry_out() {
  Effects effects = core_->take_effects();
  const bool stores = !effects.stores.empty();
  if (stores) {
    pushed_number_ = effects.stores.back().number;
    storage_->push(std::move(effects.stores));
  }
  for (const SendToReplicas& send : effects.sends) send_to_replicas(send);
  for (const SendToClient& send : effects.replies) send_to_client(send);
  return stores;
}

void Node::send_to_replicas(const SendToReplicas& send) {
  const auto bytes = std::make_shared<const std::string>(encode(send.message, options_.cluster_id, kEpoch));
  const std::size_t datagram = udp_->datagram_bytes_max();
  const bool by_stream =
      send.bulk ? bytes->size() > datagram : bytes->size() > kFragmentsToReplicas * datagram;
  if (!by_stream && udp_->can_broadcast(*bytes)) return udp_->broadcast(send.to, bytes);
  for (ReplicaIndex i = 0; i < core_options_.replica_count; i++) {
    if ((send.to >> i & 1) == 0) continue;
    if (by_stream) {
      bulk_->send(i, bytes);
    } else {
      udp_->send(peers_[i], bytes);
    }
  }
}

void Node::send_to_client(const SendToClient& send) {
  const Endpoint* route = routes_.find(send.client);
  if (route == nullptr) {
    counters_.unroutable++;
    return;
  }
  udp_->send_bundled(*route,
                     std::make_shared<const std::string>(encode(send.message, options_.cluster_id, kEpoch)));
}

// An armed timer is only ever moved forward: one that comes too early costs less than moving it back and
// forth.
void Node::arm_timer() {
  const Micros tick = ticked_at_ + core_options_.heartbeat_us / kTicksPerHeartbeat;
  const Micros wanted = std::max<Micros>(1, std::min(tick, core_->next_deadline()));
  if (armed_for_ != 0 && armed_for_ <= wanted) return;
  armed_for_ = wanted;
  timer_->expires_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(wanted)));
  timer_->async_wait(guarded(monitor_, [this](const boost::system::error_code& error) {
    if (!error) on_timer();
  }));
}

void Node::tell_news() {
  if (!options_.log) return;
  const ReplicaStatus now = look();
  if (now.role == told_role_ && now.view == told_view_) return;
  told_role_ = now.role;
  told_view_ = now.view;
  options_.log("replica " + std::to_string(options_.replica_index) + " is " + std::string(name_of(now.role)) +
               " in view " + std::to_string(now.view) + ", whose leader is replica " +
               std::to_string(now.leader) + "; committed up to " + std::to_string(now.commit));
}

ReplicaStatus Node::status() const {
  const std::lock_guard lock(monitor_->mutex);
  return monitor_->closed ? last_status_ : look();
}

std::vector<Counter> Node::counters() const {
  const std::lock_guard lock(monitor_->mutex);
  return monitor_->closed ? last_counters_ : count();
}

void Node::shutdown() {
  const std::lock_guard lock(monitor_->mutex);
  if (monitor_->closed) return;
  if (udp_) udp_->stop_receiving();
  if (bulk_) bulk_->stop_receiving();
  if (kernel_) kernel_->stop();
  storage_->finish();
  // What was stored may release replies and further stores, which are now written at once; nothing new comes
  // in, so this ends.
  for (bool more = udp_ && bulk_; more;) {
    if (pushed_number_ > stored_number_) {
      stored_number_ = pushed_number_;
      core_->on_stored(monotonic_us(), wall_us(), stored_number_);
    }
    more = carry_out();
    udp_->flush();
  }
  last_status_ = look();
  last_counters_ = count();
  monitor_->closed = true;
  timer_.reset();
  bulk_.reset();
  udp_.reset();
  storage_.reset();
  core_.reset();
  kernel_.reset();
}

}  // namespace bmc::paxos::runtime

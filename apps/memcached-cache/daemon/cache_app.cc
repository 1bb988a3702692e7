// SPDX-License-Identifier: Apache-2.0
// Composition of the cache's parts, their order of start and stop, and what beats: heartbeat and watch.
#include "apps/memcached-cache/daemon/cache_app.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "apps/memcached-cache/daemon/admission.h"
#include "apps/memcached-cache/daemon/audit.h"
#include "apps/memcached-cache/daemon/cache_metrics.h"
#include "apps/memcached-cache/daemon/control_requests.h"
#include "apps/memcached-cache/daemon/counters.h"
#include "apps/memcached-cache/daemon/events.h"
#include "apps/memcached-cache/daemon/hot_keys.h"
#include "apps/memcached-cache/daemon/keepalive_pace.h"
#include "apps/memcached-cache/daemon/loader.h"
#include "apps/memcached-cache/daemon/lost_log.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/rest_policy.h"
#include "apps/memcached-cache/daemon/server_table.h"
#include "apps/memcached-cache/daemon/sock_diag.h"
#include "apps/memcached-cache/daemon/store_scan.h"
#include "apps/memcached-cache/daemon/sweeper.h"
#include "control-plane/lifetime.h"

namespace bmc::cache {
namespace {

constexpr std::uint64_t kHeartbeatNs = kSecondNs / 4;
constexpr std::uint64_t kScanSlicePauseNs = 25 * kMillisecondNs;
constexpr std::uint64_t kScanPassPauseNs = kSecondNs;
// More of these within a minute mean that something is wrong, not that a hash collided.
constexpr std::uint64_t kMismatchesPerMinute = 10;

std::uint32_t mode_of(ServeMode mode) {
  switch (mode) {
    case ServeMode::kServe:
      return CACHE_MODE_SERVE;
    case ServeMode::kShadow:
      return CACHE_MODE_SHADOW;
    default:
      return CACHE_MODE_BYPASS;
  }
}

}  // namespace

// Everything that exists only while the programs are loaded.
class CacheApp::Running {
 public:
  Running(const AppContext& context, XdpImage xdp, SockDiag sockets)
      : context_(context),
        loader_(context.pins, context.config, std::move(xdp)),
        sockets_(std::move(sockets)),
        timer_(context.loop),
        scan_timer_(context.loop),
        events_(context.loop, [this](const cache_event& event) { handle(event); }) {}

  ~Running() { stop(); }

  Result<void> start() {
    if (Result<void> loaded = loader_.load(); !loaded) return loaded;
    if (Result<void> attached = loader_.attach_cgroup(); !attached) return attached;
    CacheMemory& memory = loader_.memory();
    sweeper_.emplace(loader_.sweep_fd());
    scan_.emplace(memory);
    counters_.emplace(memory);
    admission_.emplace(std::span(&memory.sketch[0], memory.sketch.size()));
    hot_keys_.emplace(context_.loop, memory, *counters_);
    servers_.emplace(ServerTable::Parts{context_.loop, memory, *sweeper_, sockets_, context_.config,
                                        [this](bool on) { return loader_.observe_packets(on); }});
    audit_.emplace(Audit::Parts{context_.loop, memory, *sweeper_, sockets_, *servers_, context_.config});
    lost_log_.emplace(memory, *servers_);
    servers_->set_interface_addresses(served_addresses());
    servers_->start(loader_.goes_on());
    if (Result<void> attached = attach_interfaces(); !attached) return attached;
    if (Result<void> reading = events_.start(memory.events_fd); !reading) return reading;
    context_.interfaces.subscribe(
        run_.guard([this](const InterfaceEvent& event) { interface_changed(event); }));
    audit_->start();
    last_ = counters_->counters();
    beat();
    scan();
    publish(memory.control().mode, mode_of(context_.config.mode));
    return {};
  }

  // Idempotent. Afterwards every program passes all it sees; observation goes on.
  void stop() {
    run_.end();
    timer_.cancel();
    scan_timer_.cancel();
    if (loader_.memory().control_array) {
      publish(loader_.memory().control().mode, CACHE_MODE_BYPASS);
      publish(loader_.memory().control().heartbeat_ns, 0);
    }
    events_.stop();
    if (hot_keys_) hot_keys_->stop();
    if (audit_) audit_->stop();
    if (servers_) servers_->stop();
  }

  CacheView view() {
    return {context_.config, loader_,    loader_.memory(), *servers_,  *audit_,
            *scan_,          *counters_, *sweeper_,        *admission_};
  }

  HotKeyWatch& hot_keys() { return *hot_keys_; }

  control::ModeReply set_mode(std::uint32_t mode) {
    control::ModeReply reply;
    reply.set_before(cache::mode_of(observe(loader_.memory().control().mode)));
    publish(loader_.memory().control().mode, mode);
    reply.set_mode(cache::mode_of(mode));
    spdlog::info("mode {}", control::Mode_Name(reply.mode()));
    return reply;
  }

  std::string status_line() const {
    const auto count = [this](Server::Phase phase) {
      return std::ranges::count_if(servers_->servers(),
                                   [phase](const auto& each) { return each->phase == phase; });
    };
    const auto serving = count(Server::Phase::kServing);
    const auto booting = count(Server::Phase::kBooting) + count(Server::Phase::kConfirming);
    std::string line = "serving " + std::to_string(serving) + (serving == 1 ? " server" : " servers");
    if (const auto resting = count(Server::Phase::kResting); resting != 0)
      line += ", " + std::to_string(resting) + " resting";
    if (booting != 0) line += ", " + std::to_string(booting) + " starting";
    if (observe(loader_.memory().control().mode) != CACHE_MODE_SERVE) line += ", answering nothing (mode)";
    const std::uint64_t gets = rate_hits_ + rate_misses_;
    if (gets == 0) return line;
    char text[64];
    std::snprintf(text, sizeof text, ", %.1f %% of %.0f gets/s from the kernel",
                  100.0 * static_cast<double>(rate_hits_) / static_cast<double>(gets),
                  static_cast<double>(gets));
    return line + text;
  }

 private:
  bool is_served(const std::string& name) const {
    return std::ranges::find(context_.config.ifaces, name) != context_.config.ifaces.end();
  }

  std::vector<boost::asio::ip::address> served_addresses() const {
    std::vector<boost::asio::ip::address> addresses;
    for (const auto& [index, interface] : context_.interfaces.interfaces())
      if (is_served(interface.name))
        addresses.insert(addresses.end(), interface.addresses.begin(), interface.addresses.end());
    return addresses;
  }

  void publish_interfaces() {
    std::vector<int> indexes;
    for (const auto& [index, tc] : loader_.tc()) indexes.push_back(index);
    ControlTable(loader_.memory()).set_interfaces(indexes);
  }

  Result<void> attach_interfaces() {
    for (const std::string& name : context_.config.ifaces) {
      const Interface* interface = context_.interfaces.find(name);
      if (interface == nullptr) {
        spdlog::warn("there is no interface {} (yet); it is served once it appears", name);
        continue;
      }
      if (Result<void> attached = loader_.attach_interface(*interface); !attached) return attached;
    }
    if (loader_.xdp().empty())
      return Error{ENODEV, "none of the interfaces to serve exists; `ip -br link` lists those that do"};
    publish_interfaces();
    return {};
  }

  void interface_changed(const InterfaceEvent& event) {
    const Interface& interface = event.interface;
    if (event.kind == InterfaceEvent::Kind::kRemoved) {
      loader_.forget_interface(interface.index);
      publish_interfaces();
    } else if (is_served(interface.name) && !loader_.xdp().contains(interface.index)) {
      if (Result<void> attached = loader_.attach_interface(interface); !attached)
        spdlog::error("{}", attached.error().what);
      publish_interfaces();
    }
    servers_->set_interface_addresses(served_addresses());
  }

  void handle(const cache_event& event) {
    switch (event.kind) {
      case CACHE_EVENT_TTL: {
        Server* server = servers_->find(event.server);
        if (server == nullptr || event.key_len > CACHE_KEY_MAX) return;
        const auto* key = reinterpret_cast<const char*>(event.key);
        server->probe->request(
            {event.way, event.stamp, event.key_hash, monotonic_ns(), {key, event.key_len}});
        return;
      }
      case CACHE_EVENT_CLOSED:
        return servers_->closed(event.server);
      case CACHE_EVENT_FLUSH_UNSEEN:
        return servers_->flush_unseen(event.server);
      case CACHE_EVENT_OUT_OF_STEP:
        audit_->hurry();
        return lost_log_->lost(event);
      default:
        return;
    }
  }

  void beat() {
    const std::uint64_t now = monotonic_ns();
    publish(loader_.memory().control().heartbeat_ns, now);
    admit(now);
    if (now - watched_ns_ >= kSecondNs) watch(now);
    timer_.expires_after(duration(kHeartbeatNs));
    timer_.async_wait(run_.guard([this](const boost::system::error_code& code) {
      if (!code) beat();
    }));
  }

  // A slice, a pause; a longer pause behind the last.
  void scan() {
    scan_timer_.expires_after(duration(scan_->step() ? kScanPassPauseNs : kScanSlicePauseNs));
    scan_timer_.async_wait(run_.guard([this](const boost::system::error_code& code) {
      if (!code) scan();
    }));
  }

  void admit(std::uint64_t now) {
    CacheMemory& memory = loader_.memory();
    Admission::Seen seen;
    seen.now_ns = now;
    seen.segments = memory.segments.size();
    seen.recycled = observe(memory.log_head[0].recycled);
    if (const std::uint32_t current = observe(memory.log_head[0].current); current < seen.segments)
      seen.used = std::min(observe(memory.segments[current].used), CACHE_SEGMENT_BYTES);
    seen.fills = counters_->counter(CACHE_FILL_OK);
    seen.sampled = counters_->counter(CACHE_SAMPLE_TAKEN);
    // Above two thirds of the ways entries begin to take each other's.
    seen.entries_most = std::uint64_t{memory.buckets.size()} * CACHE_BUCKET_WAYS * 2 / 3;
    const Admission::Choice choice = admission_->step(seen);
    hot_keys_->set_other_rate(choice.sample_one_of);
    publish(memory.control().admit_from, choice.admit_from);
  }

  // Once a second: rates for the status line, and the entries that were wrong.
  void watch(std::uint64_t now) {
    const CounterSnapshot counters = counters_->counters();
    const double seconds = watched_ns_ == 0 ? 1 : static_cast<double>(now - watched_ns_) / 1e9;
    rate_hits_ = static_cast<std::uint64_t>(static_cast<double>(counters.hits() - last_.hits()) / seconds);
    rate_misses_ =
        static_cast<std::uint64_t>(static_cast<double>(counters.misses() - last_.misses()) / seconds);
    last_ = counters;
    watched_ns_ = now;
    rest_or_wake(now, counters);
    pace_keepalives(now);
    mismatches_.push_back(counters[CACHE_COMPARE_MISMATCH]);
    if (mismatches_.size() > 60) mismatches_.pop_front();
    const std::uint64_t within_minute = mismatches_.back() - mismatches_.front();
    if (within_minute != told_mismatches_ && within_minute != 0)
      spdlog::error("{} entries differed from memcached's own reply within a minute; they are dropped",
                    within_minute);
    told_mismatches_ = within_minute;
    if (within_minute < kMismatchesPerMinute || observe(loader_.memory().control().mode) != CACHE_MODE_SERVE)
      return;
    publish(loader_.memory().control().mode, CACHE_MODE_BYPASS);
    spdlog::critical(
        "too many entries differed from memcached's own replies: nothing is answered from the kernel any "
        "more. Something "
        "writes where bmcd does not see it, or bmcd is wrong; `bmcctl mode serve` starts again");
  }

  bool any(Server::Phase phase) const {
    return std::ranges::any_of(servers_->servers(),
                               [phase](const auto& each) { return each->phase == phase; });
  }

  void rest_or_wake(std::uint64_t now, const CounterSnapshot& counters) {
    RestPolicy::Seen seen;
    seen.now_ns = now;
    seen.hits = counters.hits() + counters[CACHE_PASS_SHADOW];
    seen.misses = counters.misses();
    seen.replies = counters[CACHE_RELEASE_REPLY];
    seen.asks = counters[CACHE_PASS_RESTING];
    seen.fills = counters[CACHE_FILL_OK];
    seen.recycled = observe(loader_.memory().log_head[0].recycled);
    seen.segments = loader_.memory().segments.size();
    // Who switched it off for a while wants to find it as it was.
    seen.serves =
        any(Server::Phase::kServing) && observe(loader_.memory().control().mode) != CACHE_MODE_BYPASS;
    seen.rests = any(Server::Phase::kResting);
    switch (rest_policy_.step(seen)) {
      case RestPolicy::Verdict::kRest:
        spdlog::info(
            "next to nothing could be answered: memcached is not watched until gets come that might be");
        return servers_->rest();
      case RestPolicy::Verdict::kWake:
        spdlog::info("gets come that might be answered: memcached is watched again");
        return servers_->wake();
      case RestPolicy::Verdict::kAsBefore:
        return;
    }
  }

  void pace_keepalives(std::uint64_t now) {
    std::vector<const Stats*> served;
    for (const auto& server : servers_->servers())
      if (server->phase == Server::Phase::kServing) served.push_back(&server->link->stats());
    keepalive_pace_.step(now, served);
    publish(loader_.memory().control().keepalive_ticks, keepalive_pace_.ticks());
  }

  const AppContext& context_;
  Loader loader_;
  SockDiag sockets_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer scan_timer_;
  EventReader events_;
  std::optional<Sweeper> sweeper_;
  std::optional<StoreScan> scan_;
  std::optional<CounterReader> counters_;
  std::optional<Admission> admission_;
  std::optional<HotKeyWatch> hot_keys_;
  std::optional<ServerTable> servers_;
  std::optional<Audit> audit_;
  std::optional<LostLog> lost_log_;

  RestPolicy rest_policy_{static_cast<std::uint64_t>(context_.config.rest_after.count())};
  KeepalivePace keepalive_pace_{context_.config.revalidate_after};
  CounterSnapshot last_;
  std::uint64_t watched_ns_ = 0;
  std::uint64_t rate_hits_ = 0;
  std::uint64_t rate_misses_ = 0;
  std::deque<std::uint64_t> mismatches_;  // the counter, second by second
  std::uint64_t told_mismatches_ = 0;
  Lifetime run_;
};

std::unique_ptr<App> make_cache_app(const AppContext& context) { return std::make_unique<CacheApp>(context); }

CacheApp::CacheApp(const AppContext& context, XdpImage xdp) : context_(context), xdp_(std::move(xdp)) {}

CacheApp::~CacheApp() = default;

Result<void> CacheApp::start() {
  auto sockets = SockDiag::open();
  if (!sockets) return std::move(sockets).error();
  running_ = std::make_unique<Running>(context_, xdp_, *std::move(sockets));
  return running_->start();
}

void CacheApp::stop() { running_.reset(); }

Result<control::Response> CacheApp::control(const control::Request& request) {
  if (!running_) return Error{ESHUTDOWN, "the cache is not running"};
  const CacheView view = running_->view();
  control::Response response;
  switch (request.kind_case()) {
    case control::Request::kStatus:
      describe_status(view, *response.mutable_status());
      return response;
    case control::Request::kStats:
      describe_stats(view, *response.mutable_stats());
      return response;
    case control::Request::kAudit:
      describe_exposure(view, *response.mutable_audit());
      return response;
    case control::Request::kGet: {
      Result<control::GetReply> reply = get_key(view, request.get());
      if (!reply) return std::move(reply).error();
      *response.mutable_get() = *std::move(reply);
      return response;
    }
    case control::Request::kInvalidate: {
      Result<control::InvalidateReply> reply = invalidate(view, request.invalidate());
      if (!reply) return std::move(reply).error();
      *response.mutable_invalidate() = *std::move(reply);
      return response;
    }
    case control::Request::kTop: {
      Result<control::TopReply> reply = top_keys(view, running_->hot_keys(), request.top());
      if (!reply) return std::move(reply).error();
      *response.mutable_top() = *std::move(reply);
      return response;
    }
    case control::Request::kMode: {
      const Result<std::uint32_t> mode = cache_mode_of(request.mode().mode());
      if (!mode) return mode.error();
      *response.mutable_mode() = running_->set_mode(*mode);
      return response;
    }
    default:
      return Error{ENOTSUP, "the cache does not know this request"};
  }
}

void CacheApp::collect(std::vector<prometheus::MetricFamily>& families) {
  if (!running_) return;
  const CacheView view = running_->view();
  collect_cache(view, families);
  collect_memcached(view, families);
}

std::string CacheApp::status_line() { return running_ ? running_->status_line() : "stopped"; }

}  // namespace bmc::cache

// SPDX-License-Identifier: Apache-2.0
// Prometheus' scrapes; see metrics_server.h.
#include "control-plane/metrics_server.h"

#include <boost/asio/post.hpp>
#include <exception>

namespace bmc {

MetricsServer::MetricsServer(boost::asio::io_context& loop, MetricsCollector collector)
    : loop_(loop), collector_(std::move(collector)), wish_(std::make_shared<Wish>(*this)) {}

MetricsServer::~MetricsServer() { stop(); }

Result<void> MetricsServer::listen(const Endpoint& endpoint) {
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(to_string(endpoint));
    exposer_->RegisterCollectable(wish_);
  } catch (const std::exception& error) {
    return Error{EADDRINUSE,
                 "cannot serve metrics on " + to_string(endpoint) + ": " + error.what() +
                     "; `ss -ltnp` shows who listens there; use another --metrics, or --metrics off"};
  }
  return {};
}

void MetricsServer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  exposer_.reset();
}

std::vector<prometheus::MetricFamily> MetricsServer::wait_for_snapshot() {
  std::unique_lock lock(mutex_);
  // Not one that has begun already: this scrape shall see what happened before it.
  const std::uint64_t wanted = begun_ + 1;
  if (!wished_ && !stopping_) {
    wished_ = true;
    boost::asio::post(loop_, [this, alive = std::weak_ptr(wish_)] {
      if (alive.lock()) fulfil();
    });
  }
  const bool told = changed_.wait_for(lock, kWaitLimit, [&] { return stopping_ || ended_ >= wanted; });
  if (!told || stopping_) return {};
  return snapshot_;
}

void MetricsServer::fulfil() {
  {
    const std::lock_guard lock(mutex_);
    wished_ = false;
    ++begun_;
  }
  std::vector<prometheus::MetricFamily> families;
  collector_(families);
  {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(families);
    ended_ = begun_;
  }
  changed_.notify_all();
}

}  // namespace bmc

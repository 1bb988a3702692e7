// SPDX-License-Identifier: Apache-2.0
// libbpf's ring buffer on the Asio loop, in portions.
#include "apps/memcached-cache/daemon/events.h"

#include <fcntl.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <cstring>
#include <utility>

namespace bmc::cache {
namespace {

// A turn of the loop takes no more, so that a flood of events does not delay the heartbeat.
constexpr int kEventsPerTurn = 512;

// From the first event of a burst until the burst is taken. A program that finds nobody behind the ring pays
// for a wake-up: microseconds, where an entry is filled in one. The ring takes what comes meanwhile several
// times over.
constexpr auto kGather = std::chrono::milliseconds(2);

}  // namespace

EventReader::EventReader(boost::asio::io_context& loop, std::function<void(const cache_event&)> handler)
    : loop_(loop), handler_(std::move(handler)), readable_(loop), gather_(loop) {}

Result<void> EventReader::start(int ring_fd) {
  ring_.reset(ring_buffer__new(ring_fd, take, this, nullptr));
  if (!ring_) return errno_error("cannot map the programs' ring buffer");
  const int epoll = ::fcntl(ring_buffer__epoll_fd(ring_.get()), F_DUPFD_CLOEXEC, 3);
  if (epoll < 0) return errno_error("cannot wait for the programs' events");
  readable_.assign(epoll);
  consume();  // what an earlier bmcd left, for which nobody will be woken
  return {};
}

void EventReader::stop() {
  run_.end();
  boost::system::error_code ignored;
  readable_.close(ignored);
  gather_.cancel();
  ring_.reset();
}

int EventReader::take(void* self, void* data, std::size_t bytes) {
  auto& reader = *static_cast<EventReader*>(self);
  if (bytes >= sizeof(cache_event)) {
    cache_event event;
    std::memcpy(&event, data, sizeof event);
    reader.handler_(event);
  }
  return --reader.left_ > 0 ? 0 : -EAGAIN;
}

void EventReader::consume() {
  left_ = kEventsPerTurn;
  const int taken = ring_buffer__consume(ring_.get());
  if (taken == -EAGAIN) return boost::asio::post(loop_, run_.guard([this] { consume(); }));
  wait();
}

void EventReader::wait() {
  readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       run_.guard([this](const boost::system::error_code& code) {
                         if (!code) gather();
                       }));
}

void EventReader::gather() {
  gather_.expires_after(kGather);
  gather_.async_wait(run_.guard([this](const boost::system::error_code& code) {
    if (!code) consume();
  }));
}

}  // namespace bmc::cache

// SPDX-License-Identifier: Apache-2.0
// EventReader: hands the programs' events from the ring buffer to the loop. Owned by CacheApp.
#ifndef BMC_CACHE_DAEMON_EVENTS_H
#define BMC_CACHE_DAEMON_EVENTS_H

#include <bpf/libbpf.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "control-plane/lifetime.h"
#include "control-plane/result.h"

namespace bmc::cache {

class EventReader {
 public:
  // `handler` gets each event; the event is lent for the call.
  EventReader(boost::asio::io_context& loop, std::function<void(const cache_event&)> handler);

  // `ring_fd`: map `events`, lent for the call. Fails where it cannot be mapped.
  Result<void> start(int ring_fd);
  void stop();

 private:
  struct RingFree {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
  };

  static int take(void* self, void* data, std::size_t bytes);
  void wait();
  void gather();
  void consume();

  boost::asio::io_context& loop_;
  std::function<void(const cache_event&)> handler_;
  std::unique_ptr<ring_buffer, RingFree> ring_;
  boost::asio::posix::stream_descriptor readable_;
  boost::asio::steady_timer gather_;
  int left_ = 0;  // events that may still be taken in this turn of the loop
  Lifetime run_;
};

}  // namespace bmc::cache

#endif

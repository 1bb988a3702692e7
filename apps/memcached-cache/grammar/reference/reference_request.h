// SPDX-License-Identifier: Apache-2.0
// What a client's bytes mean to memcached 1.6.18, written plainly over a whole buffer and from
// memcached's source alone. Called by tests and fuzzers as the stream parser's counterpart.
#ifndef BMC_REFERENCE_REQUEST_H
#define BMC_REFERENCE_REQUEST_H

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "apps/memcached-cache/grammar/request_state.h"

namespace bmc::reference {

// One event, in the terms of request_feed(). `command.next` is 0 here; `end` counts from the stream's start.
struct RequestEvent {
  int what = REQUEST_MORE;  // REQUEST_COMMAND or REQUEST_KEY
  std::size_t end = 0;
  request_command command = {};
};

struct RequestStream {
  std::vector<RequestEvent> events;
  bool lost = false;        // position lost after the last event
  bool at_boundary = true;  // the rest is only valid if not lost
  std::uint64_t skip = 0;   // bytes of value still to come
  std::size_t pending = 0;  // bytes of an incomplete line or binary header, extras and key
};

// The whole of `stream` from a connection's first byte. `seed` is that of cache_hash.
RequestStream parse_requests(std::string_view stream, std::uint64_t seed);

// cache_hash of a whole key.
std::uint64_t hash_key(std::string_view key, std::uint64_t seed);

}  // namespace bmc::reference

#endif

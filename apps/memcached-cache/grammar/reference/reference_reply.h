// SPDX-License-Identifier: Apache-2.0
// Where memcached's replies end, written plainly over a whole buffer and from memcached's source
// alone. Called by tests and fuzzers as the counterpart of reply_feed().
#ifndef BMC_REFERENCE_REPLY_H
#define BMC_REFERENCE_REPLY_H

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "apps/memcached-cache/grammar/reply_state.h"

namespace bmc::reference {

// One reply; `reply.next` is 0 here, `end` counts from the stream's start (binary: end of the header).
struct ReplyEvent {
  std::size_t end = 0;
  struct reply reply = {};
};

struct ReplyStream {
  std::vector<ReplyEvent> events;
  bool lost = false;
  bool at_boundary = true;  // only valid if not lost
  std::uint64_t skip = 0;   // bytes of value or body still to come; only valid if not lost
};

// The whole of `stream` from a connection's first byte.
ReplyStream parse_replies(std::string_view stream);

}  // namespace bmc::reference

#endif

// SPDX-License-Identifier: Apache-2.0
// What a client has sent; see input_buffer.h.
#include "apps/paxos/kv/server/input_buffer.h"

#include <algorithm>
#include <cstring>

namespace bmc::kv {

std::optional<Request> InputBuffer::next() {
  const std::size_t skipped = std::min(skip_, unread());
  begin_ += skipped;
  skip_ -= skipped;
  if (unread() == 0 || unread() < needed_) return std::nullopt;
  Parsed parsed = parse_request({bytes_.data() + begin_, unread()});
  needed_ = parsed.needed;
  begin_ += parsed.consumed;
  if (parsed.request) skip_ = parsed.request->skip;
  return std::move(parsed.request);
}

std::size_t InputBuffer::wanted() const {
  const std::size_t twice = 2 * unread();
  const bool end_is_known = needed_ > unread() + 1;
  return std::max(end_is_known ? std::min(needed_, twice) : twice, kBaseBytes);
}

void InputBuffer::reserve(std::size_t bytes) {
  const std::size_t left = unread();
  if (begin_ != 0) std::memmove(bytes_.data(), bytes_.data() + begin_, left);
  begin_ = 0;
  end_ = left;
  bytes = std::max(bytes, left);
  if (bytes == bytes_.size()) return;
  bytes_.resize(bytes);
  bytes_.shrink_to_fit();
}

void InputBuffer::received(std::size_t bytes) { end_ += bytes; }

}  // namespace bmc::kv

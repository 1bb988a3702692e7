// SPDX-License-Identifier: Apache-2.0
// What a client has sent and nobody has looked at yet. Owned by a Connection.
#ifndef BMC_KV_SERVER_INPUT_BUFFER_H
#define BMC_KV_SERVER_INPUT_BUFFER_H

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "apps/paxos/kv/server/request.h"

namespace bmc::kv {

class InputBuffer {
 public:
  // Kept for good; more is held only while a larger request comes in.
  static constexpr std::size_t kBaseBytes = 16 * 1024;
  // The longest line of a storage command with its value; a retrieval's line may take half of it.
  static constexpr std::size_t kBytesMax = kLineBytesMax + 1 + kValueBytesMax + 2;
  static_assert(2 * kRetrievalLineBytesMax <= kBytesMax);

  InputBuffer() : bytes_(kBaseBytes) {}

  // The next request that is whole, or nothing: more must be received. It points into the buffer until the
  // next call of reserve().
  std::optional<Request> next();

  // How large the buffer must be for the next space(): grows with what was received, not with what a client
  // promises to send.
  std::size_t wanted() const;
  // Makes it so large, with whatever is unread at its beginning.
  void reserve(std::size_t bytes);
  // Where the next bytes go; not empty after reserve(wanted()).
  std::span<char> space() { return std::span(bytes_).subspan(end_); }
  // So many were put there.
  void received(std::size_t bytes);

  std::size_t capacity() const { return bytes_.size(); }

 private:
  std::size_t unread() const { return end_ - begin_; }

  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t needed_ = 0;  // unread bytes before it is worth parsing again
  std::size_t skip_ = 0;    // bytes still to come that are thrown away
};

}  // namespace bmc::kv

#endif

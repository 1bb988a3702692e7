// SPDX-License-Identifier: Apache-2.0
// Messages larger than a datagram, cut into fragments and put together again. A fragment is the message's own
// header with frag_cnt > 1 and hdr_words = 12, sixteen bytes that say where its piece belongs, and the piece:
// so the kernel programs let it pass, and the whole is checked by the codec like any other message.
#ifndef BMC_PAXOS_RUNTIME_FRAGMENT_H
#define BMC_PAXOS_RUNTIME_FRAGMENT_H

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "apps/paxos/runtime/endpoint.h"

namespace bmc::paxos::runtime {

inline constexpr std::size_t kFragmentHeaderBytes = PAXOS_HEADER_BYTES + 16;
inline constexpr std::size_t kFragmentsMax = 1024;

// A request or reply has at most these bytes more than the operation, query or result in it, and its message
// these.
inline constexpr std::uint32_t kRequestOverheadBytes = 128;
inline constexpr std::size_t kMessageOverheadBytes = PAXOS_HEADER_BYTES + kRequestOverheadBytes;

// The largest message that fragments of `datagram_bytes` carry.
constexpr std::size_t fragmented_bytes_max(std::size_t datagram_bytes) {
  return kFragmentsMax * (datagram_bytes - kFragmentHeaderBytes);
}

// How many fragments of `datagram_bytes` a message takes.
constexpr std::size_t fragment_count(std::size_t message_bytes, std::size_t datagram_bytes) {
  const std::size_t piece = datagram_bytes - kFragmentHeaderBytes;
  return (message_bytes + piece - 1) / piece;
}

// The fragment at `index` of an encoded message of 2 to kFragmentsMax fragments. Equal messages give equal
// fragments, so one that is sent again fills what is missing of the first time.
std::string fragment_of(std::string_view message, std::size_t datagram_bytes, std::size_t index);

// Whether a datagram claims to be a fragment, and who says to have sent it.
struct FragmentClaim {
  std::uint64_t cluster_id = 0;
  std::uint8_t sender = 0;
};
std::optional<FragmentClaim> fragment_claim(std::string_view datagram);

// Keeps what has come of messages in pieces: bounded in bytes (the oldest go first) and in time.
class Reassembler {
 public:
  static constexpr Micros kKeptUs = 5'000'000;

  // `message_bytes_max`: of one message. `bytes_max`: of all together, at least that of one.
  Reassembler(std::size_t message_bytes_max, std::size_t bytes_max);

  // Takes a fragment in. The message once it is whole; nothing while it is not, or if the fragment is none or
  // contradicts those before (`malformed` is then raised).
  std::optional<std::string> add(Micros now, const Endpoint& from, std::string_view datagram);

  std::uint64_t malformed() const { return malformed_; }
  std::uint64_t given_up() const { return given_up_; }  // messages dropped for age or room
  std::size_t bytes() const { return bytes_; }

 private:
  using Key = std::pair<Endpoint, std::uint64_t>;  // sender, hash of the message's header
  struct Partial {
    Key key;
    std::string message;
    std::size_t piece_bytes = 0;
    std::bitset<kFragmentsMax> have;
    Micros expires = 0;
  };
  using Partials = std::list<Partial>;  // the oldest first

  Partials::iterator open(Micros now, const Key& key, std::size_t total, std::size_t piece_bytes);
  void drop(Partials::iterator partial);
  void drop_old(Micros now, std::size_t room);

  const std::size_t message_bytes_max_;
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  Partials partials_;
  std::map<Key, Partials::iterator> by_key_;
  std::uint64_t malformed_ = 0;
  std::uint64_t given_up_ = 0;
};

}  // namespace bmc::paxos::runtime

#endif

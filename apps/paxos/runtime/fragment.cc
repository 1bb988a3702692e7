// SPDX-License-Identifier: Apache-2.0
// Cutting messages and putting them together.
#include "apps/paxos/runtime/fragment.h"

#include <algorithm>
#include <cstring>

namespace bmc::paxos::runtime {
namespace {

constexpr std::uint8_t kFragmentHeaderWords = kFragmentHeaderBytes / 8;

// The extension of the header.
struct Place {
  std::uint64_t message = 0;  // hash of the whole message's header, its checksum included: which message
  std::uint32_t total = 0;    // bytes of the whole
  std::uint16_t piece = 0;    // bytes of each piece but the last
  std::uint16_t index = 0;    // of this one
};
static_assert(PAXOS_HEADER_BYTES + sizeof(Place) == kFragmentHeaderBytes);

std::size_t count_of(const Place& place) {
  return (place.total + std::size_t{place.piece} - 1) / place.piece;
}
std::size_t offset_of(const Place& place) { return std::size_t{place.index} * place.piece; }

struct Fragment {
  paxos_header header;
  Place place;
};
static_assert(sizeof(Fragment) == kFragmentHeaderBytes);

std::optional<Fragment> parse(std::string_view datagram) {
  if (datagram.size() <= kFragmentHeaderBytes) return std::nullopt;
  Fragment fragment;
  std::memcpy(&fragment, datagram.data(), sizeof(fragment));
  const paxos_header& header = fragment.header;
  if (header.magic != PAXOS_MAGIC || header.version != PAXOS_WIRE_VERSION) return std::nullopt;
  if (header.hdr_words != kFragmentHeaderWords || header.frag_cnt < 2) return std::nullopt;
  return fragment;
}

bool is_sound(const Fragment& fragment, std::size_t piece) {
  const auto& [header, place] = fragment;
  if (header.hdr_hash != paxos_header_hash(&header) || header.body_len != piece) return false;
  if (place.total <= PAXOS_HEADER_BYTES || place.piece == 0) return false;
  const std::size_t count = count_of(place);
  if (count < 2 || count > kFragmentsMax || place.index >= count) return false;
  return piece == std::min<std::size_t>(place.piece, place.total - offset_of(place));
}

// The header's own fields are bytes and say no more than "a fragment" where there are more of them.
std::uint8_t saturated(std::size_t number) {
  return static_cast<std::uint8_t>(std::min<std::size_t>(number, 255));
}

}  // namespace

std::string fragment_of(std::string_view message, std::size_t datagram_bytes, std::size_t index) {
  Fragment fragment;
  std::memcpy(&fragment.header, message.data(), sizeof(fragment.header));
  Place& place = fragment.place;
  place.message = fragment.header.hdr_hash;
  place.total = static_cast<std::uint32_t>(message.size());
  place.piece = static_cast<std::uint16_t>(datagram_bytes - kFragmentHeaderBytes);
  place.index = static_cast<std::uint16_t>(index);
  const std::string_view piece = message.substr(offset_of(place), place.piece);

  fragment.header.hdr_words = kFragmentHeaderWords;
  fragment.header.frag_cnt = saturated(count_of(place));
  fragment.header.frag_idx = saturated(index);
  fragment.header.body_len = static_cast<std::uint32_t>(piece.size());
  fragment.header.hdr_hash = paxos_header_hash(&fragment.header);
  std::string bytes;
  bytes.reserve(sizeof(fragment) + piece.size());
  return bytes.append(reinterpret_cast<const char*>(&fragment), sizeof(fragment)).append(piece);
}

std::optional<FragmentClaim> fragment_claim(std::string_view datagram) {
  const auto fragment = parse(datagram);
  if (!fragment) return std::nullopt;
  return FragmentClaim{fragment->header.cluster_id, fragment->header.sender};
}

Reassembler::Reassembler(std::size_t message_bytes_max, std::size_t bytes_max)
    : message_bytes_max_(message_bytes_max), bytes_max_(std::max(bytes_max, message_bytes_max)) {}

std::optional<std::string> Reassembler::add(Micros now, const Endpoint& from, std::string_view datagram) {
  const auto fragment = parse(datagram);
  const std::string_view piece =
      datagram.size() > kFragmentHeaderBytes ? datagram.substr(kFragmentHeaderBytes) : std::string_view{};
  if (!fragment || !is_sound(*fragment, piece.size()) || fragment->place.total > message_bytes_max_) {
    malformed_++;
    return std::nullopt;
  }
  const Place& place = fragment->place;
  const Key key{from, place.message};
  const auto known = by_key_.find(key);
  const auto partial = known != by_key_.end() ? known->second : open(now, key, place.total, place.piece);
  if (partial->message.size() != place.total || partial->piece_bytes != place.piece) {
    malformed_++;
    return std::nullopt;
  }
  partial->message.replace(offset_of(place), piece.size(), piece);
  partial->have.set(place.index);
  if (partial->have.count() < count_of(place)) return std::nullopt;
  std::string message = std::move(partial->message);
  bytes_ -= message.size();
  by_key_.erase(key);
  partials_.erase(partial);
  return message;
}

Reassembler::Partials::iterator Reassembler::open(Micros now, const Key& key, std::size_t total,
                                                  std::size_t piece_bytes) {
  drop_old(now, total);
  const auto partial = partials_.insert(
      partials_.end(), Partial{key, std::string(total, '\0'), piece_bytes, {}, now + kKeptUs});
  by_key_.emplace(key, partial);
  bytes_ += total;
  return partial;
}

void Reassembler::drop(Partials::iterator partial) {
  given_up_++;
  bytes_ -= partial->message.size();
  by_key_.erase(partial->key);
  partials_.erase(partial);
}

// What is too old goes whenever something new comes, and then the oldest until there is `room`.
void Reassembler::drop_old(Micros now, std::size_t room) {
  while (!partials_.empty() && (partials_.front().expires <= now || bytes_ + room > bytes_max_)) {
    drop(partials_.begin());
  }
}

}  // namespace bmc::paxos::runtime

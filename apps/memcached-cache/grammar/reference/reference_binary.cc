// SPDX-License-Identifier: Apache-2.0
// See reference_binary.h. Written after try_read_command_binary() and dispatch_bin_command().
#include "apps/memcached-cache/grammar/reference/reference_binary.h"

#include <algorithm>
#include <cstring>

namespace bmc::reference {
namespace {

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

struct Packet {
  unsigned opcode = 0;
  std::uint64_t extras = 0;
  std::uint64_t key = 0;
  std::uint64_t value = 0;
};

enum class Kind { kOther, kBare, kGet, kStore, kExtend, kDelete, kCount, kTouch, kFlush, kStat, kSasl };

Kind kind_of(unsigned opcode) {
  switch (opcode) {
    case 0x00:
    case 0x09:
    case 0x0c:
    case 0x0d:
      return Kind::kGet;
    case 0x01:
    case 0x02:
    case 0x03:
    case 0x11:
    case 0x12:
    case 0x13:
      return Kind::kStore;
    case 0x04:
    case 0x14:
      return Kind::kDelete;
    case 0x05:
    case 0x06:
    case 0x15:
    case 0x16:
      return Kind::kCount;
    case 0x07:
    case 0x17:
    case 0x0a:
    case 0x0b:
    case 0x20:
      return Kind::kBare;
    case 0x08:
    case 0x18:
      return Kind::kFlush;
    case 0x0e:
    case 0x0f:
    case 0x19:
    case 0x1a:
      return Kind::kExtend;
    case 0x10:
      return Kind::kStat;
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x23:
    case 0x24:
      return Kind::kTouch;
    case 0x21:
    case 0x22:
      return Kind::kSasl;
    default:
      return Kind::kOther;
  }
}

// Whether the lengths are those dispatch_bin_command() wants; a packet with others ends the connection,
// or (an unknown opcode with a body, a body longer than its parts) is not read to its end.
bool lengths_fit(Kind kind, const Packet& p) {
  const bool whole = p.value == 0;
  switch (kind) {
    case Kind::kGet:
    case Kind::kDelete:
      return p.extras == 0 && p.key > 0 && whole;
    case Kind::kStore:
      return p.extras == 8 && p.key > 0;
    case Kind::kExtend:
    case Kind::kSasl:
      return p.extras == 0 && p.key > 0;
    case Kind::kCount:
      return p.extras == 20 && p.key > 0 && whole;
    case Kind::kTouch:
      return p.extras == 4 && p.key > 0 && whole;
    case Kind::kFlush:
      return (p.extras == 0 || p.extras == 4) && p.key == 0 && whole;
    case Kind::kStat:
      return p.extras == 0 && whole;
    default:
      return p.extras == 0 && p.key == 0 && whole;
  }
}

bool is_quiet(unsigned opcode) {
  constexpr unsigned kQuiet[] = {0x09, 0x0d, 0x11, 0x12, 0x13, 0x14, 0x15,
                                 0x16, 0x18, 0x19, 0x1a, 0x1e, 0x24};
  return std::find(std::begin(kQuiet), std::end(kQuiet), opcode) != std::end(kQuiet);
}

void describe(Kind kind, const Packet& p, std::string_view extras, request_command& c) {
  unsigned flags = REQUEST_BINARY | REQUEST_LAST;
  c.shape = SHAPE_BINARY;
  switch (kind) {
    case Kind::kGet:
      c.effect = EFFECT_READ;
      break;
    case Kind::kFlush:
    case Kind::kOther:
      c.effect = EFFECT_WRITE_GLOBAL;
      break;
    case Kind::kStat:
      c.effect = EFFECT_NONE;
      c.shape = SHAPE_BINARY_STATS;
      break;
    case Kind::kBare:
    case Kind::kSasl:
      c.effect = EFFECT_NONE;
      if (p.opcode == 0x07 || p.opcode == 0x17) c.shape = SHAPE_CLOSE;
      break;
    default:
      c.effect = EFFECT_WRITE_KEY;
  }
  if (c.effect >= EFFECT_WRITE_KEY && kind != Kind::kTouch) flags |= REQUEST_CHANGES_VALUE;
  if (is_quiet(p.opcode)) flags |= REQUEST_QUIET;
  if (p.opcode == 0x17) flags |= REQUEST_NOREPLY;
  if (kind == Kind::kStore || kind == Kind::kTouch || (kind == Kind::kFlush && !extras.empty())) {
    flags |= REQUEST_HAS_TTL;
    c.exptime = static_cast<std::int64_t>(big_endian(extras.substr(kind == Kind::kStore ? 4 : 0, 4)));
  }
  c.flags = static_cast<std::uint8_t>(flags);
}

}  // namespace

void parse_packets(RequestStream& out, std::string_view stream, std::uint64_t seed) {
  std::size_t at = 0;
  bool closed = false;
  while (at < stream.size()) {
    const std::string_view rest = stream.substr(at);
    out.lost = closed || static_cast<unsigned char>(rest.front()) != 0x80;
    if (out.lost) return;
    out.at_boundary = false;
    out.pending = rest.size();
    if (rest.size() < 24) return;
    Packet p;
    const std::uint64_t body = big_endian(rest.substr(8, 4));
    p.opcode = static_cast<unsigned char>(rest[1]);
    p.key = big_endian(rest.substr(2, 2));
    p.extras = big_endian(rest.substr(4, 1));
    out.lost = body > 0x7ffffff0 || p.extras + p.key > body || p.key > 250;
    if (out.lost) return;
    p.value = body - p.extras - p.key;
    const Kind kind = kind_of(p.opcode);
    out.lost = !lengths_fit(kind, p);
    if (out.lost) return;
    const std::size_t head = 24 + p.extras + p.key;
    if (rest.size() < head) return;
    RequestEvent event;
    event.what = REQUEST_COMMAND;
    event.end = at + head;
    event.command.verb = static_cast<std::uint8_t>(p.opcode);
    event.command.length = static_cast<std::uint32_t>(p.value);
    std::memcpy(&event.command.opaque, rest.data() + 12, 4);
    describe(kind, p, rest.substr(24, p.extras), event.command);
    if (event.command.effect == EFFECT_WRITE_KEY)
      event.command.key_hash = hash_key(rest.substr(24 + p.extras, p.key), seed);
    out.events.push_back(event);
    out.pending = 0;
    closed = event.command.shape == SHAPE_CLOSE;
    const std::size_t have = std::min<std::size_t>(p.value, rest.size() - head);
    out.skip = p.value - have;
    out.at_boundary = !closed && out.skip == 0;
    at += head + have;
  }
}

}  // namespace bmc::reference

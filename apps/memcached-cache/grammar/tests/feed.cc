// SPDX-License-Identifier: Apache-2.0
// See feed.h.
#include "apps/memcached-cache/grammar/tests/feed.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "apps/memcached-cache/grammar/reply_parser.h"
#include "apps/memcached-cache/grammar/request_parser.h"

namespace bmc::grammar_test {
namespace {

// Bytes after the piece are junk: a parser that looks at them is wrong.
grammar_chunk chunk_of(std::string_view bytes) {
  grammar_chunk chunk;
  std::memset(chunk.bytes, '\n', sizeof(chunk.bytes));
  std::memcpy(chunk.bytes, bytes.data(), bytes.size());
  return chunk;
}

std::size_t pass(__u64& skip, std::size_t left) {
  const std::size_t passed = std::min<__u64>(skip, left);
  skip -= passed;
  return passed;
}

// KEY events whose command never came are the automaton's head start.
void drop_unfinished(reference::RequestStream& out) {
  while (!out.events.empty() && out.events.back().what == REQUEST_KEY) out.events.pop_back();
}

std::string describe(const reference::RequestEvent& e) {
  char text[256];
  const request_command& c = e.command;
  std::snprintf(
      text, sizeof(text),
      "what %d end %zu verb %u effect %u shape %u flags %#x exptime %lld length %u opaque %#x hash %#llx",
      e.what, e.end, c.verb, c.effect, c.shape, c.flags, static_cast<long long>(c.exptime), c.length,
      c.opaque, static_cast<unsigned long long>(c.key_hash));
  return text;
}

std::string describe(const reference::ReplyEvent& e) {
  char text[128];
  std::snprintf(text, sizeof(text), "end %zu kind %u opcode %u status %u opaque %#x", e.end, e.reply.kind,
                e.reply.opcode, e.reply.status, e.reply.opaque);
  return text;
}

std::string describe_state(bool lost, bool boundary, std::uint64_t skip, std::size_t pending) {
  char text[128];
  if (lost) return "lost";
  std::snprintf(text, sizeof(text), "boundary %d skip %llu pending %zu", boundary,
                static_cast<unsigned long long>(skip), pending);
  return text;
}

template <typename Event>
std::string events_difference(const std::vector<Event>& automaton, const std::vector<Event>& reference) {
  const std::size_t count = std::max(automaton.size(), reference.size());
  for (std::size_t i = 0; i < count; i++) {
    const std::string a = i < automaton.size() ? describe(automaton[i]) : "nothing";
    const std::string r = i < reference.size() ? describe(reference[i]) : "nothing";
    if (a != r) return "event " + std::to_string(i) + ": automaton " + a + "; reference " + r;
  }
  return {};
}

}  // namespace

Pieces pieces_of(std::size_t size) {
  return [size] { return size; };
}

reference::RequestStream feed_requests(std::string_view stream, std::uint64_t seed,
                                       const Pieces& next_piece) {
  reference::RequestStream out;
  request_parser parser;
  request_parser_init(&parser, seed);
  std::size_t at = 0;
  while (at < stream.size() && !out.lost) {
    at += pass(parser.skip, stream.size() - at);
    const std::string_view piece = stream.substr(at, next_piece());
    const grammar_chunk chunk = chunk_of(piece);
    const auto size = static_cast<std::uint32_t>(piece.size());
    std::uint32_t begin = 0;
    while (begin < size && !out.lost) {
      reference::RequestEvent event;
      event.what = request_feed(&parser, &chunk, begin, size, &event.command);
      begin = event.command.next;
      event.command.next = 0;
      event.end = event.what == REQUEST_KEY ? 0 : at + begin;
      out.lost = event.what == REQUEST_LOST;
      if (event.what == REQUEST_COMMAND || event.what == REQUEST_KEY) out.events.push_back(event);
    }
    at += begin;
  }
  out.at_boundary = request_at_boundary(&parser);
  out.skip = parser.skip;
  out.pending = request_pending_bytes(&parser);
  drop_unfinished(out);
  return out;
}

reference::ReplyStream feed_replies(std::string_view stream, const Pieces& next_piece) {
  reference::ReplyStream out;
  reply_parser parser;
  reply_parser_init(&parser);
  std::size_t at = 0;
  while (at < stream.size() && !out.lost) {
    at += pass(parser.skip, stream.size() - at);
    const std::string_view piece = stream.substr(at, next_piece());
    const grammar_chunk chunk = chunk_of(piece);
    const auto size = static_cast<std::uint32_t>(piece.size());
    std::uint32_t begin = 0;
    while (begin < size && !out.lost) {
      reference::ReplyEvent event;
      const int what = reply_feed(&parser, &chunk, begin, size, &event.reply);
      begin = event.reply.next;
      event.reply.next = 0;
      event.end = at + begin;
      out.lost = what == REPLY_LOST;
      if (what == REPLY_COMPLETE) out.events.push_back(event);
    }
    at += begin;
  }
  out.at_boundary = reply_at_boundary(&parser);
  out.skip = parser.skip;
  return out;
}

std::string difference(const reference::RequestStream& automaton, const reference::RequestStream& reference) {
  std::vector<reference::RequestEvent> expected = reference.events;
  for (auto& event : expected)
    if (event.what == REQUEST_KEY) event.end = 0;
  const std::string events = events_difference(automaton.events, expected);
  if (!events.empty()) return events;
  const std::string a =
      describe_state(automaton.lost, automaton.at_boundary, automaton.skip, automaton.pending);
  const std::string r =
      describe_state(reference.lost, reference.at_boundary, reference.skip, reference.pending);
  return a == r ? std::string{} : "at the end: automaton " + a + "; reference " + r;
}

std::string difference(const reference::ReplyStream& automaton, const reference::ReplyStream& reference) {
  const std::string events = events_difference(automaton.events, reference.events);
  if (!events.empty()) return events;
  const std::string a = describe_state(automaton.lost, automaton.at_boundary, automaton.skip, 0);
  const std::string r = describe_state(reference.lost, reference.at_boundary, reference.skip, 0);
  return a == r ? std::string{} : "at the end: automaton " + a + "; reference " + r;
}

std::string printable(std::string_view stream) {
  std::string text;
  for (const char c : stream) {
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), c >= ' ' && c <= '~' ? "%c" : "\\x%02x",
                  static_cast<unsigned char>(c));
    text += escaped;
  }
  return text;
}

}  // namespace bmc::grammar_test

// SPDX-License-Identifier: Apache-2.0
// See reference_reply.h.
#include "apps/memcached-cache/grammar/reference/reference_reply.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>

namespace bmc::reference {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

struct Named {
  std::string_view text;
  grammar_reply kind;
};

constexpr Named kWhole[] = {
    {"STORED", REPLY_STORED},   {"NOT_STORED", REPLY_NOT_STORED},
    {"EXISTS", REPLY_EXISTS},   {"NOT_FOUND", REPLY_NOT_FOUND},
    {"DELETED", REPLY_DELETED}, {"TOUCHED", REPLY_TOUCHED},
    {"OK", REPLY_OK},           {"RESET", REPLY_RESET},
    {"END", REPLY_END},         {"HD", REPLY_HD},
    {"EN", REPLY_EN},           {"NF", REPLY_NF},
    {"NS", REPLY_NS},           {"EX", REPLY_EX},
    {"MN", REPLY_MN},           {"ERROR", REPLY_ERROR},
};

constexpr Named kBeginnings[] = {
    {"HD ", REPLY_HD},
    {"EN ", REPLY_EN},
    {"NF ", REPLY_NF},
    {"NS ", REPLY_NS},
    {"EX ", REPLY_EX},
    {"ME ", REPLY_ME},
    {"VA ", REPLY_VA},
    {"VALUE ", REPLY_VALUES},
    {"STAT ", REPLY_STATS},
    {"ITEM ", REPLY_STATS},
    {"PREFIX ", REPLY_STATS},
    {"VERSION ", REPLY_VERSION},
    {"CLIENT_ERROR ", REPLY_CLIENT_ERROR},
    {"SERVER_ERROR ", REPLY_SERVER_ERROR},
    {"ERROR ", REPLY_ERROR_TEXT},
    {"ERROR:", REPLY_ERROR_TEXT},
};

grammar_reply kind_of(std::string_view line) {
  // "SERVER_ERROR out of memory writing ...": of all these errors only it has a w there.
  if (starts_with(line, "SERVER_ERROR ") && line.size() > 27 && line[27] == 'w') return REPLY_DROPPED;
  for (const Named& each : kWhole)
    if (line == each.text) return each.kind;
  for (const Named& each : kBeginnings)
    if (starts_with(line, each.text)) return each.kind;
  return !line.empty() && line.front() >= '0' && line.front() <= '9' ? REPLY_NUMBER : REPLY_OTHER;
}

// The number at place `index` of the space-separated words; every space separates.
std::optional<std::uint64_t> length_at(std::string_view line, std::size_t index) {
  for (; index > 0; index--) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    line.remove_prefix(space + 1);
  }
  const std::string_view word = line.substr(0, line.find(' '));
  if (word.empty() || word.size() > 10) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : word) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (number > 2147483645) return std::nullopt;
  return number;
}

// Reads one stream; `list` is the kind of list that has begun and not ended.
class Reader {
 public:
  explicit Reader(std::string_view stream) : stream_(stream) {}

  ReplyStream read() {
    while (at_ < stream_.size() && !out_.lost && !out_.skip && out_.at_boundary) {
      const bool packet = static_cast<unsigned char>(stream_[at_]) == 0x81;
      if (packet ? !read_packet() : !read_line()) break;
    }
    out_.at_boundary = out_.at_boundary && list_ == 0;
    return out_;
  }

 private:
  // Each returns false when there is nothing more to read: incomplete or lost.
  bool read_line() {
    const std::size_t newline = stream_.find('\n', at_);
    if (newline == std::string_view::npos) {
      out_.at_boundary = false;
      return false;
    }
    std::string_view line = stream_.substr(at_, newline - at_);
    at_ = newline + 1;
    if (starts_with(line, "key=")) return goes_on(REPLY_DUMP);
    if (line.empty() || line.back() != '\r') return lose();
    line.remove_suffix(1);
    const grammar_reply kind = kind_of(line);
    if (kind == REPLY_STATS) return goes_on(kind);
    if (kind == REPLY_VALUES) return read_value(line);
    if (kind == REPLY_VA) return list_ == 0 ? read_meta_value(line) : lose();
    if (list_ != 0) {
      if (kind != REPLY_END || list_ == REPLY_BINARY) return lose();
      complete(list_);
    } else {
      complete(kind);
    }
    return true;
  }

  bool read_value(std::string_view line) {
    const auto spaces = std::count(line.begin(), line.end(), ' ');
    const auto length = length_at(line, 3);
    if (!length || spaces < 3 || spaces > 4) return lose();
    return goes_on(REPLY_VALUES) && pass(*length);
  }

  bool read_meta_value(std::string_view line) {
    const auto length = length_at(line, 1);
    if (!length) return lose();
    if (!pass(*length)) return false;
    complete(REPLY_VA);
    return true;
  }

  // The value and its \r\n.
  bool pass(std::uint64_t length) {
    const std::uint64_t have = std::min<std::uint64_t>(length, stream_.size() - at_);
    at_ += have;
    out_.skip = length - have;
    const std::string_view end = stream_.substr(at_, 2);
    if (end != std::string_view("\r\n").substr(0, end.size())) return lose();
    at_ += end.size();
    out_.at_boundary = end.size() == 2;
    return out_.at_boundary;
  }

  bool read_packet() {
    const std::string_view header = stream_.substr(at_, 24);
    if (header.size() < 24) {
      out_.at_boundary = false;
      return false;
    }
    const auto byte = [&header](std::size_t i) {
      return std::uint64_t{static_cast<unsigned char>(header[i])};
    };
    const std::uint64_t key = byte(2) << 8 | byte(3);
    const std::uint64_t body = byte(8) << 24 | byte(9) << 16 | byte(10) << 8 | byte(11);
    at_ += 24;
    if (list_ != 0 && (list_ != REPLY_BINARY || byte(1) != 0x10)) return lose();
    ReplyEvent event;
    event.end = at_;
    event.reply.kind = REPLY_BINARY;
    event.reply.opcode = static_cast<std::uint8_t>(byte(1));
    event.reply.status = static_cast<std::uint16_t>(byte(6) << 8 | byte(7));
    std::memcpy(&event.reply.opaque, header.data() + 12, 4);
    list_ = byte(1) == 0x10 && event.reply.status == 0 && (key || body) ? REPLY_BINARY : REPLY_OTHER;
    if (list_ == 0) out_.events.push_back(event);
    const std::uint64_t have = std::min<std::uint64_t>(body, stream_.size() - at_);
    at_ += have;
    out_.skip = body - have;
    out_.at_boundary = out_.skip == 0;
    return out_.at_boundary;
  }

  bool goes_on(unsigned kind) {
    if (list_ != 0 && list_ != kind) return lose();
    list_ = kind;
    return true;
  }

  void complete(unsigned kind) {
    list_ = 0;
    ReplyEvent event;
    event.end = at_;
    event.reply.kind = static_cast<std::uint8_t>(kind);
    out_.events.push_back(event);
  }

  bool lose() {
    out_.lost = true;
    return false;
  }

  std::string_view stream_;
  std::size_t at_ = 0;
  unsigned list_ = 0;
  ReplyStream out_;
};

}  // namespace

ReplyStream parse_replies(std::string_view stream) { return Reader(stream).read(); }

}  // namespace bmc::reference

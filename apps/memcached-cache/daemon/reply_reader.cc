// SPDX-License-Identifier: Apache-2.0
// Reading of memcached's text replies; every byte is taken as hostile.
#include "apps/memcached-cache/daemon/reply_reader.h"

#include <charconv>
#include <utility>

namespace bmc::cache {
namespace {

constexpr std::size_t kCompactBytes = 64 * 1024;

// For error texts: what a hostile peer sent must not reach a terminal as it is.
std::string printable(std::string_view text) {
  std::string out;
  for (const char byte : text.substr(0, 60)) out += byte >= 0x20 && byte < 0x7f ? byte : '?';
  return text.size() > 60 ? out + "..." : out;
}

}  // namespace

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_error_line(std::string_view line) {
  return line == "ERROR" || line.starts_with("ERROR ") || line.starts_with("CLIENT_ERROR") ||
         line.starts_with("SERVER_ERROR");
}

Result<std::optional<std::string_view>> ReplyReader::line() {
  const std::size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    if (buffer_.size() - consumed_ > kReplyLineMax)
      return Error{EMSGSIZE,
                   "memcached sent a line without an end: " + printable(buffer_.substr(consumed_, 60))};
    return std::optional<std::string_view>();
  }
  const std::string_view line(buffer_.data() + consumed_, end - consumed_);
  if (line.size() > kReplyLineMax)
    return Error{EMSGSIZE, "memcached sent an endless line: " + printable(line)};
  consumed_ = scanned_ = end + 1;
  if (line.empty() || line.back() != '\r')
    return Error{EPROTO, "this is no memcached: a line ends without a carriage return: " + printable(line)};
  return std::optional<std::string_view>(line.substr(0, line.size() - 1));
}

// A host may have a hundred thousand connections over TCP. Those over UDP are told of with `<descriptor>:UDP`
// first.
bool ReplyReader::is_of_udp(std::string_view statistic) {
  const std::size_t colon = statistic.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view descriptor = statistic.substr(0, colon + 1);
  if (statistic.substr(colon + 1) == "UDP") udp_ = descriptor;
  return descriptor == udp_;
}

Result<std::optional<Reply>> ReplyReader::next(ReplyShape shape) {
  while (true) {
    Result<std::optional<std::string_view>> got = line();
    if (!got) return got.error();
    if (!*got) {
      compact();
      return std::optional<Reply>();
    }
    const std::string_view text = **got;
    if (shape == ReplyShape::kLine) return std::optional<Reply>(Reply{std::string(text), {}});
    if (text == "END") {
      udp_.clear();
      return std::optional<Reply>(std::exchange(partial_, Reply{}));
    }
    if (!text.starts_with("STAT ")) {
      if (!partial_.stats.empty() || !is_error_line(text))
        return Error{EPROTO, "this is no memcached: no statistic: " + printable(text)};
      return std::optional<Reply>(Reply{std::string(text), {}});
    }
    const std::string_view rest = text.substr(5);
    const std::size_t space = rest.find(' ');
    const std::string_view value =
        space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    if (shape == ReplyShape::kConnections && !is_of_udp(rest.substr(0, space))) continue;
    partial_.stats.insert_or_assign(std::string(rest.substr(0, space)), std::string(value));
    if (partial_.stats.size() > kReplyStatsMax)
      return Error{EMSGSIZE, "memcached sent a list of statistics without an end"};
  }
}

void ReplyReader::compact() {
  if (consumed_ < kCompactBytes && consumed_ != buffer_.size()) return;
  buffer_.erase(0, consumed_);
  scanned_ -= consumed_;
  consumed_ = 0;
}

Result<MetaReply> parse_meta_reply(std::string_view line, std::string_view key) {
  if (line == "EN") return MetaReply{};
  const Error garbled{EPROTO, "memcached answered `me` with: " + printable(line)};
  if (!line.starts_with("ME ") || line.substr(3, key.size()) != key) return garbled;
  std::string_view rest = line.substr(3 + key.size());
  if (!rest.starts_with(" exp=")) return garbled;
  rest.remove_prefix(5);
  const std::optional<std::int64_t> exp = parse_number(rest.substr(0, rest.find(' ')));
  if (!exp || *exp > INT32_MAX || *exp < INT32_MIN) return garbled;
  return MetaReply{true, *exp};
}

}  // namespace bmc::cache

// SPDX-License-Identifier: Apache-2.0
// See reply_parser.h.
#include "loadgen/reply_parser.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "loadgen/loadgen_abi.h"

namespace bmc::loadgen {
namespace {

using Kind = ReplyPiece::Kind;

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kValue = "VALUE ";
constexpr std::size_t kLineMax = 2048;
constexpr std::uint32_t kDataMax = 1u << 20;

// The word before the next space, or all; advances behind both.
std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size() == line.size() ? word.size() : word.size() + 1);
  return word;
}

std::optional<std::uint32_t> number(std::string_view word) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// "VALUE <key> <flags> <bytes>\r\n<data>\r\n"; `line` is what stands between VALUE and the line's end.
ReplyPiece next_value(std::string_view& text, std::string_view line, std::size_t behind_line) {
  ReplyPiece piece{.kind = Kind::kBroken};
  piece.key = take_word(line);
  const auto flags = number(take_word(line));
  const auto size = number(line);
  if (piece.key.empty() || piece.key.size() > LOADGEN_KEY_MAX || !flags || !size || *size > kDataMax)
    return piece;
  piece.flags = *flags;
  const std::string_view rest = text.substr(behind_line);
  const std::string_view end = rest.substr(std::min<std::size_t>(*size, rest.size())).substr(0, 2);
  if (end != kLineEnd.substr(0, end.size())) return piece;
  if (end.size() < kLineEnd.size()) return ReplyPiece{};
  piece.kind = Kind::kValue;
  piece.data = rest.substr(0, *size);
  piece.size = behind_line + *size + kLineEnd.size();
  text.remove_prefix(piece.size);
  return piece;
}

}  // namespace

ReplyPiece next_piece(std::string_view& text) {
  // Looked for within the longest line only: a hostile stream without line ends costs no more than that.
  const std::size_t end = text.substr(0, kLineMax).find(kLineEnd);
  if (end == std::string_view::npos)
    return {.kind = text.size() < kLineMax ? Kind::kIncomplete : Kind::kBroken};
  const std::string_view line = text.substr(0, end);
  const std::size_t behind = end + kLineEnd.size();
  if (line.substr(0, kValue.size()) == kValue) return next_value(text, line.substr(kValue.size()), behind);
  text.remove_prefix(behind);
  if (line == "END") return {.kind = Kind::kEnd, .size = behind};
  if (line == "STORED") return {.kind = Kind::kStored, .size = behind};
  return {.kind = Kind::kRefused, .line = line, .size = behind};
}

void ReplyStream::feed(std::string_view bytes) {
  text_.erase(0, at_);
  at_ = 0;
  text_ += bytes;
}

ReplyPiece ReplyStream::next() {
  std::string_view rest = std::string_view(text_).substr(at_);
  const ReplyPiece piece = next_piece(rest);
  at_ = text_.size() - rest.size();
  return piece;
}

void ReplyStream::clear() {
  text_.clear();
  at_ = 0;
}

}  // namespace bmc::loadgen

// SPDX-License-Identifier: Apache-2.0
// See value.h.
#include "netns-tests/hammer/value.h"

#include <charconv>

namespace bmc::hammer {
namespace {

constexpr char kFillers[][40] = {
    "\r\n",           "\r\nEND\r\n",          "VALUE k 0 1\r\n", "set k00 0 0 3\r\nxyz\r\n",
    "delete k00\r\n", "flush_all\r\n",        "incr k 1 ",       "\n\r\r\n\n",
    "0123456789",     "the quick brown fox ", "md k00 q\r\n",    "noreply\r\n"};

uint64_t check_of(std::string_view key, std::string_view part) {
  uint64_t hash = lab::mix64(key.size());
  for (const char byte : key) hash = lab::mix64(hash ^ static_cast<uint8_t>(byte));
  for (const char byte : part) hash = lab::mix64(hash ^ static_cast<uint8_t>(byte));
  return hash & 0xffffffff;
}

std::string finish(std::string_view key, std::string part) {
  part += "," + std::to_string(check_of(key, part)) + ";";
  return part;
}

/// Takes parts off the front of a value.
class Cursor {
 public:
  Cursor(std::string_view key, std::string_view text) : key_(key), text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  bool next_is(char letter) const { return at_ < text_.size() && text_[at_] == letter; }

  /// 'A' and 'P' parts.
  std::optional<uint64_t> small_part() {
    const size_t start = at_++;
    const auto version = number(',');
    if (!version || !ends_well(start, at_ - 1)) return std::nullopt;
    return version;
  }

  std::optional<uint64_t> base() {
    const size_t start = at_++;
    if (!text_.substr(at_).starts_with(key_)) return std::nullopt;
    at_ += key_.size();
    if (!next_is(',')) return std::nullopt;
    ++at_;
    const auto version = number(',');
    const auto filler = version ? number(',') : std::nullopt;
    if (!filler || *filler > text_.size() - at_) return std::nullopt;
    at_ += *filler;
    if (!next_is(',')) return std::nullopt;
    const size_t end = at_++;
    if (!ends_well(start, end)) return std::nullopt;
    return version;
  }

 private:
  std::optional<uint64_t> number(char terminator) {
    uint64_t value = 0;
    const char* first = text_.data() + at_;
    const auto [rest, error] = std::from_chars(first, text_.data() + text_.size(), value);
    if (error != std::errc()) return std::nullopt;
    at_ += static_cast<size_t>(rest - first);
    if (!next_is(terminator)) return std::nullopt;
    ++at_;
    return value;
  }

  /// The check and the semicolon after the part [start, end).
  bool ends_well(size_t start, size_t end) {
    const auto check = number(';');
    return check && *check == check_of(key_, text_.substr(start, end - start));
  }

  std::string_view key_, text_;
  size_t at_ = 0;
};

}  // namespace

std::string make_value(std::string_view key, uint64_t version, size_t filler_bytes, lab::Random& random) {
  std::string filler;
  while (filler.size() < filler_bytes) filler += random.pick(kFillers);
  filler.resize(filler_bytes);
  return finish(key, "B" + std::string(key) + "," + std::to_string(version) + "," +
                         std::to_string(filler_bytes) + "," + filler);
}

std::string make_appendix(std::string_view key, uint64_t version) {
  return finish(key, "A" + std::to_string(version));
}

std::string make_prefix(std::string_view key, uint64_t version) {
  return finish(key, "P" + std::to_string(version));
}

std::optional<uint64_t> read_version(std::string_view key, std::string_view value) {
  Cursor cursor(key, value);
  uint64_t newest_prefix = 0;
  uint64_t oldest_prefix = 0;
  while (cursor.next_is('P')) {  // the newest stands first
    const auto version = cursor.small_part();
    if (!version || (oldest_prefix != 0 && *version >= oldest_prefix)) return std::nullopt;
    if (newest_prefix == 0) newest_prefix = *version;
    oldest_prefix = *version;
  }
  if (!cursor.next_is('B')) return std::nullopt;
  const auto base = cursor.base();
  if (!base || (oldest_prefix != 0 && oldest_prefix <= *base)) return std::nullopt;
  uint64_t newest = *base;
  while (cursor.next_is('A')) {
    const auto version = cursor.small_part();
    if (!version || *version <= newest) return std::nullopt;
    newest = *version;
  }
  if (!cursor.at_end()) return std::nullopt;
  return std::max(newest, newest_prefix);
}

}  // namespace bmc::hammer

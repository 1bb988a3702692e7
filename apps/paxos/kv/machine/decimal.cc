// SPDX-License-Identifier: Apache-2.0
// Decimal numbers as memcached reads them; see decimal.h.
#include "apps/paxos/kv/machine/decimal.h"

#include <limits>

namespace bmc::kv {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Decimal {
  bool negative = false;
  std::uint64_t magnitude = 0;
};

// A NUL ends the text, as it does in C.
std::optional<Decimal> parse_decimal(std::string_view text) {
  text = text.substr(0, text.find('\0'));
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  Decimal number;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    number.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1)) {
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    if (number.magnitude > (kMax - digit) / 10) return std::nullopt;
    number.magnitude = number.magnitude * 10 + digit;
  }
  if (!text.empty() && !is_space(text.front())) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  const auto number = parse_decimal(text);
  if (!number) return std::nullopt;
  if (!number->negative) return number->magnitude;
  const std::uint64_t value = 0 - number->magnitude;
  if (static_cast<std::int64_t>(value) < 0) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_signed(std::string_view text) {
  const auto number = parse_decimal(text);
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!number || number->magnitude > kMax + (number->negative ? 1 : 0)) return std::nullopt;
  return static_cast<std::int64_t>(number->negative ? 0 - number->magnitude : number->magnitude);
}

}  // namespace bmc::kv

// SPDX-License-Identifier: Apache-2.0
// Words of the configuration turned into values; see parse.h.
#include "control-plane/parse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <numeric>
#include <optional>

namespace bmc {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 14> kSizeUnits{{
    {"", 1},
    {"B", 1},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
    {"K", 1ull << 10},
    {"M", 1ull << 20},
    {"G", 1ull << 30},
    {"T", 1ull << 40},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", 1000000000000},
}};

// Largest first, so that format_duration finds the largest that divides.
constexpr std::array<Unit, 6> kDurationUnits{{
    {"h", 3600ull * 1000000000},
    {"min", 60ull * 1000000000},
    {"s", 1000000000},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
}};

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

// Splits "256MiB" into 256 and "MiB"; nothing if it does not begin with a number that fits.
struct Quantity {
  std::uint64_t number;
  std::string_view unit;
};
std::optional<Quantity> parse_quantity(std::string_view text) {
  Quantity quantity{0, {}};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quantity.number);
  if (error != std::errc()) return std::nullopt;
  quantity.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!quantity.unit.empty() && quantity.unit.front() == ' ') quantity.unit.remove_prefix(1);
  return quantity;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0u);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

// Whether every bit of the address after the first `bits` is zero.
template <typename Bytes>
bool host_bits_zero(const Bytes& bytes, unsigned bits) {
  for (unsigned bit = bits; bit < bytes.size() * 8; ++bit)
    if ((bytes[bit / 8] >> (7 - bit % 8)) & 1) return false;
  return true;
}

}  // namespace

Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::invalid_argument || end != text.data() + text.size() || text.empty())
    return Error{EINVAL, quoted(text) + " is no whole number"};
  if (error != std::errc() || number > max)
    return Error{ERANGE, quoted(text) + " is more than " + std::to_string(max)};
  return number;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto quantity = parse_quantity(text);
  const auto unit = !quantity ? kSizeUnits.end()
                              : std::find_if(kSizeUnits.begin(), kSizeUnits.end(),
                                             [&](const Unit& each) { return each.name == quantity->unit; });
  if (unit == kSizeUnits.end())
    return Error{EINVAL, quoted(text) + " is no size; write it like 256MiB or 2GiB"};
  if (quantity->number > std::numeric_limits<std::uint64_t>::max() / unit->factor)
    return Error{ERANGE, quoted(text) + " is more than 64 bits of bytes"};
  return quantity->number * unit->factor;
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < kNames.size(); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kNames[unit]);
  return text;
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto quantity = parse_quantity(text);
  if (!quantity) return Error{EINVAL, quoted(text) + " is no duration; write it like 1s or 500ms"};
  if (quantity->unit.empty()) {
    if (quantity->number == 0) return std::chrono::nanoseconds(0);
    return Error{EINVAL, quoted(text) + " has no unit; write it like 1s or 500ms"};
  }
  const auto unit = std::find_if(kDurationUnits.begin(), kDurationUnits.end(),
                                 [&](const Unit& each) { return each.name == quantity->unit; });
  if (unit == kDurationUnits.end())
    return Error{EINVAL, quoted(text) + " has no unit I know; use ns, us, ms, s, min or h"};
  constexpr auto kMax = static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count());
  if (quantity->number > kMax / unit->factor)
    return Error{ERANGE, quoted(text) + " is longer than 292 years"};
  return std::chrono::nanoseconds(static_cast<std::int64_t>(quantity->number * unit->factor));
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const std::int64_t count = duration.count();
  if (count == 0) return "0s";
  const auto magnitude = static_cast<std::uint64_t>(count < 0 ? -count : count);
  const auto unit = std::find_if(kDurationUnits.begin(), kDurationUnits.end(),
                                 [&](const Unit& each) { return magnitude % each.factor == 0; });
  return (count < 0 ? "-" : "") + std::to_string(magnitude / unit->factor) + std::string(unit->name);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const Error bad{EINVAL, quoted(text) + " is no ADDRESS:PORT; write it like 10.0.0.1:11211 or [::1]:11211"};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(std::string(host), failed);
  // Without brackets "::1:11211" would be a guess where the address ends.
  if (failed || address.is_v6() != bracketed) return bad;
  const auto port = parse_number(text.substr(colon + 1), 65535);
  if (!port || *port == 0) return Error{EINVAL, quoted(text) + ": the port must be 1 to 65535"};
  return Endpoint{address, static_cast<std::uint16_t>(*port)};
}

Result<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(std::string(text.substr(0, slash)), failed);
  if (failed) return Error{EINVAL, quoted(text) + " is no prefix; write it like 10.0.0.0/8 or 2001:db8::/32"};
  const unsigned width = address.is_v4() ? 32 : 128;
  std::uint64_t bits = width;
  if (slash != std::string_view::npos) {
    const auto given = parse_number(text.substr(slash + 1), width);
    if (!given)
      return Error{EINVAL, quoted(text) + ": the prefix length must be 0 to " + std::to_string(width)};
    bits = *given;
  }
  const auto length = static_cast<unsigned>(bits);
  const bool zero = address.is_v4() ? host_bits_zero(address.to_v4().to_bytes(), length)
                                    : host_bits_zero(address.to_v6().to_bytes(), length);
  if (!zero)
    return Error{EINVAL, quoted(text) + " has bits set after the first " + std::to_string(bits) +
                             "; clear them or lengthen the prefix"};
  return Prefix{address, static_cast<std::uint8_t>(bits)};
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace bmc

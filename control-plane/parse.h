// SPDX-License-Identifier: Apache-2.0
// Words of the configuration turned into values: sizes, durations, endpoints, prefixes; and back.
// Used by the configuration and by bmcctl. Errors say what was read and give an example of what would do.
#ifndef BMC_CONTROL_PLANE_PARSE_H
#define BMC_CONTROL_PLANE_PARSE_H

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control-plane/endpoint.h"
#include "control-plane/result.h"

namespace bmc {

// Decimal digits only, the whole text, up to `max`.
Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t max);

// "4096", "64KiB", "256MiB", "2GiB", "1TiB"; K, M, G, T are KiB...; kB, MB, GB, TB are powers of 1000.
Result<std::uint64_t> parse_size(std::string_view text);
// The largest binary unit with one digit after the point: "256.0 MiB".
std::string format_size(std::uint64_t bytes);

// "0", "100us", "500ms", "1s", "5min", "2h". Any other number needs its unit.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
// The largest unit that loses nothing: "1500ms", "10s", "0s".
std::string format_duration(std::chrono::nanoseconds duration);

// "10.0.0.1:11211", "[2001:db8::1]:11211"; numeric addresses only, port 1..65535.
Result<Endpoint> parse_endpoint(std::string_view text);

// "10.0.0.0/8", "2001:db8::/32", or one address. Bits after the prefix must be zero.
Result<Prefix> parse_prefix(std::string_view text);

// The candidate a mistyped `word` is most likely meant to be; empty: none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace bmc

#endif

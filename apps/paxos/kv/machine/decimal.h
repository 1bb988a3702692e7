// SPDX-License-Identifier: Apache-2.0
// Decimal numbers as memcached reads them, in the words of a command and in values that are counted up: as
// strtoull() does in the C locale, with white space before, a sign, and white space or nothing behind.
#ifndef BMC_KV_MACHINE_DECIMAL_H
#define BMC_KV_MACHINE_DECIMAL_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace bmc::kv {

// 0 … 2^64-1. A minus is an error only if the number is (as a signed one) negative: memcached takes "-0".
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

// -2^63 … 2^63-1.
std::optional<std::int64_t> parse_signed(std::string_view text);

}  // namespace bmc::kv

#endif

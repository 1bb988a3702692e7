// SPDX-License-Identifier: Apache-2.0
// Values that say themselves which key and which write they are from. Made by the hammer's writers, read by
// its readers: no answer needs to be compared with anything but itself and the oracle's bounds.
//
//   value     = *prepended base *appended
//   base      = "B" key "," version "," filler-length "," filler "," check ";"
//   appended  = "A" version "," check ";"        prepended = "P" version "," check ";"
//
// Fillers hold line ends, command text and NUL bytes. `check` is a hash over all of its part and the key.
#ifndef BMC_NETNS_TESTS_HAMMER_VALUE_H
#define BMC_NETNS_TESTS_HAMMER_VALUE_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netns-tests/lib/random.h"

namespace bmc::hammer {

std::string make_value(std::string_view key, uint64_t version, size_t filler_bytes, lab::Random& random);
std::string make_appendix(std::string_view key, uint64_t version);
std::string make_prefix(std::string_view key, uint64_t version);

/// The version of the latest write in `value`: the greatest of its parts. Nothing when it is not a whole
/// value of `key` (cut, mixed from two, of another key, parts in an impossible order).
std::optional<uint64_t> read_version(std::string_view key, std::string_view value);

}  // namespace bmc::hammer
#endif

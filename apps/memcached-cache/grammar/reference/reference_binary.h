// SPDX-License-Identifier: Apache-2.0
// The binary protocol's half of reference_request.h; called by it alone.
#ifndef BMC_REFERENCE_BINARY_H
#define BMC_REFERENCE_BINARY_H

#include <cstdint>
#include <string_view>

#include "apps/memcached-cache/grammar/reference/reference_request.h"

namespace bmc::reference {

// Appends to `out` the events of `stream`, whose first byte is 0x80.
void parse_packets(RequestStream& out, std::string_view stream, std::uint64_t seed);

}  // namespace bmc::reference

#endif

// SPDX-License-Identifier: Apache-2.0
// What each header has, whether of a message or of a record of the log. Used by encode() and by storage's
// log_record.cc.
#ifndef BMC_PAXOS_CORE_WIRE_HEADER_H
#define BMC_PAXOS_CORE_WIRE_HEADER_H

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "apps/paxos/abi/paxos_wire.h"
#include "apps/paxos/core/crc32c.h"

namespace bmc::paxos {

static_assert(std::endian::native == std::endian::little, "headers are written and read as they lie");

/// Fills in format, length and checksums, after everything else. `body`: all that follows the header. Aborts
/// if that is 4 GiB or more.
inline void seal(paxos_header& header, std::string_view body) {
  if (body.size() > std::numeric_limits<std::uint32_t>::max()) {
    std::fprintf(stderr, "bmc: a message or a log record of 4 GiB or more\n");
    std::abort();
  }
  header.magic = PAXOS_MAGIC;
  header.version = PAXOS_WIRE_VERSION;
  header.flags = static_cast<std::uint8_t>(header.flags | PAXOS_FLAG_BODY_CRC);
  header.hdr_words = PAXOS_HEADER_WORDS;
  header.frag_cnt = 1;
  header.body_len = static_cast<std::uint32_t>(body.size());
  header.body_crc32c = crc32c(body);
  header.hdr_hash = paxos_header_hash(&header);
}

}  // namespace bmc::paxos

#endif

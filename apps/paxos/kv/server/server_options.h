// SPDX-License-Identifier: Apache-2.0
// How the server serves. Filled in from the configuration.
#ifndef BMC_KV_SERVER_SERVER_OPTIONS_H
#define BMC_KV_SERVER_SERVER_OPTIONS_H

#include <cstddef>
#include <cstdint>

#include "apps/paxos/kv/machine/command.h"
#include "control-plane/endpoint.h"

namespace bmc::kv {

struct ServerOptions {
  Endpoint listen;
  std::uint64_t memory_bytes_max = 64ull << 20;  // of the items
  std::size_t connections_max = 1024;
  std::size_t buffer_bytes_max = 64u << 20;  // of all connections together, beyond their base
  Expiry expiry = Expiry::kReport;           // of reads; kJudge if they are stale
  std::uint64_t (*now_us)() = nullptr;       // the host's clock, microseconds since 1970
};

}  // namespace bmc::kv

#endif

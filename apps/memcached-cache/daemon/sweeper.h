// SPDX-License-Identifier: Apache-2.0
// Sweeper: calls the kernel's sweep program, the one place that releases and kills on bmcd's behalf.
// Used by ServerTable (bumps), Audit (what sockets left behind) and the control requests.
#ifndef BMC_CACHE_DAEMON_SWEEPER_H
#define BMC_CACHE_DAEMON_SWEEPER_H

#include <cstdint>

#include "apps/memcached-cache/coherence/connection_abi.h"
#include "control-plane/result.h"

namespace bmc::cache {

class Sweeper {
 public:
  // `program_fd`: of the loaded program cache_sweep, lent for the life of this.
  explicit Sweeper(int program_fd) : program_fd_(program_fd) {}

  // Returns the call with what the program filled in. Fails only where the program cannot be run at all.
  Result<sweep_call> run(sweep_call call);

  // Everything of `server` is dead from now on.
  Result<void> bump(std::uint32_t server);
  // Of `server` nothing is served from deadline `from` on, until its clock is seen beyond the next
  // `within_s`.
  Result<void> schedule_flush(std::uint32_t server, std::uint32_t from, std::uint32_t within_s);
  // The key with this hash is.
  Result<void> bump_key(std::uint32_t server, std::uint64_t key_hash);

 private:
  int program_fd_;
};

}  // namespace bmc::cache

#endif

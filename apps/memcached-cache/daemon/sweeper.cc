// SPDX-License-Identifier: Apache-2.0
// BPF_PROG_TEST_RUN of the sweep program.
#include "apps/memcached-cache/daemon/sweeper.h"

#include <bpf/bpf.h>

#include <string>

namespace bmc::cache {

Result<sweep_call> Sweeper::run(sweep_call call) {
  bpf_test_run_opts options = {};
  options.sz = sizeof options;
  options.ctx_in = &call;  // the kernel writes it back in place
  options.ctx_size_in = sizeof call;
  if (const int failed = bpf_prog_test_run_opts(program_fd_, &options); failed != 0)
    return errno_error("cannot run the sweep program", failed);
  if (options.retval != 0)
    return Error{EINVAL, "the sweep program refused operation " + std::to_string(call.operation)};
  return call;
}

Result<void> Sweeper::bump(std::uint32_t server) {
  sweep_call call = {};
  call.operation = SWEEP_GLOBAL_BUMP;
  call.server = server;
  if (Result<sweep_call> done = run(call); !done) return done.error();
  return {};
}

Result<void> Sweeper::schedule_flush(std::uint32_t server, std::uint32_t from, std::uint32_t within_s) {
  sweep_call call = {};
  call.operation = SWEEP_FLUSH_SCHEDULED;
  call.server = server;
  call.before_ns = std::uint64_t{from} << 32 | within_s;
  const Result<sweep_call> done = run(call);
  if (!done) return done.error();
  if (done->found == 0) return Error{EAGAIN, "cannot schedule a delayed flush_all"};
  return {};
}

Result<void> Sweeper::bump_key(std::uint32_t server, std::uint64_t key_hash) {
  sweep_call call = {};
  call.operation = SWEEP_KEY_BUMP;
  call.server = server;
  call.cookie = key_hash;
  if (Result<sweep_call> done = run(call); !done) return done.error();
  return {};
}

}  // namespace bmc::cache

// SPDX-License-Identifier: Apache-2.0
// One packet through one BPF program (BPF_PROG_TEST_RUN). Used by the tests of the kernel programs.
#pragma once

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "apps/memcached-cache/tests/packet_builder.h"

namespace bmc::test {

struct RunOptions {
  std::uint32_t repeat = 1;
  std::uint32_t interface = 0;  // the packet's ingress interface; 0: the loopback device
  std::uint32_t linear = 0;     // bytes in the first buffer, the rest in others (Linux 6.18); 0: all in one
};

struct RunResult {
  std::uint32_t verdict;
  Bytes frame;
  std::uint32_t ns;  // of one run, averaged over `repeat`
};

// Runs an XDP program. Throws if the kernel refuses the run itself.
inline RunResult run_xdp(int program, const Bytes& frame, const RunOptions& options = {}) {
  RunResult result{0, Bytes(8192), 0};
  xdp_md context{};
  context.data_end = options.linear != 0 ? options.linear : static_cast<std::uint32_t>(frame.size());
  context.ingress_ifindex = options.interface;
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(), .data_out = result.frame.data(),
              .data_size_in = static_cast<std::uint32_t>(frame.size()),
              .data_size_out = static_cast<std::uint32_t>(result.frame.size()),
              .repeat = static_cast<int>(options.repeat));
  if (options.interface != 0 || options.linear != 0) {
    run.ctx_in = &context;
    run.ctx_size_in = sizeof context;
  }
  if (const int error = bpf_prog_test_run_opts(program, &run); error != 0) {
    throw std::runtime_error(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(-error));
  }
  result.verdict = run.retval;
  result.frame.resize(run.data_size_out);
  result.ns = run.duration;
  return result;
}

}  // namespace bmc::test

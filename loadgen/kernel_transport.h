// SPDX-License-Identifier: Apache-2.0
// KernelTransport: requests written and replies checked by BPF programs on the client's interface, millions a
// second. Used by bmc-loadgen --transport kernel, the demo and the netns tests. Needs CAP_BPF, CAP_NET_ADMIN,
// CAP_PERFMON.
#ifndef BMC_LOADGEN_KERNEL_TRANSPORT_H
#define BMC_LOADGEN_KERNEL_TRANSPORT_H

#include <cstdint>
#include <memory>
#include <string>

#include "control-plane/result.h"
#include "loadgen/frame.h"
#include "loadgen/transport.h"
#include "loadgen/workload.h"

namespace bmc::loadgen {

struct KernelOptions {
  std::string interface;
  Link link;
  std::uint32_t slots = 1u << 20;  // requests outstanding at most; a power of two
  std::uint32_t port_bits = 4;     // 2^n source ports
  std::uint64_t lost_after_ns = 200'000'000;
  std::uint32_t batch = 64;       // runs between two looks at the scheduler, 1..256
  std::uint32_t burst = 64;       // requests that may be caught up after a pause
  bool expect_echo = false;       // replies are the requests, see LOADGEN_EXPECT_ECHO
  std::uint16_t echo_growth = 0;  // bytes by which they are longer
  bool verify_checksum = true;
  int cpu = -1;  // of the generating thread; -1: any
};

class KernelTransport : public Transport {
 public:
  // Loads the programs and attaches the checker to the interface (natively, or generic where the driver has
  // no XDP). Everything happens in the calling thread's network namespace; run() must be called in the same.
  static Result<std::unique_ptr<KernelTransport>> create(const KernelOptions& options,
                                                         const Workload& workload);
};

}  // namespace bmc::loadgen

#endif

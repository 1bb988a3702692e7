// SPDX-License-Identifier: Apache-2.0
// What the host and an interface can do for XDP, as plain facts: gathered here, judged by explain and probe.
#ifndef BMC_CONTROL_PLANE_HOST_FACTS_H
#define BMC_CONTROL_PLANE_HOST_FACTS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control-plane/result.h"

namespace bmc {

struct HostFacts {
  std::string kernel_release;  // "6.1.0-18-amd64"
  unsigned kernel_major = 0, kernel_minor = 0;
  bool btf = false;                             // /sys/kernel/btf/vmlinux: kernel built with type information
  std::optional<bool> jit;                      // net.core.bpf_jit_enable; nothing: cannot be read
  std::string bpffs_error;                      // why the pin directory is not in bpffs; empty: it is
  std::string cgroup2;                          // mount point; empty: none
  bool cap_bpf = false, cap_net_admin = false;  // effective here: always needed
  bool cap_perfmon = false, cap_sys_admin = false;  // effective here: needed by libxdp's dispatcher
  std::string dispatcher_object;                    // path of libxdp's xdp-dispatcher.o; empty: not installed
};

// Always succeeds: what cannot be found out is absent.
HostFacts host_facts(const std::string& pin_directory);

struct QueueCounts {
  std::uint32_t rx = 0, tx = 0, combined = 0;              // now
  std::uint32_t rx_max = 0, tx_max = 0, combined_max = 0;  // possible
};

struct InterfaceFacts {
  std::string name;
  int index = 0;  // 0: there is no such interface; then nothing below is valid
  bool up = false;
  bool loopback = false;
  std::uint32_t mtu = 0;
  std::string driver;                 // empty: it does not tell
  std::optional<bool> lro, gro_hw;    // nothing: no such feature
  std::optional<QueueCounts> queues;  // nothing: it does not tell
  std::optional<bool> driver_xdp;     // told by the kernel (6.3 and newer)
  std::uint32_t xdp_program = 0;      // attached now; 0: none
  bool xdp_native = false;            // only with xdp_program
  std::string xdp_name;               // only with xdp_program
  bool xdp_dispatcher = false;        // only with xdp_program: libxdp's, which shares the interface
  bool xdp_ours = false;              // only with xdp_program: a bmcd with the given pins attached it
};

// With `pin_directory`, whether an XDP program there is ours is found out too.
InterfaceFacts interface_facts(const std::string& name, const std::string& pin_directory = "");

// Where libxdp pins the programs behind the dispatcher with this program id on this interface, whether there
// is one or not (libxdp's protocol.org; its LIBXDP_BPFFS is heeded). Reading it needs no capability.
std::string dispatcher_directory(int ifindex, std::uint32_t dispatcher_id);

// Whether libxdp may use its dispatcher in this process. It reads the programs, and the type information,
// that are attached already, which the kernel grants to CAP_SYS_ADMIN only.
bool may_use_dispatcher(const HostFacts& host);

// Whether a driver of this name is known to have had native XDP in Linux 6.1, our floor.
bool driver_known_with_xdp(const std::string& driver);

}  // namespace bmc

#endif

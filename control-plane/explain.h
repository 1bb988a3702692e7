// SPDX-License-Identifier: Apache-2.0
// Errors of attaching, in words: the cause and the command that mends it. Pure functions of facts.
// Used by the attachments; the same causes are looked for beforehand by the probe.
#ifndef BMC_CONTROL_PLANE_EXPLAIN_H
#define BMC_CONTROL_PLANE_EXPLAIN_H

#include <optional>
#include <string>

#include "control-plane/host_facts.h"
#include "control-plane/result.h"

namespace bmc {

// How XDP was asked for when it failed.
struct XdpFailure {
  int code = 0;                // positive errno
  bool native = true;          // else generic
  std::string kernel_message;  // the kernel's extended acknowledgement; empty: none
  std::string words;           // what else libbpf or libxdp said; shown when no cause is recognised
};

// "cannot attach XDP to eth0 (native): <cause>; <remedy>". The code is the failure's.
Error explain_xdp(const XdpFailure& failure, const InterfaceFacts& interface, const HostFacts& host);

// Something about an interface or host that keeps XDP from working well.
struct Obstacle {
  std::string finding;  // "MTU 9000 is too large for XDP in the driver"
  std::string remedy;   // "ip link set dev eth0 mtu 1500"
};

// The single judgements, shared with the probe; nothing: no obstacle.
std::optional<Obstacle> missing_capabilities(const HostFacts& host);
std::optional<Obstacle> receive_offloads(const InterfaceFacts& interface);
std::optional<Obstacle> foreign_program(const InterfaceFacts& interface);
std::optional<Obstacle> driver_without_xdp(const InterfaceFacts& interface, const HostFacts& host);
std::optional<Obstacle> large_mtu(const InterfaceFacts& interface);

// The largest MTU that fits one 4 KiB page with the kernel's head and tail room, which is what XDP without
// multi-buffer support needs: 4096 - 256 (headroom) - 320 (skb_shared_info) - 14 - 2 * 4 (VLAN tags) = 3498;
// drivers differ by some bytes.
inline constexpr std::uint32_t kXdpMtuMax = 3498;

}  // namespace bmc

#endif

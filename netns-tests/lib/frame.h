// SPDX-License-Identifier: Apache-2.0
// Raw Ethernet frames: packet sockets, a look into a frame, building IPv4/IPv6 + TCP/UDP frames with full
// checksums. Used by the fault switch, the raw TCP client and tests that send hand-made packets.
#ifndef BMC_NETNS_TESTS_FRAME_H
#define BMC_NETNS_TESTS_FRAME_H

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/fd.h"

namespace bmc::lab {

/// A packet socket bound to `device` of the caller's namespace that sees arriving frames only.
Fd open_packet_socket(const std::string& device, int receive_buffer);

struct FrameView {
  int protocol = 0;   ///< IPPROTO_TCP, IPPROTO_UDP, or 0 for anything else (and fragments)
  uint64_t flow = 0;  ///< hash of addresses, ports and protocol in the packet's direction
  Endpoint source{}, destination{};
  size_t transport_offset = 0;
  size_t payload_offset = 0;  ///< of the TCP or UDP payload; padding of short frames is not payload
  size_t payload_length = 0;
};

FrameView view_frame(std::span<const uint8_t> frame);

/// Who a hand-made frame is from and to.
struct FrameAddress {
  std::string source_mac{}, destination_mac{};
  Endpoint source{}, destination{};
  uint16_t vlan = 0;  ///< VLAN id of one 802.1Q tag; 0: none
};

struct TcpFields {
  uint32_t sequence = 0, acknowledgement = 0;
  uint8_t flags = 0;  ///< TH_SYN | ...
  uint16_t window = 65535;
  std::vector<uint8_t> options{};  ///< length a multiple of 4
  bool bad_checksum = false;
};

std::vector<uint8_t> tcp_frame(const FrameAddress& address, const TcpFields& fields,
                               std::string_view payload);
std::vector<uint8_t> udp_frame(const FrameAddress& address, std::string_view payload,
                               bool bad_checksum = false);

}  // namespace bmc::lab

#endif

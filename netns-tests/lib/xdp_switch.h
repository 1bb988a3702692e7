// SPDX-License-Identifier: Apache-2.0
// XdpSwitch: forwards Ethernet frames between devices in XDP, before a bridge sees them. Used where the
// network between the measured hosts should cost as little as it can, as a switch of its own would.
//
// A veth device takes redirected frames only if the device at its other end has NAPI (an XDP program, or
// `gro on`), and their checksums must be complete (`tx off`).
#ifndef BMC_NETNS_TESTS_LIB_XDP_SWITCH_H
#define BMC_NETNS_TESTS_LIB_XDP_SWITCH_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

struct bpf_link;
struct switch_bpf;

namespace bmc::lab {

using MacAddress = std::array<std::uint8_t, 6>;

class XdpSwitch {
 public:
  XdpSwitch();  // throws LabError, like all below
  ~XdpSwitch();
  XdpSwitch(const XdpSwitch&) = delete;
  XdpSwitch& operator=(const XdpSwitch&) = delete;

  // What comes in at `device` is forwarded from now on. In the calling thread's network namespace, like
  // send_to().
  void add(const std::string& device);
  // Frames to `address` leave at `device`.
  void send_to(const MacAddress& address, const std::string& device);

 private:
  switch_bpf* skeleton_;
  std::vector<bpf_link*> links_;
};

}  // namespace bmc::lab

#endif

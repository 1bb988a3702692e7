// SPDX-License-Identifier: Apache-2.0
// See xdp_switch.h.
#include "netns-tests/lib/xdp_switch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "netns-tests/lib/lab_error.h"
#include "switch_bpf.skel.h"

namespace bmc::lab {

XdpSwitch::XdpSwitch() : skeleton_(switch_bpf__open_and_load()) {
  if (skeleton_ == nullptr) fail_errno("cannot load an XDP program that forwards frames");
}

XdpSwitch::~XdpSwitch() {
  for (bpf_link* link : links_) bpf_link__destroy(link);
  switch_bpf__destroy(skeleton_);
}

void XdpSwitch::add(const std::string& device) {
  bpf_link* link =
      bpf_program__attach_xdp(skeleton_->progs.forward, static_cast<int>(::if_nametoindex(device.c_str())));
  if (link == nullptr) fail_errno("cannot attach an XDP program to " + device);
  links_.push_back(link);
}

void XdpSwitch::send_to(const MacAddress& address, const std::string& device) {
  const std::uint32_t port = ::if_nametoindex(device.c_str());
  if (port == 0) fail_errno("no device " + device);
  if (bpf_map__update_elem(skeleton_->maps.ports, address.data(), address.size(), &port, sizeof(port),
                           BPF_ANY) != 0)
    fail_errno("cannot tell the switch of " + device);
}

}  // namespace bmc::lab

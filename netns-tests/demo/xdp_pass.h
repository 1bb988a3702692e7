// SPDX-License-Identifier: Apache-2.0
// XdpPass: an XDP program that lets everything pass, attached while this lives. Used by the demo on the
// client's device.
#ifndef BMC_DEMO_XDP_PASS_H
#define BMC_DEMO_XDP_PASS_H

#include <string>

struct bpf_link;
struct pass_bpf;

namespace bmc::demo {

class XdpPass {
 public:
  // In the calling thread's network namespace. Throws lab::LabError.
  explicit XdpPass(const std::string& device);
  ~XdpPass();
  XdpPass(const XdpPass&) = delete;
  XdpPass& operator=(const XdpPass&) = delete;

 private:
  pass_bpf* skeleton_;
  bpf_link* link_;
};

}  // namespace bmc::demo

#endif

// SPDX-License-Identifier: Apache-2.0
// XdpPass: an XDP program that lets everything pass, attached while this lives. Used on the
// clients' devices: see pass.bpf.c.
#ifndef BMC_NETNS_TESTS_LIB_XDP_PASS_H
#define BMC_NETNS_TESTS_LIB_XDP_PASS_H

#include <string>

struct bpf_link;
struct pass_bpf;

namespace bmc::lab {

class XdpPass {
 public:
  // In the calling thread's network namespace. Throws LabError.
  explicit XdpPass(const std::string& device);
  ~XdpPass();
  XdpPass(const XdpPass&) = delete;
  XdpPass& operator=(const XdpPass&) = delete;

 private:
  pass_bpf* skeleton_;
  bpf_link* link_;
};

}  // namespace bmc::lab

#endif

// SPDX-License-Identifier: Apache-2.0
// See xdp_pass.h.
#include "netns-tests/lib/xdp_pass.h"

#include <bpf/libbpf.h>
#include <net/if.h>

#include "netns-tests/lib/lab_error.h"
#include "pass_bpf.skel.h"

namespace bmc::lab {

XdpPass::XdpPass(const std::string& device) : skeleton_(pass_bpf__open_and_load()), link_(nullptr) {
  if (skeleton_ == nullptr) fail_errno("cannot load an XDP program that passes everything");
  link_ = bpf_program__attach_xdp(skeleton_->progs.pass, static_cast<int>(::if_nametoindex(device.c_str())));
  if (link_ != nullptr) return;
  const int failed = errno;
  pass_bpf__destroy(skeleton_);
  errno = failed;
  fail_errno("cannot attach an XDP program to " + device);
}

XdpPass::~XdpPass() {
  bpf_link__destroy(link_);
  pass_bpf__destroy(skeleton_);
}

}  // namespace bmc::lab

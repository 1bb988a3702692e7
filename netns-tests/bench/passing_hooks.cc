// SPDX-License-Identifier: Apache-2.0
// See passing_hooks.h.
#include "netns-tests/bench/passing_hooks.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>

#include "control-plane/bpf_object.h"
#include "control-plane/cgroup_attachment.h"
#include "hooks_bpf.skel.h"
#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::bench {

PassingHooks::PassingHooks(const std::string& device)
    : skeleton_(hooks_bpf__open_and_load()), ifindex_(static_cast<int>(::if_nametoindex(device.c_str()))) {
  if (skeleton_ == nullptr) lab::fail_errno("cannot load programs that pass everything");
  try {
    skeleton_->links.hook_xdp = bpf_program__attach_xdp(skeleton_->progs.hook_xdp, ifindex_);
    if (skeleton_->links.hook_xdp == nullptr) lab::fail_errno("cannot attach an XDP program to " + device);
    attach_tc();
    attach_cgroup();
  } catch (...) {
    hooks_bpf__destroy(skeleton_);
    throw;
  }
}

// Goes with its qdisc, which goes in the destructor.
void PassingHooks::attach_tc() {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex_, .attach_point = BPF_TC_EGRESS);
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(skeleton_->progs.hook_tc));
  BpfComplaints ignored;  // of a qdisc that is already there
  if (const int made = bpf_tc_hook_create(&hook); made != 0 && made != -EEXIST) lab::fail_errno("clsact");
  if (bpf_tc_attach(&hook, &options) != 0) lab::fail_errno("cannot attach a TC program");
}

void PassingHooks::attach_cgroup() {
  const auto root = find_cgroup2_root();
  if (!root) throw lab::LabError(root.error().what);
  const lab::Fd cgroup(lab::checked(::open(root->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), *root));
  skeleton_->links.hook_ingress = bpf_program__attach_cgroup(skeleton_->progs.hook_ingress, cgroup.get());
  skeleton_->links.hook_egress = bpf_program__attach_cgroup(skeleton_->progs.hook_egress, cgroup.get());
  if (skeleton_->links.hook_ingress == nullptr || skeleton_->links.hook_egress == nullptr)
    lab::fail_errno("cannot attach a program to " + *root);
}

PassingHooks::~PassingHooks() {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex_,
              .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  {
    BpfComplaints ignored;
    (void)bpf_tc_hook_destroy(&hook);
  }
  hooks_bpf__destroy(skeleton_);
}

std::unique_ptr<PassingHooks> passing_programs(Run& run) {
  if (run.side() != Side::kLimit) return nullptr;
  const lab::ScopedNetns inside(run.stage().lab().server());
  return std::make_unique<PassingHooks>(run.stage().link().server_device);
}

}  // namespace bmc::bench

// SPDX-License-Identifier: Apache-2.0
// CgroupAttachment: a program on a cgroup through a pinned bpf_link, which outlives bmcd and whose program is
// exchanged atomically. Used by applications.
#ifndef BMC_CONTROL_PLANE_CGROUP_ATTACHMENT_H
#define BMC_CONTROL_PLANE_CGROUP_ATTACHMENT_H

#include <bpf/libbpf.h>

#include <cstdint>
#include <string>

#include "control-plane/pins.h"
#include "control-plane/result.h"

namespace bmc {

// Where the cgroup2 hierarchy is mounted: /sys/fs/cgroup, or .../unified beside cgroup v1. `mounts` has the
// form of /proc/mounts.
Result<std::string> find_cgroup2_root(const std::string& mounts = "/proc/mounts");

// Destroying it leaves the link pinned and the program attached.
class CgroupAttachment {
 public:
  // `program` is loaded; its expected attach type says the hook. `name` is the pin's name below links/.
  // A link of that name on the same cgroup and hook gets the new program in one step; other programs of the
  // cgroup stay (BPF_F_ALLOW_MULTI).
  static Result<CgroupAttachment> attach(Pins& pins, const std::string& name, const bpf_program& program,
                                         const std::string& cgroup);

  // Removes link and pin.
  Result<void> detach();

  const std::string& cgroup() const { return cgroup_; }
  const std::string& name() const { return name_; }
  std::uint32_t program_id() const { return program_id_; }

 private:
  CgroupAttachment() = default;

  std::string name_;
  std::string cgroup_;
  std::string pin_;
  std::uint32_t program_id_ = 0;
};

// Detaches the link pinned at `pin` and removes the pin; none there is fine. For CgroupAttachment and
// removal.
Result<void> detach_link(const std::string& pin);

}  // namespace bmc

#endif

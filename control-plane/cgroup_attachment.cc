// SPDX-License-Identifier: Apache-2.0
// Programs on a cgroup through pinned links; see cgroup_attachment.h.
#include "control-plane/cgroup_attachment.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "control-plane/bpf_object.h"
#include "control-plane/fd.h"

namespace bmc {
namespace {

struct FileHandle {
  file_handle header;
  std::uint64_t id;
};

// The kernel's id of a cgroup is the file handle of its directory (kernfs).
std::uint64_t cgroup_id(const std::string& path) {
  FileHandle handle = {};
  handle.header.handle_bytes = sizeof handle.id;
  int mount = 0;
  if (::name_to_handle_at(AT_FDCWD, path.c_str(), &handle.header, &mount, 0) != 0) return 0;
  std::uint64_t id = 0;
  std::memcpy(&id, handle.header.f_handle, sizeof id);
  return id;
}

// A pinned link that holds a program on this very cgroup and hook; an empty Fd if there is none.
Fd pinned_link(const std::string& pin, const std::string& cgroup, bpf_attach_type hook) {
  Fd link(bpf_obj_get(pin.c_str()));
  bpf_link_info info = {};
  __u32 bytes = sizeof info;
  if (!link || bpf_obj_get_info_by_fd(link.get(), &info, &bytes) != 0) return {};
  const bool fits = info.type == BPF_LINK_TYPE_CGROUP &&
                    info.cgroup.attach_type == static_cast<__u32>(hook) && info.cgroup.cgroup_id != 0 &&
                    info.cgroup.cgroup_id == cgroup_id(cgroup);
  return fits ? std::move(link) : Fd();
}

Error refused(const std::string& name, const std::string& cgroup, int code) {
  Error error = errno_error("cannot attach " + name + " to cgroup " + cgroup, code);
  if (error.code == EPERM)
    error.what +=
        "; CAP_NET_ADMIN and CAP_BPF are needed, and no parent cgroup may hold a program without "
        "BPF_F_ALLOW_MULTI (`bpftool cgroup tree` shows them)";
  if (error.code == EINVAL) error.what += "; the kernel needs CONFIG_CGROUP_BPF";
  return error;
}

}  // namespace

Result<std::string> find_cgroup2_root(const std::string& mounts) {
  std::ifstream file(mounts);
  if (!file) return errno_error("cannot read " + mounts, ENOENT);
  std::string line;
  std::string found;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string device, point, type;
    words >> device >> point >> type;
    if (type != "cgroup2") continue;
    // Where distributions mount it rules over further mounts of the same hierarchy.
    if (point == "/sys/fs/cgroup" || point == "/sys/fs/cgroup/unified") return point;
    if (found.empty()) found = point;
  }
  if (found.empty())
    return Error{ENODEV, "cgroup2 is not mounted; mount it with: mount -t cgroup2 cgroup2 /sys/fs/cgroup"};
  return found;
}

Result<CgroupAttachment> CgroupAttachment::attach(Pins& pins, const std::string& name,
                                                  const bpf_program& program, const std::string& cgroup) {
  CgroupAttachment attachment;
  attachment.name_ = name;
  attachment.cgroup_ = cgroup;
  attachment.pin_ = pins.path("links/" + name);
  const int program_fd = bpf_program__fd(&program);
  const auto id = bmc::program_id(program_fd);
  if (!id) return id.error();
  attachment.program_id_ = *id;
  const bpf_attach_type hook = bpf_program__expected_attach_type(&program);

  if (const Fd link = pinned_link(attachment.pin_, cgroup, hook)) {
    if (bpf_link_update(link.get(), program_fd, nullptr) != 0) return refused(name, cgroup, errno);
    return attachment;
  }
  const Fd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return errno_error("cannot open cgroup " + cgroup);
  const Fd link(bpf_link_create(program_fd, directory.get(), hook, nullptr));
  if (!link) return refused(name, cgroup, errno);
  if (auto pinned = pin_over(link.get(), attachment.pin_); !pinned) return pinned.error();
  return attachment;
}

Result<void> CgroupAttachment::detach() { return detach_link(pin_); }

Result<void> detach_link(const std::string& pin) {
  const Fd link(bpf_obj_get(pin.c_str()));
  if (!link && errno == ENOENT) return {};
  if (!link) return errno_error("cannot open " + pin);
  // At once, even if somebody else holds the link open.
  if (bpf_link_detach(link.get()) != 0 && errno != EOPNOTSUPP) return errno_error("cannot detach " + pin);
  if (::unlink(pin.c_str()) != 0 && errno != ENOENT) return errno_error("cannot remove " + pin);
  return {};
}

}  // namespace bmc

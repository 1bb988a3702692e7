// SPDX-License-Identifier: Apache-2.0
// Records of attachments in pinned maps; see attachment_record.h.
#include "control-plane/attachment_record.h"

#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control-plane/fd.h"
#include "control-plane/pins.h"

namespace bmc {
namespace {
std::string record_path(const std::string& pin) { return pin + "_record"; }
}  // namespace

Result<void> write_record(const std::string& pin, const AttachmentRecord& record) {
  const Fd map(
      bpf_map_create(BPF_MAP_TYPE_ARRAY, "bmc_attachment", sizeof(__u32), sizeof record, 1, nullptr));
  const __u32 key = 0;
  if (!map || bpf_map_update_elem(map.get(), &key, &record, BPF_ANY) != 0)
    return errno_error("cannot record an attachment");
  return pin_over(map.get(), record_path(pin));
}

std::optional<AttachmentRecord> read_record(const std::string& pin) {
  const Fd map(bpf_obj_get(record_path(pin).c_str()));
  if (!map) return std::nullopt;
  bpf_map_info info = {};
  __u32 bytes = sizeof info;
  if (bpf_obj_get_info_by_fd(map.get(), &info, &bytes) != 0 || info.value_size != sizeof(AttachmentRecord))
    return std::nullopt;
  AttachmentRecord record;
  const __u32 key = 0;
  if (bpf_map_lookup_elem(map.get(), &key, &record) != 0 || record.version != AttachmentRecord::kVersion)
    return std::nullopt;
  record.interface_name[sizeof record.interface_name - 1] = '\0';
  return record;
}

Result<void> remove_pin_and_record(const std::string& pin) {
  for (const std::string& path : {record_path(pin), pin + "_next", pin})
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("cannot remove " + path);
  return {};
}

std::uint64_t current_netns() {
  struct stat status = {};
  return ::stat("/proc/thread-self/ns/net", &status) == 0 ? status.st_ino : 0;
}

}  // namespace bmc

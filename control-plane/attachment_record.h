// SPDX-License-Identifier: Apache-2.0
// AttachmentRecord: what a later bmcd must know about an XDP or TC attachment, kept in a pinned map because
// bpffs holds no files. Written and read by the attachments and by removal.
#ifndef BMC_CONTROL_PLANE_ATTACHMENT_RECORD_H
#define BMC_CONTROL_PLANE_ATTACHMENT_RECORD_H

#include <cstdint>
#include <optional>
#include <string>

#include "control-plane/result.h"

namespace bmc {

// The value of the pinned map, thus a layout: fields are only added at the end, kVersion goes up with it.
struct AttachmentRecord {
  static constexpr std::uint32_t kVersion = 1;

  std::uint32_t version = kVersion;
  std::uint32_t program_id = 0;
  std::uint64_t digest = 0;       // XDP: of program, data and maps; 0 in TC
  std::uint64_t netns = 0;        // inode of the network namespace: ifindex means something only there
  std::uint32_t made_clsact = 0;  // TC: 1 when the qdisc is ours to remove
  std::uint32_t tc_place = 0;     // TC: handle and priority; 0: kTcPlace
  char interface_name[16] = {};   // for messages
};
static_assert(sizeof(AttachmentRecord) == 48, "layout of a pinned map");

// "<pin>_record", for a program pinned at `pin`.
Result<void> write_record(const std::string& pin, const AttachmentRecord& record);

// Nothing where there is none, or one of another version.
std::optional<AttachmentRecord> read_record(const std::string& pin);

// Removes the program's pins and its record; what is not there is fine.
Result<void> remove_pin_and_record(const std::string& pin);

// Inode of the network namespace of this thread.
std::uint64_t current_netns();

}  // namespace bmc

#endif

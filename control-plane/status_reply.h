// SPDX-License-Identifier: Apache-2.0
// What every application puts into its answer to `bmcctl status`. Used by applications.
#ifndef BMC_CONTROL_PLANE_STATUS_REPLY_H
#define BMC_CONTROL_PLANE_STATUS_REPLY_H

#include <cstdint>
#include <string>

#include "control-plane/control.pb.h"

namespace bmc {

inline void add_attachment(control::StatusReply& status, const std::string& hook, const std::string& target,
                           const std::string& how, std::uint32_t program_id) {
  control::Attachment& attachment = *status.add_attachments();
  attachment.set_hook(hook);
  attachment.set_target(target);
  attachment.set_how(how);
  attachment.set_program_id(program_id);
}

inline void add_field(control::StatusReply& status, const std::string& name, const std::string& value) {
  control::Field& field = *status.add_fields();
  field.set_name(name);
  field.set_value(value);
}

}  // namespace bmc

#endif

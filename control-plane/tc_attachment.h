// SPDX-License-Identifier: Apache-2.0
// TcAttachment: one program at the clsact egress hook of one interface, at a fixed handle and priority, that
// outlives bmcd and is replaced without a gap. Used by applications.
#ifndef BMC_CONTROL_PLANE_TC_ATTACHMENT_H
#define BMC_CONTROL_PLANE_TC_ATTACHMENT_H

#include <bpf/libbpf.h>

#include <cstdint>
#include <string>

#include "control-plane/interface_watch.h"
#include "control-plane/pins.h"
#include "control-plane/result.h"

namespace bmc {

// Where the first application's filter sits, handle and priority in one; `tc filter show dev IFACE egress`
// shows both (the priority as "pref 2876"). Further applications have places of their own.
inline constexpr std::uint32_t kTcPlace = 0xb3c;

// Destroying it leaves the filter attached and pinned.
class TcAttachment {
 public:
  // `program` is loaded and of type sched_cls. Ours is replaced atomically; a filter of another's at our
  // place is an error (EBUSY). The clsact qdisc is made where it is missing.
  static Result<TcAttachment> attach(Pins& pins, const Interface& interface, const bpf_program& program,
                                     std::uint32_t place = kTcPlace);

  // Removes our filter and its pin; the qdisc too if we made it and nobody else uses it.
  Result<void> detach();

  const Interface& interface() const { return interface_; }
  std::uint32_t program_id() const { return program_id_; }

 private:
  TcAttachment() = default;

  Interface interface_;
  std::uint32_t program_id_ = 0;
  std::string pins_;  // the pin directory
};

// Removes our TC filter from the interface of the pins below `directory`. Says in words what was removed;
// empty: there was nothing. For TcAttachment and removal.
Result<std::string> detach_tc(const std::string& directory, int ifindex);

}  // namespace bmc

#endif

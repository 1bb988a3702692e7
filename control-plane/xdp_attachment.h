// SPDX-License-Identifier: Apache-2.0
// XdpAttachment: one XDP program on one interface, through libxdp, that outlives bmcd and is replaced
// without a gap. Used by applications.
#ifndef BMC_CONTROL_PLANE_XDP_ATTACHMENT_H
#define BMC_CONTROL_PLANE_XDP_ATTACHMENT_H

#include <cstdint>
#include <string>

#include "control-plane/bpf_object.h"
#include "control-plane/config.h"
#include "control-plane/fd.h"
#include "control-plane/interface_watch.h"
#include "control-plane/pins.h"
#include "control-plane/result.h"

namespace bmc {

// What to attach. `open` gives the object opened, its `const volatile` data set and its maps shared with the
// loaded main object (share_maps), but not loaded: libxdp loads it as the way of attaching asks.
struct XdpImage {
  ObjectOpener open;
  std::string program;         // name of the program's C function
  std::uint64_t build_id = 0;  // changes with the programs: build_id<Skeleton>(). Data and map ids are added
};

// How an attached program sits on its interface.
struct XdpPlacement {
  bool native = false;      // in the driver; else the kernel's generic hook
  bool dispatcher = false;  // one of several through libxdp's dispatcher; else the interface's only program
  bool kept = false;        // was already there, unchanged, and was not touched
  std::string note;         // why it is not the best way, and the remedy; empty: it is
};

// Destroying it leaves the program attached and pinned.
class XdpAttachment {
 public:
  // Whatever of ours is on the interface is left in place if it is the same build with the same data and maps
  // (`kept`), else replaced atomically; a change between native and generic passes packets to the stack in
  // between. Another's lone program is never removed (EBUSY). Errors say cause and remedy. May take as long
  // as the verifier.
  static Result<XdpAttachment> attach(Pins& pins, const Interface& interface, XdpMode mode,
                                      const XdpImage& image);

  // Takes our program off the interface, and nobody else's, and unpins it. An interface that is gone is fine.
  Result<void> detach();

  const Interface& interface() const { return interface_; }
  const XdpPlacement& placement() const { return placement_; }
  std::uint32_t program_id() const { return program_id_; }
  // Lent: of the program as loaded, for statistics. Through the dispatcher it is an extension program.
  int program_fd() const { return program_.get(); }
  // "native, through libxdp's dispatcher", "generic, single program"
  std::string how() const;

 private:
  XdpAttachment() = default;

  Interface interface_;
  XdpPlacement placement_;
  std::uint32_t program_id_ = 0;
  Fd program_;
  std::string pins_;  // the pin directory
};

// Takes our XDP program off the interface of the pins below `directory`. Says in words what was removed;
// empty: there was nothing. For XdpAttachment and removal.
Result<std::string> detach_xdp(const std::string& directory, int ifindex);

}  // namespace bmc

#endif

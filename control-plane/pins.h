// SPDX-License-Identifier: Apache-2.0
// Pins: the directory in bpffs through which maps, links and programs outlive bmcd.
// Opened by the daemon, used by applications and by the attachments.
//
//   <pin>/version            map: the ABI version of everything below
//   <pin>/maps/<name>        the application's maps
//   <pin>/links/<name>       cgroup links
//   <pin>/xdp/<ifindex>      XDP program; <ifindex>_record: map with an AttachmentRecord
//   <pin>/tc/<ifindex>       TC program;  <ifindex>_record
#ifndef BMC_CONTROL_PLANE_PINS_H
#define BMC_CONTROL_PLANE_PINS_H

#include <bpf/libbpf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "control-plane/fd.h"
#include "control-plane/result.h"

namespace bmc {

class Pins {
 public:
  enum class Adoption {
    kFresh,    // nothing was there: new maps
    kAdopted,  // every map was there and fits: its content is what the last bmcd left
    kReplaced  // maps were there but do not fit (see why()): they are unpinned, new ones are made. Programs
               // of the last bmcd still run on the old ones until they are replaced
  };

  // Makes the directory (mode 0700) where it is missing and locks it against a second bmcd (EBUSY). The
  // error tells how to mount bpffs. `abi_version` is compared with what is pinned.
  static Result<Pins> open(const std::string& directory, std::uint32_t abi_version);

  Pins(Pins&&) = default;
  Pins& operator=(Pins&&) = default;

  // Before `object` is loaded: all its maps (internal ones excepted) are replaced by the pinned ones, when
  // all are there with the same type, sizes, flags and ABI version; else none is.
  Result<Adoption> adopt_maps(bpf_object& object);

  // After `object` was loaded: pins the maps that are not pinned yet, mode 0600.
  Result<void> pin_maps(bpf_object& object);

  // An adopted map before or without loading an object (none: the Fd is empty), e.g. to zero a heartbeat.
  Result<Fd> open_map(const std::string& name) const;

  // Why the last adopt_maps() replaced; for the log.
  const std::string& why() const { return why_; }

  const std::string& directory() const { return directory_; }
  std::string path(const std::string& below) const { return directory_ + "/" + below; }

 private:
  Pins() = default;

  std::string directory_;
  std::string why_;
  Fd lock_;  // flock() on the directory, held for life
  std::uint32_t abi_version_ = 0;
  std::uint32_t pinned_version_ = 0;  // 0: nothing pinned
};

// Removes everything pinned under `directory` from the kernel: XDP and TC programs of interfaces in this
// network namespace, cgroup links, maps, and the directory. Only what a bmcd attached. Returns in words what
// went. Needs that no bmcd holds the directory (EBUSY), idempotent.
Result<std::vector<std::string>> remove_everything(const std::string& directory);

}  // namespace bmc

#endif

// SPDX-License-Identifier: Apache-2.0
// Pins: the directory in bpffs through which maps, links and programs outlive bmcd.
// Opened by the daemon, used by applications and by the attachments.
//
//   <pin>/version            map: the ABI version of everything below
//   <pin>/maps/<name>        the application's maps
//   <pin>/links/<name>       cgroup links
//   <pin>/xdp/<ifindex>      XDP program; <ifindex>_next: about to be attached; <ifindex>_record: how it was
//                            attached (attachment_record.h)
//   <pin>/tc/<ifindex>       TC program, with the same two
//   <pin>/<application>/     version, maps, links and tc of a further application; an interface has one XDP
//                            program of ours, whoever attaches it. And folders with what else it pins.
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
    kFresh,     // nothing was there: new maps
    kAdopted,   // every map was there and fits: its content is what the last bmcd left
    kReplaced,  // maps were there but do not fit (see why()): they are unpinned, new ones are made. Programs
                // of the last bmcd run on the old ones until they are replaced: make them pass everything
                // first, through open_map()
  };

  // Makes the directory (mode 0700) where it is missing and locks it against a second bmcd (EBUSY). The
  // error tells how to mount bpffs. `abi_version` (not 0) is compared with what is pinned.
  static Result<Pins> open(const std::string& directory, std::uint32_t abi_version);

  // Those of a further application, in a folder of that name. Not longer than this one, which holds the lock.
  Result<Pins> open_below(const std::string& application, std::uint32_t abi_version) const;

  Pins(Pins&&) = default;
  Pins& operator=(Pins&&) = default;

  // Before `object` is loaded: all its maps (internal ones excepted) are replaced by the pinned ones, when
  // all are there with the same type, sizes, flags and ABI version; else none is.
  Result<Adoption> adopt_maps(bpf_object& object);

  // After `object` was loaded: pins the maps that are not pinned yet, mode 0600, and unpins those that
  // `object` does not have. One object pins its maps here; others share them (share_maps).
  Result<void> pin_maps(bpf_object& object);

  // A pinned map, before or without loading an object; the Fd is empty where there is none of that name.
  Result<Fd> open_map(const std::string& name) const;

  // Why the last adopt_maps() replaced; for the log.
  const std::string& why() const { return why_; }

  // A folder of this application's own for whatever it pins beside its maps; removal empties it.
  Result<void> make_folder(const std::string& name) const;

  const std::string& directory() const { return directory_; }
  // The directory itself, or that which this one is in: of XDP.
  const std::string& root() const { return root_; }
  std::string path(const std::string& below) const { return directory_ + "/" + below; }

 private:
  Pins() = default;

  Result<void> prepare(std::uint32_t abi_version);

  std::string directory_;
  std::string root_;
  std::string why_;
  Fd lock_;  // the root directory, with flock() held for life; none below it
  std::uint32_t abi_version_ = 0;
  std::uint32_t pinned_version_ = 0;  // 0: none is pinned
};

// Whether `directory` (or, where it does not exist, its nearest existing ancestor) lies in a bpffs. The
// error says how to mount one.
Result<void> check_bpffs(const std::string& directory);

// Locks an existing directory against other bmcds (EBUSY) for the life of the Fd.
Result<Fd> lock_pins(const std::string& directory);

// Names of the entries of a directory, sorted; empty where it does not exist.
std::vector<std::string> names_in(const std::string& directory);

// The pin directory and those of further applications in it.
std::vector<std::string> pin_directories(const std::string& root);

// A program that shall be attached is announced first, pinned at "<pin>_next", and settled, moved to "<pin>",
// once it is: so whatever is attached is known by its pin, wherever bmcd may be killed. `attached` is the id
// found at the hook. settle_program() also clears up what an earlier crash left.
Result<void> announce_program(int fd, const std::string& pin);
Result<void> settle_program(const std::string& pin, std::uint32_t attached);

// Whether the program is one that we attached: pinned or announced at `pin`; or one that uses a map of an
// application that is pinned below `root`, for programs that libxdp loaded and attached in one step. The
// latter can be seen with CAP_SYS_ADMIN only.
bool is_our_program(std::uint32_t id, const std::string& pin, const std::string& root);
bool uses_our_maps(int program_fd, const std::string& root);

// The id of the program pinned at `path`; 0: none.
std::uint32_t pinned_program_id(const std::string& path);

// Pins `fd` at `path` in place of what may be there, mode 0600.
Result<void> pin_over(int fd, const std::string& path);

}  // namespace bmc

#endif

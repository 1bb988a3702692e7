// SPDX-License-Identifier: Apache-2.0
// Removal from the kernel by the pins; see removal.h.
#include "control-plane/removal.h"

#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "control-plane/attachment_record.h"
#include "control-plane/cgroup_attachment.h"
#include "control-plane/parse.h"
#include "control-plane/pins.h"
#include "control-plane/tc_attachment.h"
#include "control-plane/xdp_attachment.h"

namespace bmc {
namespace {

class Remover {
 public:
  explicit Remover(const std::string& directory) : directory_(directory) {}

  // All that is one application's.
  void application() {
    programs("tc", detach_tc);
    links();
    maps();
  }

  // Interfaces' programs of one kind: `kind` is the folder of their pins.
  void programs(const std::string& kind, Result<std::string> (*detach)(const std::string&, int)) {
    for (const std::string& name : names_in(directory_ + "/" + kind)) {
      // What was announced or recorded without ever being pinned belongs to an interface as well.
      const auto ifindex = parse_number(name.substr(0, name.find('_')), INT32_MAX);
      if (!ifindex) continue;
      const std::string pin = directory_ + "/" + kind + "/" + std::to_string(*ifindex);
      const auto record = read_record(pin);
      if (record && record->netns != current_netns()) {
        removal_.removed.push_back(
            "pin only: the " + kind + " program on " + record->interface_name +
            " is in another network namespace; it passes all traffic and goes with its "
            "interface, or run this there");
        note(remove_pin_and_record(pin));
        continue;
      }
      note(detach(directory_, static_cast<int>(*ifindex)));
    }
  }

  void links() {
    for (const std::string& name : names_in(directory_ + "/links")) {
      const Result<void> detached = detach_link(directory_ + "/links/" + name);
      note(detached);
      if (detached) removal_.removed.push_back("cgroup program " + name);
    }
  }

  void maps() {
    const auto names = names_in(directory_ + "/maps");
    for (const std::string& name : names) unlink(directory_ + "/maps/" + name);
    if (!names.empty()) removal_.removed.push_back(std::to_string(names.size()) + " maps");
  }

  // Of the root, once the applications below it are gone.
  void directories() {
    unlink(directory_ + "/version");
    for (const char* below : {"/maps", "/links", "/xdp", "/tc", ""}) remove_folder(directory_ + below);
  }

  // Of an application below the root: its own kinds of pins, too.
  void directories_below() {
    for (const std::string& folder : names_in(directory_)) {
      const std::string path = directory_ + "/" + folder;
      if (folder == "version") continue;
      for (const std::string& name : names_in(path))
        if (folder != "tc" && folder != "links") unlink(path + "/" + name);
      remove_folder(path);
    }
    unlink(directory_ + "/version");
    remove_folder(directory_);
  }

  void add(Removal other) {
    removal_.removed.insert(removal_.removed.end(), other.removed.begin(), other.removed.end());
    if (!removal_.error) removal_.error = std::move(other.error);
  }

  Removal outcome() { return removal_; }

 private:
  void remove_folder(const std::string& path) {
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
      note(Result<void>(errno_error("cannot remove " + path)));
  }

  void unlink(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      note(Result<void>(errno_error("cannot remove " + path)));
  }

  void note(const Result<void>& result) {
    if (!result && !removal_.error) removal_.error = result.error();
  }

  void note(const Result<std::string>& words) {
    if (!words && !removal_.error) removal_.error = words.error();
    if (words && !words->empty()) removal_.removed.push_back(*words);
  }

  std::string directory_;
  Removal removal_;
};

}  // namespace

Removal remove_application(const std::string& root, const std::string& directory) {
  Remover remover(directory);
  remover.application();
  if (directory != root) remover.directories_below();
  return remover.outcome();
}

Removal remove_everything(const std::string& directory) {
  struct stat status = {};
  if (::stat(directory.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return {{}, errno_error("cannot look at " + directory)};
  }
  // Never walk and delete in an ordinary directory that a mistyped --pin names.
  if (Result<void> bpffs = check_bpffs(directory); !bpffs) return {{}, bpffs.error()};
  const auto lock = lock_pins(directory);
  if (!lock) return {{}, lock.error()};
  Remover remover(directory);
  remover.programs("xdp", detach_xdp);
  for (const std::string& each : pin_directories(directory))
    if (each != directory) remover.add(remove_application(directory, each));
  remover.application();
  remover.directories();
  return remover.outcome();
}

}  // namespace bmc

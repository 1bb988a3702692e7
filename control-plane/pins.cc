// SPDX-License-Identifier: Apache-2.0
// The pin directory; see pins.h.
#include "control-plane/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "control-plane/bpf_object.h"

namespace bmc {
namespace {

constexpr const char* kVersionPin = "version";
constexpr const char* kFolders[] = {"maps", "links", "xdp", "tc"};

std::string next_of(const std::string& pin) { return pin + "_next"; }

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("cannot make " + path);
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return errno_error("cannot look at " + path);
  if (!S_ISDIR(status.st_mode)) return Error{ENOTDIR, path + " is no directory"};
  if (status.st_uid != ::geteuid())
    return Error{EPERM,
                 path + " belongs to user " + std::to_string(status.st_uid) +
                     "; whoever can write there can feed bmcd's programs. Remove it or use another --pin"};
  if ((status.st_mode & 0077) != 0 && ::chmod(path.c_str(), 0700) != 0)
    return errno_error("cannot make " + path + " private");
  return {};
}

// Makes `path` and what is missing above it.
Result<void> make_directories(const std::string& path) {
  struct stat status = {};
  const std::size_t slash = path.rfind('/');
  if (slash != 0 && slash != std::string::npos && ::stat(path.substr(0, slash).c_str(), &status) != 0)
    if (Result<void> made = make_directories(path.substr(0, slash)); !made) return made;
  return make_directory(path);
}

Result<bpf_map_info> map_info(int fd) {
  bpf_map_info info = {};
  __u32 bytes = sizeof info;
  if (const int failed = bpf_obj_get_info_by_fd(fd, &info, &bytes); failed != 0)
    return errno_error("cannot read about a pinned map", failed);
  return info;
}

// Says how the pinned map differs from what `map` wants to be; empty: not at all.
std::string difference(const bpf_map& map, const bpf_map_info& pinned) {
  const auto differs = [&](const char* what, std::uint64_t old_value, std::uint64_t new_value) {
    return "map " + std::string(bpf_map__name(&map)) + " has " + what + " " + std::to_string(old_value) +
           " where " + std::to_string(new_value) + " is wanted";
  };
  if (pinned.type != bpf_map__type(&map)) return differs("type", pinned.type, bpf_map__type(&map));
  if (pinned.key_size != bpf_map__key_size(&map))
    return differs("a key size of", pinned.key_size, bpf_map__key_size(&map));
  if (pinned.value_size != bpf_map__value_size(&map))
    return differs("a value size of", pinned.value_size, bpf_map__value_size(&map));
  if (pinned.max_entries != bpf_map__max_entries(&map))
    return differs("room for entries", pinned.max_entries, bpf_map__max_entries(&map));
  if (pinned.map_flags != bpf_map__map_flags(&map))
    return differs("flags", pinned.map_flags, bpf_map__map_flags(&map));
  return {};
}

Result<Fd> make_version_map(std::uint32_t version) {
  Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "bmc_version", sizeof(__u32), sizeof version, 1, nullptr));
  if (!map) return errno_error("cannot make a BPF map (CAP_BPF or root is needed)");
  const __u32 key = 0;
  if (bpf_map_update_elem(map.get(), &key, &version, BPF_ANY) != 0)
    return errno_error("cannot write the ABI version");
  return map;
}

std::uint32_t read_version(const std::string& path) {
  const Fd map(bpf_obj_get(path.c_str()));
  const __u32 key = 0;
  std::uint32_t version = 0;
  if (!map) return 0;
  const auto info = map_info(map.get());
  if (!info || info->value_size != sizeof version) return 0;
  return bpf_map_lookup_elem(map.get(), &key, &version) == 0 ? version : 0;
}

}  // namespace

Result<void> check_bpffs(const std::string& directory) {
  struct statfs filesystem = {};
  std::string path = directory;
  while (::statfs(path.c_str(), &filesystem) != 0) {
    if (errno != ENOENT) return errno_error("cannot look at " + path);
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos || path == "/") return errno_error("cannot look at " + directory);
    path = slash == 0 ? "/" : path.substr(0, slash);
  }
  if (static_cast<unsigned long>(filesystem.f_type) == BPF_FS_MAGIC) return {};
  return Error{ENODEV, directory +
                           " is not in a BPF file system; mount one with: mount -t bpf bpf /sys/fs/bpf "
                           "(systemd does so at boot), or point --pin into another"};
}

Result<Fd> lock_pins(const std::string& directory) {
  // A daemon that detaches removes the directory it holds: then what we locked is gone, and we try anew.
  for (int attempt = 0; attempt < 10; ++attempt) {
    Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return errno_error("cannot open " + directory);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return errno_error("cannot lock " + directory);
      return Error{EBUSY, "another bmcd uses " + directory +
                              "; stop it first (systemctl stop bmcd), or use another --pin"};
    }
    struct stat locked = {};
    struct stat present = {};
    if (::fstat(fd.get(), &locked) == 0 && ::stat(directory.c_str(), &present) == 0 &&
        locked.st_ino == present.st_ino)
      return fd;
  }
  return Error{EBUSY, directory + " is being removed again and again"};
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(directory.c_str()), ::closedir);
  if (!opened) return names;
  while (const dirent* each = ::readdir(opened.get()))
    if (each->d_name[0] != '.') names.emplace_back(each->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> pin_directories(const std::string& root) {
  std::vector<std::string> directories = {root};
  for (const std::string& name : names_in(root)) {
    struct stat status = {};
    const std::string path = root + "/" + name;
    if (std::ranges::find(kFolders, name) == std::end(kFolders) && ::stat(path.c_str(), &status) == 0 &&
        S_ISDIR(status.st_mode))
      directories.push_back(path);
  }
  return directories;
}

std::uint32_t pinned_program_id(const std::string& path) {
  const Fd program(bpf_obj_get(path.c_str()));
  if (!program) return 0;
  const auto id = program_id(program.get());
  return id ? *id : 0;
}

bool uses_our_maps(int program_fd, const std::string& root) {
  std::vector<__u32> used(64);
  bpf_prog_info info = {};
  info.nr_map_ids = static_cast<__u32>(used.size());
  info.map_ids = reinterpret_cast<std::uintptr_t>(used.data());
  __u32 bytes = sizeof info;
  if (bpf_obj_get_info_by_fd(program_fd, &info, &bytes) != 0) return false;
  used.resize(std::min<std::size_t>(info.nr_map_ids, used.size()));
  const auto is_used = [&](const std::string& pin) {
    const Fd map(bpf_obj_get(pin.c_str()));
    const auto ours = map ? map_id(map.get()) : Result<std::uint32_t>(0u);
    return ours && std::find(used.begin(), used.end(), *ours) != used.end();
  };
  for (const std::string& directory : pin_directories(root))
    for (const std::string& name : names_in(directory + "/maps"))
      if (is_used(directory + "/maps/" + name)) return true;
  return false;
}

bool is_our_program(std::uint32_t id, const std::string& pin, const std::string& root) {
  if (id == 0) return false;
  if (pinned_program_id(pin) == id || pinned_program_id(next_of(pin)) == id) return true;
  const Fd program(bpf_prog_get_fd_by_id(id));
  return program && uses_our_maps(program.get(), root);
}

Result<void> announce_program(int fd, const std::string& pin) { return pin_over(fd, next_of(pin)); }

Result<void> settle_program(const std::string& pin, std::uint32_t attached) {
  const std::uint32_t announced = pinned_program_id(next_of(pin));
  if (announced == 0) return {};
  if (announced != attached) {
    if (::unlink(next_of(pin).c_str()) != 0) return errno_error("cannot remove " + next_of(pin));
    return {};
  }
  if (::rename(next_of(pin).c_str(), pin.c_str()) != 0) return errno_error("cannot rename to " + pin);
  return {};
}

Result<void> pin_over(int fd, const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("cannot remove " + path);
  if (bpf_obj_pin(fd, path.c_str()) != 0) return errno_error("cannot pin " + path);
  if (::chmod(path.c_str(), 0600) != 0) return errno_error("cannot make " + path + " private");
  return {};
}

Result<Pins> Pins::open(const std::string& directory, std::uint32_t abi_version) {
  if (Result<void> bpffs = check_bpffs(directory); !bpffs) return bpffs.error();
  if (Result<void> made = make_directories(directory); !made) return made.error();
  auto lock = lock_pins(directory);
  if (!lock) return std::move(lock).error();
  Pins pins;
  pins.directory_ = pins.root_ = directory;
  pins.lock_ = *std::move(lock);
  if (Result<void> prepared = pins.prepare(abi_version); !prepared) return prepared.error();
  if (Result<void> made = pins.make_folder("xdp"); !made) return made.error();
  return pins;
}

Result<Pins> Pins::open_below(const std::string& application, std::uint32_t abi_version) const {
  Pins pins;
  pins.directory_ = path(application);
  pins.root_ = directory_;
  if (Result<void> made = make_folder(application); !made) return made.error();
  if (Result<void> prepared = pins.prepare(abi_version); !prepared) return prepared.error();
  return pins;
}

Result<void> Pins::prepare(std::uint32_t abi_version) {
  abi_version_ = abi_version;
  pinned_version_ = read_version(path(kVersionPin));
  for (const char* below : {"maps", "links", "tc"})
    if (Result<void> made = make_folder(below); !made) return made;
  return {};
}

Result<void> Pins::make_folder(const std::string& name) const { return make_directory(path(name)); }

Result<Pins::Adoption> Pins::adopt_maps(bpf_object& object) {
  why_.clear();
  const std::vector<std::string> pinned = names_in(path("maps"));
  if (pinned.empty()) return Adoption::kFresh;
  if (pinned_version_ != abi_version_)
    why_ = "the pinned maps have ABI version " + std::to_string(pinned_version_) + ", this bmcd has " +
           std::to_string(abi_version_);
  std::vector<std::pair<bpf_map*, Fd>> fitting;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, &object) {
    if (!why_.empty()) break;
    if (bpf_map__is_internal(map)) continue;
    auto fd = open_map(bpf_map__name(map));
    if (!fd) return std::move(fd).error();
    if (!*fd) {
      why_ = "map " + std::string(bpf_map__name(map)) + " is not pinned";
      break;
    }
    const auto info = map_info(fd->get());
    if (!info) return info.error();
    why_ = difference(*map, *info);
    fitting.emplace_back(map, *std::move(fd));
  }
  if (!why_.empty()) {
    for (const std::string& name : pinned)
      if (::unlink(path("maps/" + name).c_str()) != 0) return errno_error("cannot unpin map " + name);
    return Adoption::kReplaced;
  }
  for (const auto& [wanted, fd] : fitting)
    if (const int failed = bpf_map__reuse_fd(wanted, fd.get()); failed != 0)
      return errno_error("cannot adopt map " + std::string(bpf_map__name(wanted)), failed);
  return Adoption::kAdopted;
}

Result<void> Pins::pin_maps(bpf_object& object) {
  std::set<std::string> kept;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, &object) {
    if (bpf_map__is_internal(map)) continue;
    const std::string name = bpf_map__name(map);
    kept.insert(name);
    auto present = open_map(name);
    if (!present) return std::move(present).error();
    if (*present) {
      const auto old_id = map_id(present->get());
      const auto new_id = map_id(bpf_map__fd(map));
      if (old_id && new_id && *old_id == *new_id) continue;
    }
    if (Result<void> pinned = pin_over(bpf_map__fd(map), path("maps/" + name)); !pinned) return pinned;
  }
  for (const std::string& name : names_in(path("maps")))
    if (kept.count(name) == 0 && ::unlink(path("maps/" + name).c_str()) != 0)
      return errno_error("cannot unpin map " + name);
  // Last: maps without their version are not adopted after a crash in between.
  if (pinned_version_ == abi_version_) return {};
  const auto version = make_version_map(abi_version_);
  if (!version) return version.error();
  if (Result<void> pinned = pin_over(version->get(), path(kVersionPin)); !pinned) return pinned;
  pinned_version_ = abi_version_;
  return {};
}

Result<Fd> Pins::open_map(const std::string& name) const {
  Fd fd(bpf_obj_get(path("maps/" + name).c_str()));
  if (!fd && errno != ENOENT) return errno_error("cannot open the pinned map " + name);
  return fd;
}

}  // namespace bmc

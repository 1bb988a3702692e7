// SPDX-License-Identifier: Apache-2.0
// Mounting, filling and sweeping; see data_directory.h.
#include "netns-tests/paxos/cluster/data_directory.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>

#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::cluster {
namespace {

namespace fs = std::filesystem;

constexpr const char* kParent = "/tmp";
constexpr std::string_view kPrefix = "bmc-t-";
constexpr std::string_view kSuffix = "-disk";

std::atomic<unsigned> next_number{0};
std::once_flag swept;

void remove_mount(const std::string& path) {
  umount2(path.c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

void sweep_stale() {
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(kParent, missing)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const auto owner = static_cast<pid_t>(std::strtol(name.c_str() + kPrefix.size(), nullptr, 10));
    if (owner > 0 && kill(owner, 0) != 0 && errno == ESRCH) remove_mount(entry.path());
  }
}

}  // namespace

DataDirectory::DataDirectory(const std::string& role, std::uint64_t megabytes) {
  std::call_once(swept, sweep_stale);
  mount_ = std::string(kParent) + "/" + std::string(kPrefix) + std::to_string(getpid()) + "-" +
           std::to_string(next_number++) + "-" + role + std::string(kSuffix);
  fs::create_directory(mount_);
  if (megabytes == 0) return;
  const std::string size = "size=" + std::to_string(megabytes) + "m";
  lab::checked(::mount("bmc-t", mount_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, size.c_str()),
               "mount " + mount_);
}

DataDirectory::~DataDirectory() { remove_mount(mount_); }

void DataDirectory::fill(std::uint64_t bytes_left) {
  struct statvfs space {};
  lab::checked(statvfs(mount_.c_str(), &space), "statvfs " + mount_);
  const std::uint64_t free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  if (free_bytes <= bytes_left) return;
  const std::string path = mount_ + "/ballast";
  const lab::Fd file(lab::checked(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600), "create " + path));
  // The replica may be quicker than this: then the disk is as full as it was meant to be.
  if (posix_fallocate(file.get(), 0, static_cast<off_t>(free_bytes - bytes_left)) == 0) return;
  const char page[4096] = {};
  while (write(file.get(), page, sizeof(page)) > 0) {
  }
}

void DataDirectory::drain() {
  std::error_code ignored;
  fs::remove(mount_ + "/ballast", ignored);
}

}  // namespace bmc::cluster

// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/storage/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "control-plane/fd.h"

namespace bmc::paxos {

namespace {

// The system call again for as long as a signal interrupts it.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class PosixFile : public DiskFile {
 public:
  PosixFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  bmc::Result<std::uint64_t> size() const override {
    struct stat status {};
    if (fstat(fd_.get(), &status) != 0) return errno_error("fstat " + path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  bmc::Result<std::string> read(std::uint64_t offset, std::size_t bytes) const override {
    std::string data(bytes, '\0');
    std::size_t done = 0;
    while (done < bytes) {
      const auto got = uninterrupted([&] {
        return pread(fd_.get(), data.data() + done, bytes - done, static_cast<off_t>(offset + done));
      });
      if (got < 0) return errno_error("read " + path_ + " at byte " + std::to_string(offset + done));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    data.resize(done);
    return data;
  }

  bmc::Result<void> write(std::uint64_t offset, std::string_view data) override {
    while (!data.empty()) {
      const auto put = uninterrupted(
          [&] { return pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset)); });
      if (put < 0) return errno_error("write " + path_ + " at byte " + std::to_string(offset));
      offset += static_cast<std::uint64_t>(put);
      data.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
  }

  bmc::Result<void> truncate(std::uint64_t bytes) override {
    if (uninterrupted([&] { return ftruncate(fd_.get(), static_cast<off_t>(bytes)); }) == 0) return {};
    return errno_error("ftruncate " + path_);
  }

  // Not again after EINTR: what a failed one has written nobody knows.
  bmc::Result<void> sync() override {
    if (fdatasync(fd_.get()) == 0) return {};
    return errno_error("fdatasync " + path_);
  }

 private:
  std::string path_;
  Fd fd_;
};

// Of the directory itself; a handle that can be synced, locked and started from.
bmc::Result<Fd> open_directory(const std::string& directory) {
  Fd fd(uninterrupted([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd) return errno_error("open the directory " + directory);
  return fd;
}

class PosixDisk : public Disk {
 public:
  // `fd` is the locked directory.
  PosixDisk(std::string directory, Fd fd) : directory_(std::move(directory)), fd_(std::move(fd)) {}

  bmc::Result<std::vector<std::string>> list() const override {
    const int copy = openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return errno_error("open " + directory_);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(copy), closedir);
    if (!stream) return errno_error("read " + directory_);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(stream.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    if (errno != 0) return errno_error("read " + directory_);
    std::ranges::sort(names);
    return names;
  }

  bmc::Result<std::unique_ptr<DiskFile>> open(const std::string& name) override { return open_file(name, 0); }

  bmc::Result<std::unique_ptr<DiskFile>> create(const std::string& name) override {
    return open_file(name, O_CREAT | O_EXCL);
  }

  bmc::Result<void> rename(const std::string& from, const std::string& to) override {
    if (renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()) == 0) return {};
    return errno_error("rename " + path(from) + " to " + to);
  }

  bmc::Result<void> remove(const std::string& name) override {
    if (unlinkat(fd_.get(), name.c_str(), 0) == 0) return {};
    return errno_error("remove " + path(name));
  }

  bmc::Result<void> sync() override {
    if (fsync(fd_.get()) == 0) return {};
    return errno_error("fsync " + directory_);
  }

 private:
  bmc::Result<std::unique_ptr<DiskFile>> open_file(const std::string& name, int flags) {
    Fd fd(uninterrupted([&] { return openat(fd_.get(), name.c_str(), O_RDWR | O_CLOEXEC | flags, 0600); }));
    if (!fd) return errno_error((flags & O_CREAT ? "create " : "open ") + path(name));
    return std::unique_ptr<DiskFile>(std::make_unique<PosixFile>(path(name), std::move(fd)));
  }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
  Fd fd_;
};

}  // namespace

bmc::Result<void> make_posix_disk(const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return errno_error("make the directory " + directory);
  }
  const auto parent = std::filesystem::absolute(directory).lexically_normal().parent_path();
  const auto fd = open_directory(parent.string());
  if (!fd) return fd.error();
  if (fsync(fd->get()) != 0) return errno_error("fsync " + parent.string());
  return {};
}

bmc::Result<std::unique_ptr<Disk>> open_posix_disk(const std::string& directory) {
  auto fd = open_directory(directory);
  if (!fd) return fd.error();
  if (uninterrupted([&] { return flock(fd->get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return errno_error("lock " + directory);
    return bmc::Error{EBUSY, directory + " is in use: another process runs this replica, end it first"};
  }
  return std::unique_ptr<Disk>(std::make_unique<PosixDisk>(directory, std::move(*fd)));
}

}  // namespace bmc::paxos

// SPDX-License-Identifier: Apache-2.0
// Fd: sole owner of a file descriptor, closed when it goes.
// Used wherever the control plane or an application holds a socket, map, program or link.
#ifndef BMC_CONTROL_PLANE_FD_H
#define BMC_CONTROL_PLANE_FD_H

#include <unistd.h>

#include <utility>

namespace bmc {

class Fd {
 public:
  Fd() = default;
  // Takes ownership; a negative number is "none".
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  // Lent: valid while this Fd lives. -1 where there is none.
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // The caller becomes the owner.
  int release() { return std::exchange(fd_, -1); }

  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace bmc

#endif

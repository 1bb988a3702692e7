// SPDX-License-Identifier: Apache-2.0
// ReceivedFd: owner of a descriptor that an unprivileged process sent us. Used for the messages of the join
// socket.
#ifndef BMC_PAXOS_HOST_RECEIVED_FD_H
#define BMC_PAXOS_HOST_RECEIVED_FD_H

#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <utility>

namespace bmc::paxos::host {

// To close a file can take as long as its file system likes, and that may be the sender's own (FUSE); a
// socket is closed at once. So what is no socket is closed by a thread of its own.
class ReceivedFd {
 public:
  ReceivedFd() = default;
  explicit ReceivedFd(int fd) : fd_(fd) {}
  ReceivedFd(ReceivedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ReceivedFd& operator=(ReceivedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ReceivedFd(const ReceivedFd&) = delete;
  ReceivedFd& operator=(const ReceivedFd&) = delete;
  ~ReceivedFd() {
    if (fd_ < 0) return;
    if (is_socket())
      ::close(fd_);
    else
      std::thread([fd = fd_] { ::close(fd); }).detach();
  }

  int get() const { return fd_; }

 private:
  bool is_socket() const {
    int domain = 0;
    socklen_t bytes = sizeof domain;
    return ::getsockopt(fd_, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0;
  }

  int fd_ = -1;
};

}  // namespace bmc::paxos::host

#endif

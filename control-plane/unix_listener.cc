// SPDX-License-Identifier: Apache-2.0
// Unix sockets at paths; see unix_listener.h.
#include "control-plane/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <utility>

namespace bmc {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error{ENAMETOOLONG, path + " is too long for the path of a unix socket"};
  path.copy(address.sun_path, path.size());
  return address;
}

// Whether somebody accepts connections there.
bool is_alive(const sockaddr_un& address, int type) {
  const Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN: alive, with more waiting than it has room for.
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN;
}

Result<void> make_parent(const std::string& path) {
  const std::string parent = path.substr(0, path.rfind('/'));
  if (parent.empty() || ::mkdir(parent.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return errno_error("cannot make " + parent + " for the socket " + path);
}

Result<void> clear_place(const UnixListener::Wanted& wanted, const sockaddr_un& address) {
  struct stat status = {};
  if (::lstat(wanted.path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return Error{EEXIST,
                 wanted.path + " is there and is no socket; remove it or use another " + wanted.option};
  if (is_alive(address, wanted.type))
    return Error{EADDRINUSE, "another bmcd listens on " + wanted.path + "; use another " + wanted.option};
  if (::unlink(wanted.path.c_str()) != 0) return errno_error("cannot remove the stale socket " + wanted.path);
  return {};
}

}  // namespace

Result<UnixListener> UnixListener::open(const Wanted& wanted) {
  const auto address = address_of(wanted.path);
  if (!address) return address.error();
  if (Result<void> made = make_parent(wanted.path); !made) return made.error();
  if (Result<void> cleared = clear_place(wanted, *address); !cleared) return cleared.error();
  UnixListener listener;
  listener.socket_ = Fd(::socket(AF_UNIX, wanted.type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.socket_) return errno_error("cannot make a unix socket");
  // The mode must be right from the first moment.
  const mode_t before = ::umask(0777 & ~wanted.mode);
  const int bound = ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(sockaddr_un));
  const int bind_error = errno;
  ::umask(before);
  if (bound != 0) return errno_error("cannot listen on " + wanted.path, bind_error);
  struct stat status = {};
  listener.path_ = wanted.path;
  listener.inode_ = ::lstat(wanted.path.c_str(), &status) == 0 ? status.st_ino : 0;
  if (::listen(listener.get(), wanted.backlog) != 0) return errno_error("cannot listen on " + wanted.path);
  return listener;
}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  if (this == &other) return *this;
  close();
  socket_ = std::move(other.socket_);
  path_ = std::exchange(other.path_, {});
  inode_ = other.inode_;
  return *this;
}

void UnixListener::close() {
  socket_.reset();
  struct stat status = {};
  if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_)
    ::unlink(path_.c_str());
  path_.clear();
}

}  // namespace bmc

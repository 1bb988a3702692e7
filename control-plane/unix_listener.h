// SPDX-License-Identifier: Apache-2.0
// UnixListener: a unix socket that listens at a path, which goes with it. Used by ControlServer and by the
// applications' own sockets.
#ifndef BMC_CONTROL_PLANE_UNIX_LISTENER_H
#define BMC_CONTROL_PLANE_UNIX_LISTENER_H

#include <sys/types.h>

#include <string>
#include <utility>

#include "control-plane/fd.h"
#include "control-plane/result.h"

namespace bmc {

class UnixListener {
 public:
  struct Wanted {
    std::string path;
    std::string option;  // that says otherwise, for errors: "--control"
    int type = 0;        // SOCK_STREAM, SOCK_SEQPACKET
    mode_t mode = 0660;
    int backlog = 16;
  };

  UnixListener() = default;
  // Makes the socket's directory (one level) if it is missing; takes the place of a socket that nobody
  // listens on any more; EADDRINUSE if somebody does. While it works, no other thread may make files.
  static Result<UnixListener> open(const Wanted& wanted);

  UnixListener(UnixListener&& other) noexcept { *this = std::move(other); }
  UnixListener& operator=(UnixListener&& other) noexcept;
  ~UnixListener() { close(); }

  // Lent: non-blocking. -1: not listening.
  int get() const { return socket_.get(); }
  // The caller closes it; the path stays until this goes.
  int release() { return socket_.release(); }

  // Removes the socket from its directory, if it is still the one made here. Idempotent.
  void close();

 private:
  Fd socket_;
  std::string path_;         // empty: none
  unsigned long inode_ = 0;  // only with path_
};

}  // namespace bmc

#endif

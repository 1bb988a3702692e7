// SPDX-License-Identifier: Apache-2.0
// Asio's sockets are inherited by programs that the process starts, which would then hold the replica's port.
#ifndef BMC_PAXOS_RUNTIME_CLOSE_ON_EXEC_H
#define BMC_PAXOS_RUNTIME_CLOSE_ON_EXEC_H

#include <fcntl.h>

namespace bmc::paxos::runtime {

template <typename Socket>
void close_on_exec(Socket& socket) {
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
}

}  // namespace bmc::paxos::runtime

#endif

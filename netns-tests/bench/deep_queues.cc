// SPDX-License-Identifier: Apache-2.0
// See deep_queues.h.
#include "netns-tests/bench/deep_queues.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <string>

#include "netns-tests/lib/lab_error.h"

namespace bmc::bench {
namespace {

int option(const lab::Fd& socket, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(socket.get(), SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

// The kernel doubles what it is given, and tells the double.
void set_queue(const lab::Fd& socket, int bytes) {
  const int half = bytes / 2;
  lab::checked(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof half), "SO_RCVBUFFORCE");
}

}  // namespace

DeepQueues::DeepQueues(pid_t pid) {
  const lab::Fd process(lab::checked(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd_open"));
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    const std::string name = entry.path().filename();
    int number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    lab::Fd socket(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
    if (!socket || option(socket, SO_PROTOCOL) != IPPROTO_UDP) continue;
    const int before = option(socket, SO_RCVBUF);
    set_queue(socket, kBytes);
    sockets_.emplace_back(std::move(socket), before);
  }
  if (sockets_.empty()) throw lab::LabError("no UDP socket in process " + std::to_string(pid));
}

DeepQueues::~DeepQueues() {
  for (const auto& [socket, before] : sockets_) {
    const int half = before / 2;
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof half);
  }
}

}  // namespace bmc::bench

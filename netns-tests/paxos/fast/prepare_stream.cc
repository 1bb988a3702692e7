// SPDX-License-Identifier: Apache-2.0
// See prepare_stream.h.
#include "netns-tests/paxos/fast/prepare_stream.h"

#include <sys/socket.h>

#include <string>

#include "apps/paxos/fastpath/tests/fixture.h"
#include "apps/paxos/fastpath/tests/group.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::fast {
namespace {

using lab::checked;
using lab::Deadline;
using namespace paxos::test;

constexpr int kAnswerLimitMs = 500;

bool drain_one(int fd) {
  char buffer[4096];
  return ::recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) >= 0;
}

}  // namespace

PrepareStream::PrepareStream(const lab::Netns& netns, const lab::Endpoint& leader,
                             const lab::Endpoint& backup, Member& member)
    : leader_(leader), backup_(backup), member_(member), last_(kBase) {
  {
    const lab::ScopedNetns inside(netns);
    socket_ = lab::Fd(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    socklen_t length = 0;
    const sockaddr_storage local = lab::to_sockaddr(leader_, length);
    checked(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&local), length), "bind");
  }
  thread_ = std::thread([this] { loop(); });
}

void PrepareStream::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void PrepareStream::arm() {
  const std::lock_guard<std::mutex> lock(exchange_);
  arm_gate();
}

void PrepareStream::rejoin(const std::string& socket_path) {
  const std::lock_guard<std::mutex> lock(exchange_);
  member_.join(socket_path);
  arm_gate();
}

void PrepareStream::arm_gate() {
  paxos::BackupTerm term = backup_term(last_);
  term.lease_ns = kHour;
  term.leader_address = to_paxos_address(leader_);
  member_.backup().discard();
  member_.backup().show_alive(monotonic_ns());
  if (!member_.backup().arm(term)) throw lab::LabError("the gate cannot be armed");
  is_armed_ = true;
}

bool PrepareStream::wait_acknowledged(std::uint64_t more, Deadline deadline) const {
  const std::uint64_t start = acknowledged_;
  return lab::eventually(deadline, [&] { return acknowledged_ >= start + more; });
}

bool PrepareStream::wait_delivered(std::uint64_t more, Deadline deadline) const {
  const std::uint64_t start = delivered_;
  return lab::eventually(deadline, [&] { return delivered_ >= start + more; });
}

void PrepareStream::loop() {
  while (!stop_) {
    {
      const std::lock_guard<std::mutex> lock(exchange_);
      exchange();
    }
    lab::wait_until_ns(lab::now_ns() + 200'000);
  }
}

// One there, and one of two back.
void PrepareStream::exchange() {
  socklen_t length = 0;
  const sockaddr_storage to = lab::to_sockaddr(backup_, length);
  const std::string payload = prepare(++last_).payload;
  checked(::sendto(socket_.get(), payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                   length),
          "sendto");
  pollfd ready[2] = {{socket_.get(), POLLIN, 0}, {member_.fd(), POLLIN, 0}};
  if (::poll(ready, 2, kAnswerLimitMs) <= 0) {
    ++lost_;
    return;
  }
  if (drain_one(socket_.get())) ++acknowledged_;
  if (drain_one(member_.fd())) ++delivered_;
  if (is_armed_) member_.backup().take();
}

}  // namespace bmc::fast

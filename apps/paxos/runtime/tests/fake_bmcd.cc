// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/runtime/tests/fake_bmcd.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "apps/paxos/runtime/kernel_message.h"

namespace bmc::paxos::runtime {
namespace {

constexpr std::size_t kBellBytes = 2 * 4096 + PAXOS_DOORBELL_BYTES;

Fd memory_file(const char* name, std::size_t bytes) {
  Fd file(::memfd_create(name, MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(bytes)), 0);
  return file;
}

std::uint16_t port_of(int socket) {
  sockaddr_in6 address{};
  socklen_t size = sizeof(address);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin6_port);  // where an IPv4 address has it, too
}

}  // namespace

FakeMemory::FakeMemory()
    : group_(memory_file("group", sizeof(paxos_group))), doorbell_(memory_file("doorbell", kBellBytes)) {
  mapped_ = std::make_unique<Mapping>(*Mapping::map(group(), 0, sizeof(paxos_group), true, "group"));
  bell_ = std::make_unique<Mapping>(*Mapping::map(doorbell(), 0, kBellBytes, true, "doorbell"));
}

FakeBmcd::FakeBmcd(std::string path)
    : listener_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      path_(std::move(path)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0) << path_;
  EXPECT_EQ(::listen(listener_.get(), 16), 0);
  thread_ = std::thread([this] { run(); });
}

FakeBmcd::~FakeBmcd() {
  const std::uint64_t one = 1;
  EXPECT_EQ(::write(stop_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  thread_.join();
  ::unlink(path_.c_str());
}

paxos_join_reply FakeBmcd::reply(std::uint32_t offloads) {
  paxos_join_reply reply{};
  reply.magic = PAXOS_JOIN_MAGIC;
  reply.version = PAXOS_JOIN_VERSION;
  reply.offloads = offloads;
  reply.fast_abi_version = PAXOS_FAST_ABI_VERSION;
  reply.broadcast_abi_version = BROADCAST_ABI_VERSION;
  reply.broadcast_group = PAXOS_JOIN_NO_GROUP;
  return reply;
}

void FakeBmcd::answer_next(FakeAnswer answer) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(std::move(answer));
}

FakeMemory& FakeBmcd::memory(std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  auto& all = memories_[port];
  if (all.empty() || !all.back()) all.push_back(std::make_unique<FakeMemory>());
  return *all.back();
}

void FakeBmcd::forget_memory(std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  memories_[port].push_back(nullptr);
}

void FakeBmcd::tell(std::uint32_t offloads) {
  const paxos_join_reply news = reply(offloads);
  tell(std::string(reinterpret_cast<const char*>(&news), sizeof(news)));
}

void FakeBmcd::tell(const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  for (const Fd& each : connections_) send(each.get(), bytes.data(), bytes.size(), {});
}

void FakeBmcd::hang_up() {
  const std::lock_guard lock(mutex_);
  for (const Fd& each : connections_) ::shutdown(each.get(), SHUT_RDWR);
}

std::vector<FakeBmcd::Request> FakeBmcd::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void FakeBmcd::run() {
  for (;;) {
    std::vector<pollfd> waits{{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      for (const Fd& each : connections_) waits.push_back({each.get(), POLLIN, 0});
    }
    ::poll(waits.data(), waits.size(), -1);
    if (waits[0].revents != 0) return;
    for (std::size_t i = waits.size(); i-- > 2;)
      if (waits[i].revents != 0) serve(i - 2);
    if (waits[1].revents != 0) accept();
  }
}

void FakeBmcd::accept() {
  const std::lock_guard lock(mutex_);
  connections_.emplace_back(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

void FakeBmcd::serve(std::size_t index) {
  auto message = receive_message(connections_[index].get());
  if (!message || !*message || (*message)->bytes.empty()) {
    const std::lock_guard lock(mutex_);
    connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(index));
    return;
  }
  Request request;
  EXPECT_EQ((*message)->bytes.size(), sizeof(request.request));
  std::memcpy(&request.request, (*message)->bytes.data(), sizeof(request.request));
  EXPECT_EQ((*message)->descriptors.size(), 1u);
  request.socket_port = port_of((*message)->descriptors.at(0).get());
  answer(connections_[index].get(), request);
}

void FakeBmcd::answer(int connection, const Request& request) {
  FakeMemory& given = memory(request.socket_port);
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  FakeAnswer answer{.reply = reply(request.request.wanted & ~PAXOS_OFFLOAD_BROADCAST)};
  answer.descriptors = {given.group(), given.doorbell()};
  if (!answers_.empty()) {
    answer = answers_.front();
    answers_.pop_front();
  }
  if (answer.bytes > 0) send(connection, &answer.reply, answer.bytes, answer.descriptors);
  if (answer.hangs_up) ::shutdown(connection, SHUT_RDWR);
}

void FakeBmcd::send(int connection, const void* bytes, std::size_t size,
                    const std::vector<int>& descriptors) {
  std::string padded(static_cast<const char*>(bytes), std::min(size, sizeof(paxos_join_reply)));
  padded.resize(size);
  std::string control(CMSG_SPACE(descriptors.size() * sizeof(int)), '\0');
  iovec piece{padded.data(), padded.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  }
  ::sendmsg(connection, &header, MSG_NOSIGNAL);
}

}  // namespace bmc::paxos::runtime

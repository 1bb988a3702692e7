// SPDX-License-Identifier: Apache-2.0
// A sender with the broadcast program at its interface and a socket in each receiver's namespace: plain UDP
// sockets, whose stacks drop what has a wrong checksum. Used by the netns tests of the broadcast offload.
#ifndef BMC_NETNS_TESTS_PAXOS_BROADCAST_TESTS_FIXTURE_H
#define BMC_NETNS_TESTS_PAXOS_BROADCAST_TESTS_FIXTURE_H

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/fastpath/broadcast.h"
#include "apps/paxos/fastpath/broadcast_program.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"
#include "netns-tests/paxos/broadcast/lab.h"

namespace bmc::broadcast {

using paxos::ReplicaSet;
using paxos::fastpath::Broadcast;
using paxos::fastpath::BroadcastProgram;

constexpr std::uint8_t kGroup = 5;

inline void send_to(int socket, std::string_view payload, const lab::Endpoint& to) {
  socklen_t length = 0;
  const auto address = to_sockaddr(to, length);
  lab::checked(
      sendto(socket, payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&address), length),
      "send to " + to.text());
}

inline lab::Fd bound_socket(const lab::Netns& netns, const lab::Endpoint& own) {
  const lab::ScopedNetns inside(netns);
  lab::Fd made(lab::checked(socket(own.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  socklen_t length = 0;
  const auto address = to_sockaddr(own, length);
  lab::checked(bind(made.get(), reinterpret_cast<const sockaddr*>(&address), length), "bind " + own.text());
  return made;
}

inline paxos::runtime::Endpoint endpoint_of(const lab::Endpoint& endpoint) {
  return {boost::asio::ip::make_address(endpoint.ip), endpoint.port};
}

struct Heard {
  std::string bytes;
  lab::Endpoint from;
};

struct BroadcastCase {
  bool v6 = false;
  LabOptions lab = {};
};

class BroadcastNetnsTest : public testing::Test {
 protected:
  void set_up(const BroadcastCase& test) {
    v6_ = test.v6;
    lab_.emplace(test.lab);
    auto loaded = BroadcastProgram::load();
    if (!loaded) throw lab::LabError(loaded.error().what);
    program_.emplace(*std::move(loaded));
    attach("eth0");
    socket_ = bound_socket(lab_->sender(), lab_->sender_address(v6_));
    for (std::size_t i = 0; i < lab_->receivers(); ++i)
      sockets_.push_back(bound_socket(lab_->receiver(i), lab_->address(i, v6_)));
    broadcast_.emplace(open(socket_.get(), kGroup, kPort));
  }

  void TearDown() override {
    broadcast_.reset();
    if (!program_) return;
    const lab::ScopedNetns inside(lab_->sender());
    program_.reset();
  }

  void attach(const std::string& interface) {
    const lab::ScopedNetns inside(lab_->sender());
    const auto attached = program_->attach(interface);
    if (!attached) throw lab::LabError(attached.error().what);
  }

  // Everyone's port is `port`.
  Broadcast open(int socket, std::uint8_t group, std::uint16_t port) {
    const lab::ScopedNetns inside(lab_->sender());
    std::vector<paxos::runtime::Endpoint> peers;
    for (std::size_t i = 0; i < lab_->receivers(); ++i)
      peers.push_back(endpoint_of(lab_->address(i, v6_, port)));
    auto opened = Broadcast::open({program_->reports(), program_->groups(), group, "eth0"}, socket, peers);
    if (!opened) throw lab::LabError(opened.error().what);
    return *std::move(opened);
  }

  ReplicaSet everyone() const { return static_cast<ReplicaSet>((1u << lab_->receivers()) - 1); }

  // That means these recipients.
  std::string group_ip(ReplicaSet to) const {
    char text[40];
    if (v6_)
      std::snprintf(text, sizeof(text), "ff05::7078:%x", to);
    else
      std::snprintf(text, sizeof(text), "239.112.%d.%d", to >> 8, to & 0xff);
    return text;
  }
  // One sendto() from a marked socket, by hand. Who got no copy; none: the program did not see it, and errno
  // is of the sendto().
  std::optional<ReplicaSet> ask(std::string_view payload, ReplicaSet to) {
    return ask(socket_.get(), kGroup, payload, to);
  }
  std::optional<ReplicaSet> ask(int socket, std::uint8_t group, std::string_view payload, ReplicaSet to) {
    const std::uint32_t mark = broadcast_mark(group), slot = group;
    lab::checked(setsockopt(socket, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), "mark");
    socklen_t length = 0;
    const auto address = lab::to_sockaddr({group_ip(to), ++token_}, length);
    const auto sent = sendto(socket, payload.data(), payload.size(), 0,
                             reinterpret_cast<const sockaddr*>(&address), length);
    const int error = errno;
    broadcast_report report{};
    lab::checked(bpf_map_lookup_elem(program_->reports(), &slot, &report), "read the report");
    errno = sent < 0 ? error : 0;
    if (broadcast_report_token(report.word) != token_) return std::nullopt;
    return broadcast_report_undelivered(report.word);
  }

  // In the ordinary way, which has the kernel find the neighbours.
  void send_ordinarily(std::string_view payload, ReplicaSet to, std::uint16_t port = kPort) {
    for (std::size_t i = 0; i < lab_->receivers(); ++i)
      if ((to >> i & 1) != 0) send_to(socket_.get(), payload, lab_->address(i, v6_, port));
  }

  // The kernel finds everyone's address.
  void get_to_know() {
    send_ordinarily("hello", everyone());
    for (std::size_t i = 0; i < lab_->receivers(); ++i) expect_heard(i, "hello");
  }

  std::optional<Heard> hear(int socket, lab::Deadline deadline = lab::Deadline::in_ms(5000)) {
    if (!lab::wait_fd(socket, POLLIN, deadline)) return std::nullopt;
    Heard heard{std::string(65536, '\0'), {}};
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    const auto bytes = lab::checked(recvfrom(socket, heard.bytes.data(), heard.bytes.size(), MSG_DONTWAIT,
                                             reinterpret_cast<sockaddr*>(&from), &length),
                                    "receive");
    heard.bytes.resize(static_cast<std::size_t>(bytes));
    heard.from = lab::from_sockaddr(from);
    return heard;
  }

  // The next datagram at a receiver is this one, from the sender's address and port.
  void expect_heard(std::size_t receiver, const std::string& payload) {
    const auto heard = hear(sockets_[receiver].get());
    ASSERT_TRUE(heard) << "receiver " << receiver << " hears nothing";
    EXPECT_EQ(heard->bytes, payload) << "receiver " << receiver;
    EXPECT_EQ(heard->from.text(), lab_->sender_address(v6_).text());
  }

  // Each of the set hears it once, the others nothing: what all hear next is an ordinary datagram that was
  // sent behind it.
  void expect_heard_once(ReplicaSet by, const std::string& payload) {
    const std::string fence = "fence " + std::to_string(++fences_);
    send_ordinarily(fence, everyone());
    for (std::size_t i = 0; i < lab_->receivers(); ++i) {
      if ((by >> i & 1) != 0) expect_heard(i, payload);
      expect_heard(i, fence);
    }
  }

  // Asks again and again until so many are undelivered: what was learned of a neighbour is used for a moment.
  bool eventually_undelivered(ReplicaSet wanted) {
    const bool happened =
        lab::eventually(lab::Deadline::in_ms(5000), [&] { return ask("again", everyone()) == wanted; });
    drain();
    return happened;
  }
  // Forgets what was received up to now.
  void drain() {
    const std::string fence = "fence " + std::to_string(++fences_);
    send_ordinarily(fence, everyone());
    for (const lab::Fd& socket : sockets_)
      while (const auto heard = hear(socket.get()))
        if (heard->bytes == fence) break;
  }

  bool v6_ = false;
  std::optional<Lab> lab_;
  std::optional<BroadcastProgram> program_;
  lab::Fd socket_;
  std::vector<lab::Fd> sockets_;
  std::optional<Broadcast> broadcast_;

 private:
  unsigned fences_ = 0;
  std::uint16_t token_ = 0x8000;
};

}  // namespace bmc::broadcast

#endif

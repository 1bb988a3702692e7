// SPDX-License-Identifier: Apache-2.0
// Broadcast and UdpTransport at work: whom they leave to ordinary datagrams and when, and that every message
// arrives once whatever the program does. Run by ctest, label netns.
#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <boost/asio/io_context.hpp>
#include <thread>

#include "apps/paxos/runtime/udp_transport.h"
#include "netns-tests/paxos/broadcast/tests/broadcast_fixture.h"

namespace bmc::broadcast {
namespace {

constexpr paxos::Micros kSecondUs = 1'000'000;

class SenderTest : public BroadcastNetnsTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override { set_up({GetParam(), {.receivers = 4}}); }

  void detach() {
    lab::run_checked({"tc", "-n", lab_->sender().name(), "filter", "del", "dev", "eth0", "egress"});
  }
  void expect_left(ReplicaSet to, paxos::Micros now, ReplicaSet left) {
    const auto sent = broadcast_->send("message", to, now);
    EXPECT_EQ(sent.error, 0);
    EXPECT_EQ(sent.left, left);
    send_ordinarily("message", sent.left);
    expect_heard_once(to, "message");
  }
};

INSTANTIATE_TEST_SUITE_P(Families, SenderTest, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(SenderTest, NeighboursAreKeptFresh) {
  expect_left(0xf, 1, 0xf);
  expect_left(0xf, 2, 0);
  expect_left(0x3, kSecondUs, 0);
  expect_left(0x3, kSecondUs + 1, 0x3);
  expect_left(0xf, kSecondUs + 2, 0xc);
  expect_left(0x7, 2 * kSecondUs + 1, 0x7);  // two are due, and one is not worth a broadcast
  EXPECT_EQ(broadcast_->counters().broadcasts, 3u);
  EXPECT_EQ(broadcast_->counters().copies, 8u);
}

TEST_P(SenderTest, OneRecipientIsSentToInTheOrdinaryWay) {
  expect_left(0xf, 1, 0xf);
  expect_left(0x4, 2, 0x4);
  expect_left(0, 3, 0);
  EXPECT_EQ(broadcast_->counters().broadcasts, 0u);
}

TEST_P(SenderTest, WithoutAProgramItPauses) {
  expect_left(0xf, 1, 0xf);
  detach();
  expect_left(0xf, 2, 0xf);
  EXPECT_EQ(broadcast_->counters().unanswered, 1u);
  expect_left(0xf, 3, 0xf);
  EXPECT_EQ(broadcast_->counters().unanswered, 1u) << "not asked again so soon";
  attach("eth0");
  expect_left(0xf, 50'000, 0xf);
  expect_left(0xf, 200'000, 0);
}

TEST_P(SenderTest, WhoIsUndeliveredIsLeft) {
  expect_left(0xf, 1, 0xf);
  lab_->ip("neigh replace " + lab_->address(1, v6_).ip + " dev eth0 nud failed");
  expect_left(0xf, 2, 0x2);
  expect_left(0xf, 3, 0);
  EXPECT_EQ(broadcast_->counters().undelivered, 1u);
}

TEST_P(SenderTest, WhatTheInterfaceDoesNotTakeIsLeft) {
  expect_left(0xf, 1, 0xf);
  lab_->ip("link set eth0 mtu 1300");
  const int discover = v6_ ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
  lab::checked(setsockopt(socket_.get(), v6_ ? IPPROTO_IPV6 : IPPROTO_IP,
                          v6_ ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &discover, sizeof(discover)),
               "forbid fragments");
  EXPECT_EQ(broadcast_->send(std::string(1400, 'l'), 0xf, 2).left, 0xf);
  EXPECT_EQ(broadcast_->counters().refused, 1u);
  expect_left(0xf, 3, 0);
}

TEST_P(SenderTest, NobodyWritesReports) {
  const std::uint32_t slot = kGroup;
  const broadcast_report lie{broadcast_report_word(1, 1, 0), {}};
  EXPECT_NE(bpf_map_update_elem(program_->reports(), &slot, &lie, BPF_ANY), 0);
  EXPECT_EQ(mmap(nullptr, 1024, PROT_READ | PROT_WRITE, MAP_SHARED, program_->reports(), 0), MAP_FAILED);
  void* const readable = mmap(nullptr, 1024, PROT_READ, MAP_SHARED, program_->reports(), 0);
  ASSERT_NE(readable, MAP_FAILED);
  EXPECT_NE(mprotect(readable, 1024, PROT_READ | PROT_WRITE), 0);
  munmap(readable, 1024);
}

TEST_P(SenderTest, MapsOfOthersAreNotTaken) {
  const auto opened =
      Broadcast::open({program_->groups(), program_->reports(), kGroup, "eth0"}, socket_.get(), {});
  ASSERT_FALSE(opened);
}

// Who marks the socket and writes the table, and who sends, are two: bmcd, and a replica that may do nothing.
TEST_P(SenderTest, WithoutPrivilegesOnceTheSocketIsMarked) {
  const auto port = static_cast<std::uint16_t>(kPort + 1);
  const lab::Fd marked = bound_socket(lab_->sender(), lab_->sender_address(v6_, port));
  const lab::Fd unmarked =
      bound_socket(lab_->sender(), lab_->sender_address(v6_, static_cast<std::uint16_t>(port + 1)));
  const Broadcast of_bmcd = open(marked.get(), kGroup + 1, kPort);
  send_ordinarily("hello", 0xf);
  for (std::size_t i = 0; i < lab_->receivers(); ++i) expect_heard(i, "hello");
  std::vector<paxos::runtime::Endpoint> peers;
  for (std::size_t i = 0; i < lab_->receivers(); ++i) peers.push_back(endpoint_of(lab_->address(i, v6_)));
  ReplicaSet left = 0xf;
  std::string refusal, problem;
  std::thread([&] {
    lab::checked(setns(lab_->sender().fd(), CLONE_NEWNET), "enter");
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    lab::checked(syscall(SYS_capset, &header, none), "give up all capabilities");
    const paxos::BroadcastOffload offload{program_->reports(), -1, kGroup + 1, "eth0"};
    auto opened = Broadcast::open(offload, marked.get(), peers);
    if (opened) {
      opened->send("first", 0xf, 1);
      left = opened->send("second", 0xf, 2).left;
    } else {
      problem = opened.error().what;
    }
    const auto refused = Broadcast::open(offload, unmarked.get(), peers);
    if (!refused) refusal = refused.error().what;
  }).join();
  ASSERT_EQ(left, 0) << problem;
  for (std::size_t i = 0; i < lab_->receivers(); ++i) {
    const auto heard = hear(sockets_[i].get());
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->bytes, "second");
    EXPECT_EQ(heard->from.port, port);
  }
  EXPECT_NE(refusal.find("CAP_NET_RAW"), std::string::npos) << refusal;
}

// The transport, whose recipients are plain sockets.
class TransportTest : public BroadcastNetnsTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    set_up({GetParam(), {.receivers = 4}});
    broadcast_.reset();
    socket_ = {};
    const lab::ScopedNetns inside(lab_->sender());
    paxos::runtime::UdpConfig config;
    config.bind = endpoint_of(lab_->sender_address(v6_));
    config.cluster_id = 1;
    config.datagram_bytes_max = 1400;
    paxos::runtime::UdpHandlers handlers;
    handlers.message = [](const auto&, std::string_view) {};
    handlers.done = [] {};
    const std::lock_guard lock(monitor_->mutex);
    auto opened =
        paxos::runtime::UdpTransport::open(context_.get_executor(), monitor_, config, std::move(handlers));
    ASSERT_TRUE(opened);
    transport_ = *std::move(opened);
    for (std::size_t i = 0; i < lab_->receivers(); ++i)
      replicas_.push_back(endpoint_of(lab_->address(i, v6_)));
  }
  void TearDown() override {
    {
      const std::lock_guard lock(monitor_->mutex);
      monitor_->closed = true;
      transport_.reset();
    }
    BroadcastNetnsTest::TearDown();
  }

  void offload() {
    const lab::ScopedNetns inside(lab_->sender());
    const auto offloaded =
        transport_->offload_broadcasts({program_->reports(), program_->groups(), kGroup, "eth0"}, replicas_);
    ASSERT_TRUE(offloaded) << offloaded.error().what;
  }
  // As the node does, between two ordinary messages to the first.
  void say(const std::string& text, ReplicaSet to) {
    const std::lock_guard lock(monitor_->mutex);
    const auto message = std::make_shared<const std::string>(text);
    transport_->send(replicas_[0], std::make_shared<const std::string>("before " + text));
    if (transport_->can_broadcast(*message)) {
      transport_->broadcast(to, message);
    } else {
      for (std::size_t i = 0; i < replicas_.size(); ++i)
        if ((to >> i & 1) != 0) transport_->send(replicas_[i], message);
    }
    transport_->send(replicas_[0], std::make_shared<const std::string>("behind " + text));
    transport_->flush();
  }
  void expect_said(const std::string& text, ReplicaSet to) {
    expect_heard(0, "before " + text);
    for (std::size_t i = 0; i < replicas_.size(); ++i)
      if ((to >> i & 1) != 0) expect_heard(i, text);
    expect_heard(0, "behind " + text);
  }

  boost::asio::io_context context_;
  std::shared_ptr<paxos::runtime::Monitor> monitor_ = std::make_shared<paxos::runtime::Monitor>();
  std::unique_ptr<paxos::runtime::UdpTransport> transport_;
  std::vector<paxos::runtime::Endpoint> replicas_;
};

INSTANTIATE_TEST_SUITE_P(Families, TransportTest, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(TransportTest, OffUnlessAskedFor) {
  EXPECT_FALSE(transport_->can_broadcast("x"));
  say("ordinary", 0xf);
  expect_said("ordinary", 0xf);
  EXPECT_EQ(transport_->counters().sent, 6u);
  EXPECT_EQ(program_->counter(BROADCAST_DONE), 0u);
}

TEST_P(TransportTest, EveryMessageOnceAndInOrder) {
  offload();
  for (int i = 0; i < 20; ++i) {
    const std::string text = "message " + std::to_string(i);
    say(text, i % 3 == 0 ? 0x7 : 0xf);
    expect_said(text, i % 3 == 0 ? 0x7 : 0xf);
  }
  EXPECT_GE(transport_->broadcast_counters().broadcasts, 15u);
  EXPECT_EQ(program_->counter(BROADCAST_DONE), transport_->broadcast_counters().broadcasts);
}

TEST_P(TransportTest, ThroughEverythingThatChanges) {
  offload();
  for (int i = 0; i < 40; ++i) {
    if (i == 5) lab_->ip("neigh flush dev eth0");
    if (i == 10)
      lab::run_checked({"tc", "-n", lab_->sender().name(), "filter", "del", "dev", "eth0", "egress"});
    if (i == 15) attach("eth0");
    if (i == 20) lab_->ip("neigh replace " + lab_->address(2, v6_).ip + " dev eth0 nud failed");
    if (i == 25) lab_->ip("link set eth0 mtu 1290");
    say("message " + std::to_string(i), 0xf);
    expect_said("message " + std::to_string(i), 0xf);
  }
}

}  // namespace
}  // namespace bmc::broadcast

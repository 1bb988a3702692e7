// SPDX-License-Identifier: Apache-2.0
// The connection to bmcd, over a real socket: what is asked, which answers are none, and what follows.
#include "apps/paxos/runtime/kernel_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "apps/paxos/runtime/tests/fake_bmcd.h"
#include "apps/paxos/runtime/tests/loop.h"
#include "apps/paxos/runtime/tests/temporary_directory.h"

namespace bmc::paxos::runtime {
namespace {

using std::chrono::milliseconds;

class KernelLinkTest : public testing::Test {
 protected:
  KernelLinkTest() {
    options_.replicas = {format_endpoint(own_), "127.0.0.1:7", "[::1]:8"};
    options_.kernel = {.socket = path_, .acknowledge = true, .quorum = true, .broadcast = false};
    udp_.open(own_.protocol());
    udp_.bind(own_);
  }
  ~KernelLinkTest() override {
    const std::lock_guard lock(monitor_->mutex);
    monitor_->closed = true;
    link_.reset();
  }
  void start() {
    const std::lock_guard lock(monitor_->mutex);
    KernelLink::Handlers handlers;
    handlers.granted = [this](KernelGrant grant) { grants_.push_back(std::move(grant)); };
    handlers.switched = [this](std::uint32_t offloads) { switches_.push_back(offloads); };
    handlers.log = [this](std::string_view sentence) { said_.emplace_back(sentence); };
    link_ = std::make_unique<KernelLink>(loop_.executor(), monitor_, path_, join_request_of(options_),
                                         std::move(handlers));
    link_->start(udp_.native_handle(), milliseconds(1000));
  }
  FakeAnswer good() {
    FakeMemory& memory = bmcd_->memory(own_.port());
    return {.reply = FakeBmcd::reply(PAXOS_OFFLOAD_ACK), .descriptors = {memory.group(), memory.doorbell()}};
  }
  // `answer` is none: a sentence with `words`, no grant, and a second attempt that succeeds.
  void expect_refused(const FakeAnswer& answer, const std::string& words) {
    bmcd_->answer_next(answer);
    start();
    ASSERT_TRUE(loop_.run_until([&] { return !said_.empty(); })) << words;
    EXPECT_NE(said_[0].find(words), std::string::npos) << said_[0];
    EXPECT_TRUE(grants_.empty()) << words;
    EXPECT_FALSE(link_->is_granted());
    ASSERT_TRUE(loop_.run_until([&] { return !grants_.empty(); })) << words;
    EXPECT_EQ(said_.size(), 1u);
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/paxos.sock";
  const Endpoint own_ = free_endpoint();
  Options options_;
  Loop loop_;
  boost::asio::ip::udp::socket udp_{loop_.context()};
  std::optional<FakeBmcd> bmcd_{path_};
  std::shared_ptr<Monitor> monitor_ = std::make_shared<Monitor>();
  std::vector<KernelGrant> grants_;
  std::vector<std::uint32_t> switches_;
  std::vector<std::string> said_;
  std::unique_ptr<KernelLink> link_;
};

TEST_F(KernelLinkTest, AsksAsItIsAndIsGranted) {
  start();
  ASSERT_EQ(grants_.size(), 1u) << "while it waited";
  EXPECT_EQ(grants_[0].offloads, PAXOS_OFFLOAD_ACK | PAXOS_OFFLOAD_QUORUM);
  EXPECT_FALSE(grants_[0].reports);
  EXPECT_TRUE(KernelMemory::map(grants_[0].group.get(), grants_[0].doorbell.get()));
  const auto requests = bmcd_->requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].socket_port, own_.port());
  const paxos_join_request& request = requests[0].request;
  EXPECT_EQ(request.magic, PAXOS_JOIN_MAGIC);
  EXPECT_EQ(request.version, PAXOS_JOIN_VERSION);
  EXPECT_EQ(request.self, 0);
  EXPECT_EQ(request.replica_count, 3);
  EXPECT_EQ(request.replica[0].addr_be[2], htonl(0xffff));
  EXPECT_EQ(request.replica[0].addr_be[3], htonl(0x7f000001));
  EXPECT_EQ(request.replica[0].port_be, htons(own_.port()));
  EXPECT_EQ(request.replica[2].addr_be[3], htonl(1));
  EXPECT_EQ(request.replica[3].port_be, 0);
}

TEST_F(KernelLinkTest, FollowsWhatItIsTold) {
  start();
  bmcd_->tell(PAXOS_OFFLOAD_QUORUM);
  bmcd_->tell(0);
  ASSERT_TRUE(loop_.run_until([&] { return switches_.size() == 2; }));
  EXPECT_EQ(switches_, (std::vector<std::uint32_t>{PAXOS_OFFLOAD_QUORUM, 0}));
}

TEST_F(KernelLinkTest, AnEndedConnectionIsMadeAnew) {
  start();
  bmcd_->hang_up();
  ASSERT_TRUE(loop_.run_until([&] { return grants_.size() == 2; }));
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_NE(said_[0].find("ended the connection"), std::string::npos) << said_[0];
  EXPECT_EQ(link_->counters().lost, 1u);
  EXPECT_EQ(link_->counters().granted, 2u);
}

TEST_F(KernelLinkTest, NonsenseBehindAGrantEndsTheConnection) {
  start();
  bmcd_->tell(std::string(7, 'x'));
  ASSERT_TRUE(loop_.run_until([&] { return grants_.size() == 2; }));
  EXPECT_TRUE(switches_.empty());
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(KernelLinkTest, WhereNobodyIsItIsToldOnceAndAskedAgain) {
  bmcd_.reset();
  start();
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_NE(said_[0].find("cannot reach bmcd at " + path_), std::string::npos) << said_[0];
  bmcd_.emplace(path_);
  ASSERT_TRUE(loop_.run_until([&] { return grants_.size() == 1; }));
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(KernelLinkTest, RefusalsSayWhy) {
  FakeAnswer answer{.reply = FakeBmcd::reply(0), .descriptors = {}, .hangs_up = true};
  answer.reply.error = EACCES;
  std::strcpy(answer.reply.text, "uid 1000 may not use port 7400: add paxos-allow");
  expect_refused(answer, "uid 1000 may not use port 7400: add paxos-allow");
  EXPECT_EQ(link_->counters().refused, 1u);
}

TEST_F(KernelLinkTest, ARefusalWithoutEndOfText) {
  FakeAnswer answer{.reply = FakeBmcd::reply(0), .descriptors = {}};
  answer.reply.error = EPERM;
  std::memset(answer.reply.text, 'x', sizeof(answer.reply.text));
  expect_refused(answer, std::string(sizeof(answer.reply.text), 'x'));
}

TEST_F(KernelLinkTest, HangsUpInPlaceOfAnAnswer) {
  expect_refused({.reply = {}, .bytes = 0, .descriptors = {}, .hangs_up = true}, "ended the connection");
}

TEST_F(KernelLinkTest, AShortAnswer) {
  FakeAnswer answer = good();
  answer.bytes = sizeof(answer.reply) - 1;
  expect_refused(answer, "263 bytes");
}

TEST_F(KernelLinkTest, ALongAnswer) {
  FakeAnswer answer = good();
  answer.bytes = 4000;
  expect_refused(answer, "another version");
}

TEST_F(KernelLinkTest, AnotherMagic) {
  FakeAnswer answer = good();
  answer.reply.magic++;
  expect_refused(answer, "of one release");
}

TEST_F(KernelLinkTest, AnotherVersion) {
  FakeAnswer answer = good();
  answer.reply.version++;
  expect_refused(answer, "bmcd speaks version 2");
}

TEST_F(KernelLinkTest, AnotherVersionOfTheMemory) {
  FakeAnswer answer = good();
  answer.reply.fast_abi_version++;
  expect_refused(answer, "version 2 of the shared memory");
}

TEST_F(KernelLinkTest, ADescriptorIsMissing) {
  FakeAnswer answer = good();
  answer.descriptors.pop_back();
  expect_refused(answer, "1 descriptors, not 2");
}

TEST_F(KernelLinkTest, ReportsAreMissing) {
  FakeAnswer answer = good();
  answer.reply.broadcast_group = 3;
  expect_refused(answer, "2 descriptors, not 3");
}

TEST_F(KernelLinkTest, MoreDescriptorsThanThereCanBe) {
  FakeAnswer answer = good();
  answer.descriptors.assign(30, answer.descriptors[0]);
  expect_refused(answer, "another version");
}

// The rest is as good as ever.
TEST_F(KernelLinkTest, BroadcastsOfAnotherVersionAreLeftOut) {
  for (const bool same : {false, true}) {
    FakeAnswer answer = good();
    answer.reply.broadcast_group = 3;
    answer.reply.broadcast_abi_version = static_cast<__u16>(BROADCAST_ABI_VERSION + (same ? 0 : 1));
    answer.descriptors.push_back(answer.descriptors[0]);
    bmcd_->answer_next(answer);
  }
  start();
  ASSERT_EQ(grants_.size(), 1u);
  EXPECT_FALSE(grants_[0].reports);
  bmcd_->hang_up();
  ASSERT_TRUE(loop_.run_until([&] { return grants_.size() == 2; }));
  EXPECT_TRUE(grants_[1].reports);
  EXPECT_EQ(grants_[1].broadcast_group, 3);
}

// ---- Memory
// ------------------------------------------------------------------------------------------------

TEST(KernelMemoryTest, WhatIsTooSmallIsNotMapped) {
  const FakeMemory memory;
  EXPECT_TRUE(KernelMemory::map(memory.group(), memory.doorbell()));
  const auto swapped = KernelMemory::map(memory.doorbell(), memory.group());
  ASSERT_FALSE(swapped);
  EXPECT_EQ(swapped.error().what, "the memory of the group is too small");
  ASSERT_EQ(::ftruncate(memory.doorbell(), 2 * 4096), 0);
  EXPECT_FALSE(KernelMemory::map(memory.group(), memory.doorbell()));
  EXPECT_FALSE(KernelMemory::map(-1, memory.doorbell()));
}

// Records of the kernel: a length with two bits of state, 8 bytes of header, rounded up to 8.
TEST(KernelMemoryTest, TheDoorbellIsReadUpToWhatIsBeingWritten) {
  const FakeMemory memory;
  const auto mapped = KernelMemory::map(memory.group(), memory.doorbell());
  ASSERT_TRUE(mapped);
  memory.record(0) = sizeof(paxos_doorbell);
  memory.record(24) = sizeof(paxos_doorbell) | 1u << 30;  // discarded
  memory.record(48) = sizeof(paxos_doorbell) | 1u << 31;  // being written
  memory.producer() = 72;
  (*mapped)->silence();
  EXPECT_EQ(memory.consumer(), 48u);
  memory.record(48) = sizeof(paxos_doorbell);
  (*mapped)->silence();
  EXPECT_EQ(memory.consumer(), 72u);
}

TEST(KernelMemoryTest, TheDoorbellGoesRound) {
  const FakeMemory memory;
  const auto mapped = KernelMemory::map(memory.group(), memory.doorbell());
  ASSERT_TRUE(mapped);
  memory.consumer() = 3 * 4096 - 24;
  memory.record(4096 - 24) = sizeof(paxos_doorbell);
  memory.record(0) = sizeof(paxos_doorbell);
  memory.producer() = 3 * 4096 + 24;
  (*mapped)->silence();
  EXPECT_EQ(memory.consumer(), 3u * 4096 + 24);
}

}  // namespace
}  // namespace bmc::paxos::runtime

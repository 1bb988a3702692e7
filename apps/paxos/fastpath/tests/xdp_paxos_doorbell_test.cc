// SPDX-License-Identifier: Apache-2.0
// The doorbell as a replica's process has it: mapped without bpf(), waited for with epoll, rung by the
// program.
#include <netinet/in.h>  // before process_world.h, which takes the kernel's header of the same things
#include <poll.h>
#include <sys/epoll.h>

#include "apps/paxos/fastpath/process_world.h"
#include "apps/paxos/fastpath/tests/xdp_paxos_fixture.h"
#include "apps/paxos/runtime/kernel_memory.h"
#include "control-plane/fd.h"

namespace bmc::paxos::test {
namespace {

class XdpPaxosDoorbell : public XdpPaxos {
 protected:
  void SetUp() override {
    XdpPaxos::SetUp();
    auto mapped = runtime::KernelMemory::map(group().fd(), group().ring_fd());
    ASSERT_TRUE(mapped) << mapped.error().what;
    memory_ = *std::move(mapped);
    epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event wanted{.events = EPOLLIN | EPOLLET, .data = {}};
    ASSERT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, group().ring_fd(), &wanted), 0);
  }
  // As the runtime does: level on being asked anew, edge afterwards.
  bool has_rung() {
    epoll_event wanted{.events = EPOLLIN | EPOLLET, .data = {}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, group().ring_fd(), &wanted);
    epoll_event event{};
    return ::epoll_wait(epoll_.get(), &event, 1, 0) == 1;
  }

  std::unique_ptr<runtime::KernelMemory> memory_;
  Fd epoll_;
};

TEST_F(XdpPaxosDoorbell, RingsForWhoSleepsAndIsSilenced) {
  ASSERT_TRUE(gate.arm(term()));
  EXPECT_FALSE(has_rung());
  Op op = kBase;
  for (int round = 0; round < 500; ++round) {  // the ring goes round twice
    ASSERT_TRUE(gate.may_sleep());
    EXPECT_FALSE(has_rung());
    run(to_backup(prepare(++op)));
    ASSERT_TRUE(has_rung()) << round;
    memory_->silence();
    EXPECT_FALSE(has_rung());
    EXPECT_FALSE(gate.may_sleep()) << "there is something to take";
    ASSERT_EQ(gate.take().size(), 1u);
  }
  // Who does not sleep is not woken.
  run(to_backup(prepare(++op)));
  EXPECT_FALSE(has_rung());
}

// Also who was about to sleep, and does something else; what was accepted meanwhile it finds by looking.
TEST_F(XdpPaxosDoorbell, WhoIsAwakeIsNotRungForAndFindsItByLooking) {
  ASSERT_TRUE(gate.arm(term()));
  Op op = kBase;
  for (int round = 0; round < 100; ++round) {
    ASSERT_TRUE(gate.may_sleep());
    world_stay_awake(memory_->world());
    run(to_backup(prepare(++op)));
    EXPECT_FALSE(has_rung()) << round;
    EXPECT_FALSE(gate.may_sleep()) << "there is something to take";
    ASSERT_EQ(gate.take().size(), 1u);
    ASSERT_TRUE(gate.may_sleep());
    run(to_backup(prepare(++op)));
    ASSERT_TRUE(has_rung()) << round;
    memory_->silence();
    ASSERT_EQ(gate.take().size(), 1u);
  }
}

TEST_F(XdpPaxosDoorbell, TheGroupIsTheSameMemory) {
  ASSERT_TRUE(gate.arm(term()));
  run(to_backup(prepare(kBase + 1)));
  EXPECT_EQ(PAXOS_REL(memory_->world().cells->gate), 1u);
  EXPECT_EQ(BackupGate(memory_->world()).freeze().size(), 1u);
  EXPECT_EQ(group().cells().gate & PAXOS_ARMED, 0u);
}

// A map that is smaller, or none: the kernel says so.
TEST_F(XdpPaxosDoorbell, OtherDescriptorsAreRefused) {
  EXPECT_FALSE(runtime::KernelMemory::map(group().ring_fd(), group().ring_fd()));
  EXPECT_FALSE(runtime::KernelMemory::map(epoll_.get(), group().ring_fd()));
}

}  // namespace
}  // namespace bmc::paxos::test

// SPDX-License-Identifier: Apache-2.0
// What changes under a sender: neighbours come, go and move, paths shrink, the program is taken off. Whoever
// gets no copy is told of, and gets the message in the ordinary way. Run by ctest, label netns.
#include "netns-tests/paxos/broadcast/tests/broadcast_fixture.h"

namespace bmc::broadcast {
namespace {

class ChangesTest : public BroadcastNetnsTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override { set_up({GetParam(), {.receivers = 4}}); }

  std::string family() const { return v6_ ? "-6 " : "-4 "; }
  std::string ip_of(std::size_t receiver) const { return lab_->address(receiver, v6_).ip; }

  // As a sender does it.
  void deliver(const std::string& payload) {
    const auto undelivered = ask(payload, everyone());
    ASSERT_TRUE(undelivered);
    send_ordinarily(payload, *undelivered);
    for (std::size_t i = 0; i < lab_->receivers(); ++i) expect_heard(i, payload);
    expect_heard_once(0, payload);
  }
};

INSTANTIATE_TEST_SUITE_P(Families, ChangesTest, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(ChangesTest, NeighboursNotYetKnown) {
  EXPECT_EQ(ask("first", everyone()), everyone());
  expect_heard_once(0, "first");  // and the fences find them
  EXPECT_EQ(ask("second", everyone()), 0);
  expect_heard_once(everyone(), "second");
}

TEST_P(ChangesTest, NeighboursForgotten) {
  get_to_know();
  EXPECT_EQ(ask("known", everyone()), 0);
  expect_heard_once(everyone(), "known");
  // One alone, then all.
  lab_->ip(family() + "neigh del " + ip_of(2) + " dev eth0");
  EXPECT_TRUE(lab::eventually(lab::Deadline::in_ms(5000), [&] { return ask("gone", 0x4) == 0x4; }));
  drain();
  EXPECT_TRUE(eventually_undelivered(0));
  lab_->ip(family() + "neigh flush dev eth0");
  EXPECT_TRUE(
      lab::eventually(lab::Deadline::in_ms(5000), [&] { return ask("gone", everyone()) == everyone(); }));
  drain();
  deliver("known again");
  EXPECT_TRUE(eventually_undelivered(0));
}

// The receiver's interface has another address now, and the sender's table says so.
TEST_P(ChangesTest, NeighbourMoves) {
  get_to_know();
  deliver("before");
  lab::run_checked(
      {"ip", "-n", lab_->receiver(1).name(), "link", "set", "eth0", "address", "02:bc:00:97:01:01"});
  lab_->ip("neigh replace " + ip_of(1) + " lladdr 02:bc:00:97:01:01 dev eth0 nud reachable");
  const bool reached = lab::eventually(lab::Deadline::in_ms(5000), [&] {
    EXPECT_EQ(ask("after", everyone()), 0) << "it has an address all the time";
    return hear(sockets_[1].get(), lab::Deadline::in_ms(20)).has_value();
  });
  EXPECT_TRUE(reached);
  drain();
  deliver("at last");
}

// The path to one of them takes less: it gets small copies, and large messages in the ordinary way, in
// fragments.
TEST_P(ChangesTest, OnePathShrinks) {
  get_to_know();
  const std::string large(1400, 'l');
  deliver(large);
  lab_->ip(family() + "route add " + ip_of(3) + " dev eth0 mtu lock 1300");
  // A sender that forbids fragments hears EMSGSIZE and makes smaller datagrams; this one allows them.
  EXPECT_TRUE(lab::eventually(lab::Deadline::in_ms(5000), [&] { return ask(large, everyone()) == 0x8; }));
  drain();
  deliver(large);
  EXPECT_EQ(ask("small", everyone()), 0);
  expect_heard_once(everyone(), "small");
  lab_->ip(family() + "route del " + ip_of(3) + " dev eth0");
  EXPECT_TRUE(lab::eventually(lab::Deadline::in_ms(5000), [&] { return ask(large, everyone()) == 0; }));
}

TEST_P(ChangesTest, TheInterfaceShrinks) {
  get_to_know();
  lab_->ip("link set eth0 mtu 1300");
  const std::string large(1400, 'l');
  const int discover = v6_ ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
  lab::checked(setsockopt(socket_.get(), v6_ ? IPPROTO_IPV6 : IPPROTO_IP,
                          v6_ ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &discover, sizeof(discover)),
               "forbid fragments");
  EXPECT_EQ(ask(large, everyone()), std::nullopt);
  EXPECT_EQ(errno, EMSGSIZE);
  expect_heard_once(0, large);
  EXPECT_EQ(ask("small", everyone()), 0);
  expect_heard_once(everyone(), "small");
}

TEST_P(ChangesTest, TheProgramIsTakenOffAndComesBack) {
  get_to_know();
  lab::run_checked({"tc", "-n", lab_->sender().name(), "filter", "del", "dev", "eth0", "egress"});
  EXPECT_EQ(ask("to the void", everyone()), std::nullopt);
  expect_heard_once(0, "to the void");
  attach("eth0");
  EXPECT_EQ(ask("back", everyone()), 0);
  expect_heard_once(everyone(), "back");
}

TEST_P(ChangesTest, ADisabledGroupSendsNothing) {
  get_to_know();
  broadcast_.reset();
  EXPECT_EQ(ask("to the void", everyone()), std::nullopt);
  expect_heard_once(0, "to the void");
}

}  // namespace
}  // namespace bmc::broadcast

// SPDX-License-Identifier: Apache-2.0
// Recipients that cannot be reached: they are told of, get nothing, and the others get theirs.
#include <gtest/gtest.h>

#include <chrono>

#include "apps/paxos/fastpath/tests/broadcast_fixture.h"

namespace bmc::paxos::fastpath {
namespace {

const std::string kPayload = "a message to all";

// Recipients 0 and 2 are reachable, 1 is what the test makes of it.
class BroadcastReachTest : public BroadcastTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    BroadcastTest::SetUp();
    for (const unsigned i : {0u, 2u}) add_peer(i, v6());
  }
  static bool v6() { return GetParam(); }
  static std::string family() { return v6() ? "-6 " : "-4 "; }

  void expect_unreached(broadcast_counter reason) {
    const auto outcome = run(asking(kPayload, 7, v6()), kMark);
    EXPECT_EQ(outcome.counted, (Counted{{BROADCAST_DONE, 1}, {BROADCAST_COPY_SENT, 2}, {reason, 1}}));
    EXPECT_EQ(outcome.undelivered, 2);
    EXPECT_EQ(outcome.frame, copy(2, kPayload, v6()));
    EXPECT_EQ(outcome.copies, (std::vector<Bytes>{copy(0, kPayload, v6())}));
    const auto alone = run(asking(kPayload, 2, v6()), kMark);
    EXPECT_EQ(alone.verdict, static_cast<std::uint32_t>(TC_ACT_SHOT));
    EXPECT_EQ(alone.undelivered, 2);
    EXPECT_TRUE(alone.copies.empty());
  }
  void expect_all_reached(const Mac& mac = peer_mac(1)) {
    const auto outcome = run(asking(kPayload, 7, v6()), kMark);
    EXPECT_EQ(outcome.undelivered, 0);
    ASSERT_EQ(outcome.copies.size(), 2u);
    Bytes wanted = copy(1, kPayload, v6());
    std::copy(mac.begin(), mac.end(), wanted.begin());
    EXPECT_EQ(outcome.copies[1], wanted);
  }
};

INSTANTIATE_TEST_SUITE_P(Families, BroadcastReachTest, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

TEST_P(BroadcastReachTest, NotInTheTable) { expect_unreached(BROADCAST_COPY_NO_PEER); }

TEST_P(BroadcastReachTest, BeingWritten) {
  add_peer(1, v6(), 1);
  expect_unreached(BROADCAST_COPY_NO_PEER);
  add_peer(1, v6());
  expect_all_reached();
}

TEST_P(BroadcastReachTest, OfTheOtherFamily) {
  add_peer(1, !v6());
  expect_unreached(BROADCAST_COPY_FAMILY);
}

TEST_P(BroadcastReachTest, NeighbourUnknown) {
  add_stranger(1, peer_ip(1, v6()));
  expect_unreached(BROADCAST_COPY_NO_NEIGHBOUR);
  know_neighbour(1, v6());
  expect_all_reached();
}

// Its address was known once, and is not valid any more.
TEST_P(BroadcastReachTest, NeighbourFailed) {
  add_peer(1, v6());
  ip("neigh replace " + peer_ip(1, v6()) + " dev out nud failed");
  expect_unreached(BROADCAST_COPY_NO_NEIGHBOUR);
  know_neighbour(1, v6());
  expect_all_reached();
}

TEST_P(BroadcastReachTest, NeighbourBeingResolved) {
  add_stranger(1, peer_ip(1, v6()));
  ip("neigh replace " + peer_ip(1, v6()) + " dev out nud incomplete");
  expect_unreached(BROADCAST_COPY_NO_NEIGHBOUR);
}

// What was learned is used for a moment, then the new address is seen.
TEST_P(BroadcastReachTest, NeighbourMoves) {
  add_peer(1, v6());
  expect_all_reached();
  const Mac moved{2, 0, 0, 0, 3, 1};
  know_neighbour(1, v6(), moved);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  const auto mac_now = [&] {
    const auto outcome = run(asking(kPayload, 7, v6()), kMark);
    return outcome.copies.size() == 2 ? Mac{outcome.copies[1][0], outcome.copies[1][1], outcome.copies[1][2],
                                            outcome.copies[1][3], outcome.copies[1][4], outcome.copies[1][5]}
                                      : Mac{};
  };
  while (mac_now() != moved && std::chrono::steady_clock::now() < deadline) {
  }
  expect_all_reached(moved);
}

TEST_P(BroadcastReachTest, NoRoute) {
  const std::string address = v6() ? "fd98::1" : "10.96.0.1";
  add_stranger(1, address);
  expect_unreached(BROADCAST_COPY_NO_ROUTE);
  ip(family() + "route add blackhole " + address);
  expect_unreached(BROADCAST_COPY_NO_ROUTE);
  ip(family() + "route del blackhole " + address);
}

TEST_P(BroadcastReachTest, ThisHostItself) {
  add_stranger(1, v6() ? "fd97::1" : "10.97.0.1");
  expect_unreached(BROADCAST_COPY_NO_ROUTE);
}

// The path takes exactly so much, and one byte less.
TEST_P(BroadcastReachTest, TooLargeForItsPath) {
  const std::string address = v6() ? "fd98::1" : "10.96.0.1";
  know_neighbour(1, v6());
  const auto route = [&](std::size_t mtu) {
    ip(family() + "route replace " + address + " via " + peer_ip(1, v6()) + " dev out mtu lock " +
       std::to_string(mtu));
  };
  // IPv6 knows no smaller ones.
  const std::string payload(1300, 'm');
  const std::size_t bytes = payload.size() + 8 + (v6() ? 40 : 20);
  route(bytes);
  add_stranger(1, address);
  auto outcome = run(asking(payload, 7, v6()), kMark);
  EXPECT_EQ(outcome.undelivered, 0);
  EXPECT_EQ(outcome.counted[BROADCAST_COPY_SENT], 3u);
  outcome = run(asking(payload + "m", 7, v6()), kMark);
  EXPECT_EQ(outcome.undelivered, 2) << "by the MTU that was learned with the route";
  EXPECT_EQ(outcome.counted[BROADCAST_COPY_TOO_LARGE], 1u);
  route(bytes - 1);
  add_stranger(1, address);
  outcome = run(asking(payload, 7, v6()), kMark);
  EXPECT_EQ(outcome.undelivered, 2);
  EXPECT_EQ(outcome.counted[BROADCAST_COPY_TOO_LARGE], 1u);
  EXPECT_EQ(outcome.counted[BROADCAST_COPY_SENT], 2u);
  ip(family() + "route del " + address);
}

TEST_P(BroadcastReachTest, LookupsAreNotAllowed) {
  set_forwarding(false);
  // Their routes may have been learned by an earlier test.
  for (const unsigned i : {0u, 1u, 2u}) add_peer(i, v6());
  const auto outcome = run(asking(kPayload, 7, v6()), kMark);
  EXPECT_EQ(outcome.verdict, static_cast<std::uint32_t>(TC_ACT_SHOT));
  EXPECT_EQ(outcome.counted, (Counted{{BROADCAST_DONE, 1}, {BROADCAST_COPY_NO_FORWARDING, 3}}));
  EXPECT_EQ(outcome.undelivered, 7);
  set_forwarding(true);
  expect_all_reached();
}

// One recipient is behind another interface: as a copy, and as the last, which is the packet itself.
TEST_P(BroadcastReachTest, ThroughAnotherInterface) {
  make_interface("out2", "far2");
  const std::string address = v6() ? "fd98::1" : "10.96.0.1";
  ip(family() + "route add " + address + " dev out2");
  ip("neigh replace " + address + " lladdr 02:00:00:00:02:01 dev out2 nud permanent");
  add_stranger(1, address);
  close(far_);
  listen_at("far2");
  auto outcome = run(asking(kPayload, 3, v6()), kMark, 0, 0);
  EXPECT_EQ(outcome.verdict, static_cast<std::uint32_t>(TC_ACT_REDIRECT))
      << "the last goes out of another interface";
  EXPECT_EQ(outcome.undelivered, 0);
  outcome = run(asking(kPayload, 6, v6()), kMark);
  EXPECT_EQ(outcome.verdict, static_cast<std::uint32_t>(TC_ACT_UNSPEC));
  EXPECT_EQ(outcome.frame, copy(2, kPayload, v6()));
  EXPECT_EQ(outcome.undelivered, 0);
  ASSERT_EQ(outcome.copies.size(), 1u);
  auto to4 = ipv4();
  to4.to = address, to4.ttl = 64;
  auto to6 = ipv6();
  to6.to = address, to6.hop_limit = 64;
  const Ethernet outer{.to = peer_mac(1), .from = kOwnMac};
  const UDP inner{.from = kReplicaPort, .to = peer_port(1)};
  EXPECT_EQ(outcome.copies[0],
            v6() ? frame(outer / to6 / inner / Text{kPayload}) : frame(outer / to4 / inner / Text{kPayload}));
  ip("link del out2");
}

// An interface that is down takes nothing; what was learned of it is not believed for long.
TEST_P(BroadcastReachTest, TheInterfaceVanishes) {
  make_interface("out2", "far2");
  const std::string address = v6() ? "fd98::1" : "10.96.0.1";
  ip(family() + "route add " + address + " dev out2");
  ip("neigh replace " + address + " lladdr 02:00:00:00:02:01 dev out2 nud permanent");
  add_stranger(1, address);
  EXPECT_EQ(run(asking(kPayload, 6, v6()), kMark, 0, 0).undelivered, 0);
  ip("link del out2");
  const auto outcome = run(asking(kPayload, 6, v6()), kMark);
  EXPECT_EQ(outcome.undelivered, 2) << "learned, and no longer there";
  EXPECT_EQ(outcome.frame, copy(2, kPayload, v6()));
}

}  // namespace
}  // namespace bmc::paxos::fastpath

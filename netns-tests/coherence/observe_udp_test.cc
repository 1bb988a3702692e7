// SPDX-License-Identifier: Apache-2.0
// UDP datagrams: writes are in flight until their own reply or the audit, gets take leases, and a reply
// under a reused request id never ends another request's write.
#include <gtest/gtest.h>

#include "netns-tests/coherence/observed_server.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::lab {
namespace {

using Guard = Observer::Guard;

Deadline soon() { return Deadline::in_ms(10'000); }

class ObserveUdp : public testing::TestWithParam<bool> {
 protected:
  // Waits until the programs have seen one more datagram of `kind`.
  void send_seen(uint16_t id, const std::string& payload, enum cache_counter kind) {
    const uint64_t before = observer_.counter(kind);
    ASSERT_TRUE(client_.send(id, payload));
    ASSERT_TRUE(eventually(soon(), [&] { return observer_.counter(kind) > before; })) << payload;
  }

  Lab lab_;
  Memcached memcached_{lab_.server()};
  Observer observer_{lab_.server()};
  UdpClient client_{lab_.client(), lab_.link().server(GetParam())};
};

TEST_P(ObserveUdp, AWriteIsInFlightUntilItsReply) {
  const Guard before = observer_.key("k");
  memcached_.freeze();
  send_seen(7, "set k 0 0 1\r\nx\r\n", CACHE_WRITE_KEY);
  EXPECT_EQ(observer_.key("k"), (Guard{before.generation + 1, 1}));
  EXPECT_EQ(observer_.udp_writes_pending(), 1u);
  memcached_.thaw();
  const auto reply = client_.receive(soon());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->payload, "STORED\r\n");
  EXPECT_EQ(observer_.key("k"), (Guard{before.generation + 1, 0}));
  EXPECT_EQ(observer_.udp_writes_pending(), 0u);
}

TEST_P(ObserveUdp, AnotherReplyUnderTheSameIdEndsNothing) {
  memcached_.freeze();
  send_seen(7, "set k 0 0 1 noreply\r\nx\r\n", CACHE_WRITE_KEY);
  send_seen(7, "get other\r\n", CACHE_LEASE_GRANTED);
  memcached_.thaw();
  ASSERT_TRUE(client_.receive(soon()));
  EXPECT_EQ(observer_.key("k").in_flight, 1u) << "only the audit ends a noreply write";
  sweep_call call = {};
  call.operation = SWEEP_UDP_WRITE;
  EXPECT_EQ(observer_.sweep(call).found, 0u) << "no such datagram";
  EXPECT_EQ(observer_.key("k").in_flight, 1u);
}

TEST_P(ObserveUdp, TheSameIdTwiceHoldsEverythingUntilTheAudit) {
  memcached_.freeze();
  send_seen(7, "set a 0 0 1\r\nx\r\n", CACHE_WRITE_KEY);
  send_seen(7, "set b 0 0 1\r\nx\r\n", CACHE_LOST_UNTRACKED);
  EXPECT_EQ(observer_.global().in_flight, 1u);
  memcached_.thaw();
  ASSERT_TRUE(client_.receive(soon()));
  ASSERT_TRUE(client_.receive(soon()));
  EXPECT_EQ(observer_.global().in_flight, 1u);
  EXPECT_EQ(observer_.server().untracked, 1u);
  sweep_call call = {};
  call.operation = SWEEP_UNTRACKED;
  call.cookie = 1;
  EXPECT_EQ(observer_.sweep(call).released, 1u);
  EXPECT_EQ(observer_.global().in_flight, 0u);
}

TEST_P(ObserveUdp, SeveralWritesOrAnUnfinishedOneHoldEverything) {
  for (const char* payload :
       {"set a 0 0 1\r\nx\r\nset b 0 0 1\r\ny\r\n", "set a 0 0 100\r\nx\r\n", "junk\r\n"}) {
    SCOPED_TRACE(payload);
    const Guard before = observer_.global();
    memcached_.freeze();
    const uint64_t seen = observer_.counter(CACHE_LEASE_NOT_GET);
    ASSERT_TRUE(client_.send(client_.next_id(), payload));
    EXPECT_TRUE(eventually(soon(), [&] { return observer_.global().generation == before.generation + 1; }));
    EXPECT_GT(observer_.global().in_flight, before.in_flight);
    EXPECT_GE(observer_.counter(CACHE_LEASE_NOT_GET), seen);
    memcached_.thaw();
    ASSERT_TRUE(client_.receive(soon()));
  }
}

TEST_P(ObserveUdp, AGetTakesALeaseUnlessAWriteIsInFlight) {
  memcached_.freeze();
  send_seen(3, "get k\r\n", CACHE_LEASE_GRANTED);
  const lease granted = observer_.lease_of(client_.local(), 3);
  EXPECT_NE(granted.tag, 0u);
  EXPECT_NE(granted.key_hash, 0u);
  send_seen(4, "set k 0 0 1\r\nx\r\n", CACHE_WRITE_KEY);
  send_seen(5, "get k\r\n", CACHE_LEASE_IN_FLIGHT);
  EXPECT_EQ(observer_.lease_of(client_.local(), 5).key_hash, 0u);
  send_seen(6, "flush_all\r\n", CACHE_WRITE_GLOBAL);
  send_seen(8, "get other\r\n", CACHE_LEASE_HELD);
  send_seen(9, "get k k\r\n", CACHE_LEASE_NOT_GET);
  memcached_.thaw();
}

// The first get may still be answered with what was there before the write: no lease for the second.
TEST_P(ObserveUdp, AReusedIdGetsNoLeaseAfterAWriteWhileTheOlderGetIsUnanswered) {
  memcached_.freeze();
  send_seen(3, "get k\r\n", CACHE_LEASE_GRANTED);
  send_seen(3, "get k\r\n", CACHE_LEASE_GRANTED);  // no write between them: harmless
  send_seen(4, "delete k\r\n", CACHE_WRITE_KEY);
  memcached_.thaw();
  ASSERT_TRUE(eventually(soon(), [&] { return observer_.key("k").in_flight == 0; }));
  memcached_.freeze();
  send_seen(12, "get k\r\n", CACHE_LEASE_GRANTED);
  send_seen(12, "get k\r\n", CACHE_LEASE_AMBIGUOUS);
  EXPECT_EQ(observer_.lease_of(client_.local(), 12).key_hash, 0u);
  observer_.server().barrier_done_ns = static_cast<uint64_t>(now_ns());
  send_seen(13, "get k\r\n", CACHE_LEASE_GRANTED);
  memcached_.thaw();
}

TEST_P(ObserveUdp, SuccessfulWritesTellTheExpiry) {
  const auto second = static_cast<uint64_t>(now_ns() / kSecond);
  observer_.publish_clock(second, 0);
  EXPECT_EQ(observer_.hinted_deadline("k"), CACHE_DEADLINE_UNKNOWN);
  ASSERT_EQ(client_.request("set k 0 100 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_EQ(observer_.hinted_deadline("k"), CACHE_DEADLINE_UNKNOWN) << "hints come from TCP";
}

INSTANTIATE_TEST_SUITE_P(Family, ObserveUdp, testing::Bool(),
                         [](const auto& family) { return family.param ? "IPv6" : "IPv4"; });

}  // namespace
}  // namespace bmc::lab

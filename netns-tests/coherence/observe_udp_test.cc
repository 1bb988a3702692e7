// SPDX-License-Identifier: Apache-2.0
// UDP datagrams: writes are in flight until their own reply or the audit, gets take leases, and a reply
// under a reused request id never ends another request's write.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "netns-tests/coherence/observed_server.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/frame.h"
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

  // The audit's part; returns how many writes of that kind it ended.
  size_t sweep_all(uint32_t ended_by) {
    size_t ended = 0;
    for (const udp_write& write : observer_.udp_writes()) {
      if (write.key.ended_by != ended_by) continue;
      sweep_call call = {};
      call.operation = SWEEP_UDP_WRITE;
      call.udp = write.key;
      ended += observer_.sweep(call).released;
    }
    return ended;
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
  EXPECT_EQ(observer_.udp_writes().size(), 1u);
  memcached_.thaw();
  const auto reply = client_.receive(soon());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->payload, "STORED\r\n");
  EXPECT_EQ(observer_.key("k"), (Guard{before.generation + 1, 0}));
  EXPECT_EQ(observer_.udp_writes().size(), 0u);
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

TEST_P(ObserveUdp, TheSameIdTwiceIsEndedByTheAudit) {
  memcached_.freeze();
  send_seen(7, "set a 0 0 1\r\nx\r\n", CACHE_WRITE_KEY);
  send_seen(7, "set b 0 0 1\r\nx\r\n", CACHE_WRITE_KEY);
  memcached_.thaw();
  ASSERT_TRUE(client_.receive(soon()));
  ASSERT_TRUE(client_.receive(soon()));
  EXPECT_EQ(observer_.key("a").in_flight, 1u) << "either reply may be the other's";
  EXPECT_EQ(observer_.key("b").in_flight, 1u);
  EXPECT_EQ(observer_.global().in_flight, 0u);
  EXPECT_EQ(sweep_all(UDP_WRITE_REPLY), 1u);
  EXPECT_EQ(sweep_all(UDP_WRITE_BARRIER), 1u);
  EXPECT_EQ(observer_.key("a").in_flight, 0u);
  EXPECT_EQ(observer_.key("b").in_flight, 0u);
}

TEST_P(ObserveUdp, EachWriteOfADatagramHoldsItsOwnKey) {
  const Guard a = observer_.key("a"), b = observer_.key("b"), other = observer_.key("other");
  memcached_.freeze();
  send_seen(7, "get other\r\nset a 0 0 1\r\nx\r\ndelete b noreply\r\nget other\r\n", CACHE_LEASE_NOT_GET);
  EXPECT_EQ(observer_.key("a"), (Guard{a.generation + 1, 1}));
  EXPECT_EQ(observer_.key("b"), (Guard{b.generation + 1, 1}));
  EXPECT_EQ(observer_.key("other"), other);
  EXPECT_EQ(observer_.global().in_flight, 0u);
  memcached_.thaw();
  ASSERT_TRUE(client_.receive(soon()));
  EXPECT_EQ(observer_.key("a").in_flight, 1u) << "no reply is certain to be that of the whole datagram";
  EXPECT_EQ(sweep_all(UDP_WRITE_BARRIER), 2u);
  EXPECT_EQ(observer_.key("a").in_flight, 0u);
  EXPECT_EQ(observer_.key("b").in_flight, 0u);
  EXPECT_EQ(observer_.server().udp_writes, 0u);
}

TEST_P(ObserveUdp, AWriteOfEverythingHoldsEverything) {
  memcached_.freeze();
  for (const char* payload : {"flush_all\r\n", "junk\r\n", "set a 0 0 1\r\nx\r\nflush_all\r\n"}) {
    SCOPED_TRACE(payload);
    const Guard before = observer_.global();
    ASSERT_TRUE(client_.send(client_.next_id(), payload));
    ASSERT_TRUE(eventually(soon(), [&] {
      return observer_.global() == Guard{before.generation + 1, before.in_flight + 1};
    }));
  }
  memcached_.thaw();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client_.receive(soon()));
  EXPECT_EQ(observer_.global().in_flight, 1u) << "two were answered each by itself, one was not alone";
}

// memcached keeps an unfinished value and takes what comes next for the rest of it.
TEST_P(ObserveUdp, AnUnfinishedValueHoldsItsKeyForGood) {
  memcached_.freeze();
  send_seen(7, "set a 0 0 100\r\nx\r\n", CACHE_WRITE_UNFINISHED);
  send_seen(8, "set a 0 0 100\r\nx\r\n", CACHE_WRITE_UNFINISHED);
  send_seen(9, "set b 0 0 1\r\nx\r\nset c 0 0 100\r\nx\r\n", CACHE_WRITE_UNFINISHED);
  EXPECT_EQ(observer_.key("a").in_flight, 1u) << "one record stands for both";
  EXPECT_EQ(observer_.key("b").in_flight, 1u);
  EXPECT_EQ(observer_.key("c").in_flight, 1u);
  EXPECT_EQ(observer_.global().in_flight, 0u);
  EXPECT_EQ(sweep_all(UDP_WRITE_BARRIER), 1u);
  EXPECT_EQ(observer_.key("b").in_flight, 0u);
  EXPECT_EQ(observer_.udp_writes().size(), 2u);
  EXPECT_EQ(sweep_all(UDP_WRITE_RESTART), 2u);
  EXPECT_EQ(observer_.key("a").in_flight, 0u);
  EXPECT_EQ(observer_.key("c").in_flight, 0u);
  memcached_.thaw();
}

// UDP drops it when memcached reads: nothing is held for good. (Its twin with the right checksum is.)
TEST_P(ObserveUdp, ADamagedUnfinishedValueHoldsItsKeyUntilTheAudit) {
  const bool v6 = GetParam();
  const FrameAddress address{.source_mac = lab_.link().far_mac(),
                             .destination_mac = lab_.link().server_mac(),
                             .source = {lab_.link().far(v6).ip, 40'000},
                             .destination = lab_.link().server(v6)};
  memcached_.freeze();
  const ScopedNetns inside(lab_.client());
  const Fd socket = open_packet_socket(lab_.link().far_device, 1 << 20);
  const std::string request = udp_frame_header(5) + "set a 0 0 1000\r\n" + std::string(333, 'x');
  const auto send_frame = [&](bool bad) {
    const uint64_t seen = observer_.counter(CACHE_WRITE_KEY);
    const auto frame = udp_frame(address, request, bad);
    ASSERT_EQ(send(socket.get(), frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
    ASSERT_TRUE(eventually(soon(), [&] { return observer_.counter(CACHE_WRITE_KEY) > seen; }));
    ASSERT_TRUE(eventually(soon(), [&] { return !observer_.udp_writes().empty(); }));
  };
  send_frame(true);
  EXPECT_EQ(observer_.counter(CACHE_WRITE_UNFINISHED), 0u);
  EXPECT_EQ(sweep_all(UDP_WRITE_BARRIER), 1u);
  EXPECT_EQ(observer_.key("a").in_flight, 0u);
  send_frame(false);
  EXPECT_TRUE(eventually(soon(), [&] { return observer_.counter(CACHE_WRITE_UNFINISHED) == 1; }));
  EXPECT_EQ(sweep_all(UDP_WRITE_RESTART), 1u);
  memcached_.thaw();
}

TEST_P(ObserveUdp, AnUnfinishedLineIsNothing) {
  memcached_.freeze();
  send_seen(7, "set a 0 0 100", CACHE_LEASE_NOT_GET);
  EXPECT_EQ(observer_.key("a").in_flight, 0u);
  EXPECT_EQ(observer_.global().in_flight, 0u);
  memcached_.thaw();
}

// memcached answers it with an error, or does what it says, but keeps nothing of it.
TEST_P(ObserveUdp, AnOddLineWithoutAValueHoldsEverythingUntilTheAudit) {
  for (const std::string& line : {"get " + std::string(251, 'k'), "touch " + std::string(251, 'k') + " 1"}) {
    SCOPED_TRACE(line);
    const Guard before = observer_.global();
    const uint64_t unfinished = observer_.counter(CACHE_WRITE_UNFINISHED);
    memcached_.freeze();
    ASSERT_TRUE(client_.send(client_.next_id(), line + "\r\n"));
    ASSERT_TRUE(eventually(soon(), [&] { return observer_.global().generation > before.generation; }));
    EXPECT_EQ(observer_.global().in_flight, 1u);
    EXPECT_EQ(sweep_all(UDP_WRITE_BARRIER), 1u);
    EXPECT_EQ(observer_.global().in_flight, 0u);
    EXPECT_EQ(observer_.counter(CACHE_WRITE_UNFINISHED), unfinished);
    memcached_.thaw();
  }
}

TEST_P(ObserveUdp, WhatOnlyMemcachedCanReadHoldsEverythingForGood) {
  memcached_.freeze();
  send_seen(7, "set b 0 0 1\r\nx\r\nset a 0 0 +1\r\nx\r\n", CACHE_WRITE_UNFINISHED);
  EXPECT_EQ(observer_.global().in_flight, 1u);
  EXPECT_EQ(sweep_all(UDP_WRITE_BARRIER), 1u);
  EXPECT_EQ(observer_.global().in_flight, 1u);
  EXPECT_EQ(sweep_all(UDP_WRITE_RESTART), 1u);
  EXPECT_EQ(observer_.global().in_flight, 0u);
  memcached_.thaw();
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

TEST_P(ObserveUdp, AGetOfAKeyAskedForTooSeldomTakesNoLease) {
  observer_.count_gets("warm", 5);
  observer_.count_gets("cool", 4);
  send_seen(1, "get never\r\n", CACHE_LEASE_GRANTED);
  observer_.admit_from(5);
  memcached_.freeze();
  send_seen(3, "get warm\r\n", CACHE_LEASE_GRANTED);
  EXPECT_NE(observer_.lease_of(client_.local(), 3).key_hash, 0u);
  send_seen(4, "get cool\r\n", CACHE_LEASE_COLD);
  EXPECT_EQ(observer_.lease_of(client_.local(), 4).key_hash, 0u);
  EXPECT_NE(observer_.lease_of(client_.local(), 4).tag, 0u) << "its reply is not to be taken for another's";
  send_seen(5, "get never\r\n", CACHE_LEASE_COLD);
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

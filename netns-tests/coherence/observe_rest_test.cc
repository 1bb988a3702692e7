// SPDX-License-Identifier: Apache-2.0
// A server that rests: what passes unseen, what is seen all the same, and that all is seen again afterwards.
// And the mark that bytes leave behind that nobody read: a flush_all among them may act later.
#include <gtest/gtest.h>

#include "apps/memcached-cache/coherence/guard.h"
#include "netns-tests/coherence/observed_server.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/tcp_client.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::lab {
namespace {

using Guard = Observer::Guard;

constexpr uint32_t kResting = SERVER_RESTING | SERVER_BOOT_HOLD;

Deadline soon() { return Deadline::in_ms(10'000); }

class ObserveRest : public testing::Test {
 protected:
  TcpClient connect() { return TcpClient(lab_.client(), lab_.link().server()); }
  void hold(uint32_t bits) { __atomic_store_n(&observer_.server().hold, bits, __ATOMIC_SEQ_CST); }
  uint32_t held() { return __atomic_load_n(&observer_.server().hold, __ATOMIC_SEQ_CST); }
  size_t unseen_told() {
    const std::vector<cache_event> told = observer_.events(CACHE_EVENT_FLUSH_UNSEEN);
    for (const cache_event& each : told) EXPECT_EQ(each.server, 0u);
    return told.size();
  }
  void send_seen(uint16_t id, const std::string& payload, enum cache_counter kind) {
    const uint64_t before = observer_.counter(kind);
    ASSERT_TRUE(udp_.send(id, payload));
    ASSERT_TRUE(eventually(soon(), [&] { return observer_.counter(kind) > before; })) << payload;
  }
  uint64_t leases() const {
    uint64_t sum = 0;
    for (const auto counter :
         {CACHE_LEASE_GRANTED, CACHE_LEASE_IN_FLIGHT, CACHE_LEASE_HELD, CACHE_LEASE_AMBIGUOUS,
          CACHE_LEASE_NOT_GET, CACHE_LEASE_BUSY_SLOT, CACHE_LEASE_COLD})
      sum += observer_.counter(counter);
    return sum;
  }
  // Loses the connection's position, and finds it again.
  void lose_and_find(TcpClient& client) {
    const Guard before = observer_.global();
    EXPECT_EQ(client.command("set k 0 0 none\r\n"), "CLIENT_ERROR bad command line format\r\n");
    EXPECT_EQ(observer_.global(), (Guard{before.generation + 1, before.in_flight + 1}));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.get("get k\r\n"), "END\r\n");
    EXPECT_EQ(observer_.global().in_flight, before.in_flight);
  }

  Lab lab_;
  Memcached memcached_{lab_.server()};
  Observer observer_{lab_.server()};
  UdpClient udp_{lab_.client(), lab_.link().server()};
};

// ---- Rest ---------------------------------------------------------------------------------------

TEST_F(ObserveRest, TcpIsNotFollowed_AndIsAgainAfterwards) {
  const Guard key = observer_.key("k"), global = observer_.global();
  hold(kResting);
  TcpClient before = connect();
  EXPECT_EQ(before.command("set k 0 0 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_EQ(before.command("nonsense\r\n"), "ERROR\r\n");
  EXPECT_EQ(before.command("flush_all\r\n"), "OK\r\n");
  EXPECT_EQ(observer_.key("k"), key);
  EXPECT_EQ(observer_.global(), global);
  EXPECT_TRUE(observer_.connections().empty());
  EXPECT_EQ(observer_.counter(CACHE_WRITE_KEY) + observer_.counter(CACHE_WRITE_GLOBAL), 0u);
  EXPECT_EQ(observer_.counter(CACHE_RELEASE_REPLY), 0u);

  hold(SERVER_BOOT_HOLD);  // it wakes: a connection of the time of the rest is one that nobody read
  TcpClient after = connect();
  EXPECT_EQ(after.command("set k 0 0 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_EQ(observer_.key("k"), (Guard{key.generation + 1, 0}));
  EXPECT_EQ(observer_.connections().size(), 1u);
  EXPECT_EQ(observer_.global(), global);
  EXPECT_EQ(before.command("set k 0 0 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_EQ(observer_.counter(CACHE_LOST_OLD), 1u);
  EXPECT_EQ(observer_.global(), (Guard{global.generation + 1, 1}));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(before.get("get k\r\n"));
  EXPECT_EQ(observer_.global().in_flight, 0u);
  EXPECT_EQ(held(), SERVER_BOOT_HOLD | SERVER_FLUSH_UNSEEN);
}

TEST_F(ObserveRest, AUdpGetIsNotRecorded_AndIsAgainAfterwards) {
  hold(kResting);
  memcached_.freeze();
  ASSERT_TRUE(udp_.send(3, "get k\r\n"));
  memcached_.thaw();
  ASSERT_TRUE(udp_.receive(soon())) << "so the programs have let it pass";
  EXPECT_EQ(observer_.lease_of(udp_.local(), 3).tag, 0u);
  EXPECT_EQ(leases(), 0u);
  memcached_.freeze();
  hold(SERVER_BOOT_HOLD);
  send_seen(4, "get k\r\n", CACHE_LEASE_HELD);
  EXPECT_NE(observer_.lease_of(udp_.local(), 4).tag, 0u) << "its reply is not to be taken for another's";
  EXPECT_EQ(observer_.lease_of(udp_.local(), 4).key_hash, 0u);
  hold(0);
  send_seen(5, "get k\r\n", CACHE_LEASE_GRANTED);
  EXPECT_NE(observer_.lease_of(udp_.local(), 5).key_hash, 0u);
  memcached_.thaw();
}

TEST_F(ObserveRest, AUdpWriteIsNotSeen_AndIsAgainAfterwards) {
  const Guard before = observer_.key("k");
  hold(kResting);
  for (const char* payload : {"set k 0 0 1\r\nx\r\n", "delete k\r\n", "flush_all 50\r\n", "get k\r\n"})
    ASSERT_TRUE(udp_.request(payload)) << payload;
  EXPECT_EQ(observer_.key("k"), before);
  EXPECT_TRUE(observer_.udp_writes().empty());
  EXPECT_EQ(observer_.counter(CACHE_WRITE_UNFINISHED), 0u);
  EXPECT_EQ(leases(), 0u);
  hold(SERVER_BOOT_HOLD);
  send_seen(8, "set k 0 0 100\r\nx\r\n", CACHE_WRITE_UNFINISHED);
  EXPECT_EQ(observer_.key("k"), (Guard{before.generation + 1, before.in_flight + 1}));
  EXPECT_EQ(observer_.udp_writes().size(), 1u);
  EXPECT_EQ(held(), SERVER_BOOT_HOLD);
}

// Its reply passes unseen; the barrier will end it.
TEST_F(ObserveRest, AUdpWriteFromBeforeStaysInFlight) {
  memcached_.freeze();
  send_seen(7, "set k 0 0 1\r\nx\r\n", CACHE_LEASE_NOT_GET);
  hold(kResting);
  memcached_.thaw();
  const auto reply = udp_.receive(soon());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->payload, "STORED\r\n");
  EXPECT_EQ(observer_.key("k").in_flight, 1u);
  ASSERT_EQ(observer_.udp_writes().size(), 1u);
  sweep_call call = {};
  call.operation = SWEEP_UDP_WRITE;
  call.udp = observer_.udp_writes()[0].key;
  EXPECT_EQ(observer_.sweep(call).released, 1u);
  EXPECT_EQ(observer_.key("k").in_flight, 0u);
}

// bmcd's part at the begin of a rest: what is in flight over TCP ends without its reply, which nobody will
// see.
TEST_F(ObserveRest, WhatWasInFlightEndsWithItsConnection) {
  TcpClient client = connect();
  memcached_.freeze();
  ASSERT_TRUE(client.send("set k 0 0 1\r\nx\r\n"));
  ASSERT_TRUE(client.wait_acknowledged(soon()));
  ASSERT_EQ(observer_.key("k").in_flight, 1u);
  hold(kResting);
  sweep_call call = {};
  call.operation = SWEEP_CONNECTION_GONE;
  call.cookie = observer_.connections().at(0).cookie;
  EXPECT_EQ(observer_.sweep(call).found, 1u);
  const Guard ended = observer_.key("k");
  EXPECT_EQ(ended.in_flight, 0u);
  memcached_.thaw();
  EXPECT_EQ(client.read_line(), "STORED\r\n");
  EXPECT_EQ(client.command("set k 0 0 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_EQ(observer_.key("k"), ended);
  EXPECT_TRUE(observer_.connections().empty());
}

// ---- Bytes that nobody read ---------------------------------------------------------------------

TEST_F(ObserveRest, AConnectionInStepAgainLeavesAMark) {
  TcpClient client = connect();
  EXPECT_EQ(client.command("set k 0 0 none\r\n"), "CLIENT_ERROR bad command line format\r\n");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(client.get("get k\r\n"), "END\r\n");
  EXPECT_EQ(held(), 0u) << "not before the hold ends";
  EXPECT_EQ(client.get("get k\r\n"), "END\r\n");
  EXPECT_EQ(observer_.global().in_flight, 0u);
  EXPECT_EQ(held(), SERVER_FLUSH_UNSEEN);
  EXPECT_EQ(unseen_told(), 1u);

  memcached_.freeze();
  send_seen(3, "get k\r\n", CACHE_LEASE_HELD);
  memcached_.thaw();
  ASSERT_TRUE(udp_.receive(soon()));
  lose_and_find(client);
  EXPECT_EQ(unseen_told(), 0u) << "bmcd knows";

  hold(0);  // it has asked
  send_seen(4, "get k\r\n", CACHE_LEASE_GRANTED);
  const Guard key = observer_.key("k");
  EXPECT_EQ(client.command("delete k\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(observer_.key("k").generation, key.generation + 1);
  EXPECT_EQ(held(), 0u);
  lose_and_find(client);
  EXPECT_EQ(held(), SERVER_FLUSH_UNSEEN);
  EXPECT_EQ(unseen_told(), 1u);
}

TEST_F(ObserveRest, AMarkThatIsAskedForIsSetAgain) {
  TcpClient client = connect();
  hold(SERVER_FLUSH_ASKED);
  lose_and_find(client);
  EXPECT_EQ(held(), SERVER_FLUSH_ASKED | SERVER_FLUSH_UNSEEN);
  EXPECT_EQ(unseen_told(), 1u);
}

TEST_F(ObserveRest, ALostConnectionThatEndsLeavesAMark) {
  {
    TcpClient client = connect();
    client.command("set k 0 0 none\r\n");
    ASSERT_EQ(observer_.global().in_flight, 1u);
    EXPECT_EQ(held(), 0u);
  }
  ASSERT_TRUE(eventually(soon(), [&] { return observer_.global().in_flight == 0; }));
  EXPECT_EQ(held(), SERVER_FLUSH_UNSEEN);
  EXPECT_EQ(unseen_told(), 1u);
}

TEST_F(ObserveRest, AnUntrackedHoldThatIsSweptLeavesAMark) {
  for (const uint32_t holds : {1u, 2u}) {
    hold(0);
    for (uint32_t i = 0; i < holds; ++i) guard_arrive(&observer_.server().global);
    observer_.server().untracked = holds;
    sweep_call call = {};
    call.operation = SWEEP_UNTRACKED;
    call.cookie = holds;
    EXPECT_EQ(observer_.sweep(call).released, holds);
    EXPECT_EQ(observer_.global().in_flight, 0u);
    EXPECT_EQ(observer_.server().untracked, 0u);
    EXPECT_EQ(held(), SERVER_FLUSH_UNSEEN);
    EXPECT_EQ(unseen_told(), 1u);
  }
}

TEST_F(ObserveRest, AnUnreadDatagramLeavesAMark_AndOneThatWasReadDoesNot) {
  for (const char* payload : {"set k 0 0 1\r\nx\r\n", "delete k\r\n", "flush_all 50\r\n"}) {
    ASSERT_TRUE(udp_.request(payload)) << payload;
    EXPECT_EQ(held(), 0u) << payload;
  }
  EXPECT_EQ(unseen_told(), 0u);
  const uint64_t generation = observer_.global().generation;
  ASSERT_TRUE(udp_.send(udp_.next_id(), "touch " + std::string(251, 'k') + " 1\r\n"));
  ASSERT_TRUE(eventually(soon(), [&] { return observer_.global().generation > generation; }));
  ASSERT_EQ(observer_.udp_writes().size(), 1u);
  EXPECT_EQ(held(), 0u);
  sweep_call call = {};
  call.operation = SWEEP_UDP_WRITE;
  call.udp = observer_.udp_writes()[0].key;
  EXPECT_EQ(observer_.sweep(call).released, 1u);
  EXPECT_EQ(held(), SERVER_FLUSH_UNSEEN);
  EXPECT_EQ(unseen_told(), 1u);
}

TEST_F(ObserveRest, ConnectionsThatWereReadLeaveNoMark) {
  {
    TcpClient client = connect();
    EXPECT_EQ(client.command("set k 0 0 1\r\nx\r\n"), "STORED\r\n");
    EXPECT_EQ(client.command("flush_all\r\n"), "OK\r\n");
    EXPECT_EQ(client.command("flush_all 50\r\n"), "OK\r\n");
  }
  ASSERT_TRUE(eventually(soon(), [&] { return observer_.connections().empty(); }));
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(unseen_told(), 0u);
}

// What memcached told bmcd of.
TEST_F(ObserveRest, ADelayedFlushThatNobodySawIsScheduled) {
  const auto now = static_cast<uint64_t>(now_ns());
  const auto units = [&](uint64_t in_s) {
    return static_cast<uint32_t>((now + in_s * kSecond) >> CACHE_DEADLINE_SHIFT);
  };
  const auto schedule = [&](uint32_t from, uint32_t within_s) {
    sweep_call call = {};
    call.operation = SWEEP_FLUSH_SCHEDULED;
    call.before_ns = static_cast<uint64_t>(from) << 32 | within_s;
    return observer_.sweep(call).found;
  };
  EXPECT_EQ(schedule(units(50), 60), 1u);
  EXPECT_EQ(observer_.server().flush_from, units(50));
  EXPECT_GT(observer_.server().flush_to, units(60));
  EXPECT_LT(observer_.server().flush_to, units(70));
  EXPECT_EQ(schedule(units(40), 45), 1u);
  EXPECT_EQ(observer_.server().flush_from, units(40)) << "one that was seen may act as well";
  EXPECT_GT(observer_.server().flush_to, units(60));
}

}  // namespace
}  // namespace bmc::lab

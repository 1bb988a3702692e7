// SPDX-License-Identifier: Apache-2.0
// Every kind of TCP write raises its guard before memcached executes it and ends with its reply, however it
// is cut, lost, repeated or left unanswered. Real programs, real memcached, real sockets.
#include <gtest/gtest.h>

#include "netns-tests/coherence/observed_server.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/raw_tcp.h"
#include "netns-tests/lib/tcp_client.h"

namespace bmc::lab {
namespace {

using Guard = Observer::Guard;

Deadline soon() { return Deadline::in_ms(10'000); }

class ObserveTcp : public testing::Test {
 protected:
  TcpClient connect() { return TcpClient(lab_.client(), lab_.link().server()); }
  // Raises nothing on `key`'s guard.
  void expect_settled(Guard before, uint64_t writes, const std::string& key) {
    EXPECT_TRUE(eventually(soon(), [&] { return observer_.key(key).in_flight == before.in_flight; })) << key;
    EXPECT_EQ(observer_.key(key).generation, before.generation + writes) << key;
  }
  bool lost() {
    for (const connection& each : observer_.connections())
      if (each.state & CONNECTION_LOST) return true;
    return false;
  }

  Lab lab_;
  Memcached memcached_{lab_.server()};
  Observer observer_{lab_.server()};
};

struct Write {
  std::string request;
  std::string reply;
  bool global = false;
};

// memcached is stopped, so the request has certainly not been executed when the guard is looked at.
TEST_F(ObserveTcp, EveryWriteIsInFlightFromItsArrivalToItsReply) {
  const std::vector<Write> writes = {
      {"set k 0 0 2\r\n10\r\n", "STORED\r\n"},
      {"add k 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
      {"replace k 0 0 2\r\n20\r\n", "STORED\r\n"},
      {"append k 0 0 1\r\n0\r\n", "STORED\r\n"},
      {"prepend k 0 0 1\r\n1\r\n", "STORED\r\n"},
      {"incr k 5\r\n", "1205\r\n"},
      {"decr k 5\r\n", "1200\r\n"},
      {"cas k 0 0 1 999999\r\nz\r\n", "EXISTS\r\n"},
      {"touch k 0\r\n", "TOUCHED\r\n"},
      {"gat 0 k\r\n", "VALUE k 0 4\r\n1200\r\nEND\r\n"},
      {"ms k 2\r\nhi\r\n", "HD\r\n"},
      {"ma k\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
      {"mg k T30\r\n", "HD\r\n"},
      {"md k\r\n", "HD\r\n"},
      {"delete k\r\n", "NOT_FOUND\r\n"},
      {"flush_all\r\n", "OK\r\n", true},
      {"nonsense k\r\n", "ERROR\r\n", true},
  };
  TcpClient client = connect();
  for (const Write& write : writes) {
    SCOPED_TRACE(write.request);
    auto word = [&] { return write.global ? observer_.global() : observer_.key("k"); };
    const Guard other_before = write.global ? observer_.key("k") : observer_.global();
    const Guard before = word();
    memcached_.freeze();
    ASSERT_TRUE(client.send(write.request));
    ASSERT_TRUE(client.wait_acknowledged(soon()));
    EXPECT_EQ(word(), (Guard{before.generation + 1, before.in_flight + 1}));
    EXPECT_EQ(write.global ? observer_.key("k") : observer_.global(), other_before);
    memcached_.thaw();
    EXPECT_EQ(client.read_exactly(write.reply.size()), write.reply);
    EXPECT_EQ(word(), (Guard{before.generation + 1, before.in_flight}));
  }
  EXPECT_FALSE(lost());
}

TEST_F(ObserveTcp, ReadsRaiseNothing) {
  TcpClient client = connect();
  ASSERT_TRUE(client.send("set k 0 0 1\r\nx\r\n"));
  ASSERT_EQ(client.read_line(), "STORED\r\n");
  const Guard key = observer_.key("k"), global = observer_.global();
  for (const char* request : {"get k\r\n", "gets k\r\n", "get k other set\r\n"})
    EXPECT_TRUE(client.get(request)) << request;
  for (const char* request : {"mg k\r\n", "mn\r\n", "me k\r\n", "version\r\n"})
    EXPECT_TRUE(client.command(request)) << request;
  ASSERT_TRUE(client.send("stats\r\n"));
  EXPECT_TRUE(client.read_until("END\r\n"));
  EXPECT_EQ(observer_.key("k"), key);
  EXPECT_EQ(observer_.global(), global);
}

TEST_F(ObserveTcp, ASetCutAtAnyByteIsSeen) {
  const std::string request = "set cut 0 0 9\r\nset b 0 0\r\n";
  TcpClient client = connect();
  const Guard inner = observer_.key("b"), global = observer_.global();
  for (size_t cut = 1; cut < request.size(); ++cut) {
    SCOPED_TRACE(cut);
    const Guard before = observer_.key("cut");
    ASSERT_TRUE(client.send_cut(request, {cut}, CutMode::kAcknowledged));
    ASSERT_EQ(client.read_line(), "STORED\r\n");
    EXPECT_EQ(observer_.key("cut"), (Guard{before.generation + 1, 0}));
  }
  EXPECT_EQ(observer_.key("b"), inner) << "text inside a value is no command";
  EXPECT_EQ(observer_.global(), global) << "and the position was never lost";
}

TEST_F(ObserveTcp, SeveralCommandsInOneSegmentAndALongValue) {
  TcpClient client = connect();
  const std::string value(100'000, 'v');
  const Guard a = observer_.key("a"), b = observer_.key("b"), c = observer_.key("c");
  ASSERT_TRUE(
      client.send("set a 0 0 1\r\nA\r\nget a\r\nset b 0 0 100000\r\n" + value + "\r\ndelete c\r\nget b\r\n"));
  EXPECT_EQ(client.read_line(), "STORED\r\n");
  EXPECT_EQ(client.read_values(), "VALUE a 0 1\r\nA\r\nEND\r\n");
  EXPECT_EQ(client.read_line(), "STORED\r\n");
  EXPECT_EQ(client.read_line(), "NOT_FOUND\r\n");
  EXPECT_EQ(client.read_values(), "VALUE b 0 100000\r\n" + value + "\r\nEND\r\n");
  expect_settled(a, 1, "a");
  expect_settled(b, 1, "b");
  expect_settled(c, 1, "c");
  EXPECT_FALSE(lost());
}

TEST_F(ObserveTcp, NoreplyEndsWithTheNextReply) {
  TcpClient client = connect();
  const Guard before = observer_.key("k");
  ASSERT_TRUE(client.send("set k 0 0 1 noreply\r\nx\r\n"));
  ASSERT_TRUE(eventually(soon(), [&] { return memcached_.stat("cmd_set") == "1"; }));
  EXPECT_EQ(observer_.key("k"), (Guard{before.generation + 1, 1})) << "executed, but nothing said so yet";
  EXPECT_EQ(client.command("mn\r\n"), "MN\r\n");
  EXPECT_EQ(observer_.key("k"), (Guard{before.generation + 1, 0}));
}

TEST_F(ObserveTcp, AClosedConnectionEndsItsWritesAndIsForgotten) {
  for (const bool reset : {false, true}) {
    SCOPED_TRACE(reset);
    const Guard before = observer_.key("k");
    {
      TcpClient client = connect();
      memcached_.freeze();
      ASSERT_TRUE(client.send("set k 0 0 1 noreply\r\nx\r\nset k 0 0 1\r\ny\r\n"));
      ASSERT_TRUE(client.wait_acknowledged(soon()));
      EXPECT_EQ(observer_.key("k").in_flight, 2u);
      reset ? client.reset() : client.close();
    }
    EXPECT_EQ(observer_.key("k").in_flight, 2u) << "memcached may still read it";
    memcached_.thaw();
    EXPECT_TRUE(eventually(soon(), [&] { return observer_.key("k").in_flight == 0; }));
    EXPECT_EQ(observer_.key("k").generation, before.generation + 2);
    EXPECT_TRUE(eventually(soon(), [&] { return observer_.connections().empty(); }));
  }
}

TEST_F(ObserveTcp, KilledMemcachedEndsEverythingAndIsMarkedDown) {
  observer_.learn_server_sockets(lab_.server());
  TcpClient client = connect();
  ASSERT_TRUE(client.command("version\r\n")) << "so memcached has accepted it";
  memcached_.freeze();
  ASSERT_TRUE(client.send("set k 0 0 1\r\nx\r\nflush_all\r\n"));
  ASSERT_TRUE(client.wait_acknowledged(soon()));
  EXPECT_EQ(observer_.global().in_flight, 1u);
  const uint64_t generation = observer_.global().generation;
  memcached_.kill_hard();
  EXPECT_EQ(observer_.key("k").in_flight, 0u);
  EXPECT_EQ(observer_.global().in_flight, 0u);
  EXPECT_GT(observer_.global().generation, generation) << "its items are gone with it";
  EXPECT_TRUE(observer_.server().hold & SERVER_DOWN);
}

// No close tells of a connection that memcached never accepted; the audit finds it gone.
TEST_F(ObserveTcp, AConnectionNeverAcceptedIsReleasedByTheAudit) {
  memcached_.freeze();
  TcpClient client = connect();
  ASSERT_TRUE(client.send("set k 0 0 1\r\nx\r\n"));
  ASSERT_TRUE(client.wait_acknowledged(soon()));
  ASSERT_EQ(observer_.key("k").in_flight, 1u);
  memcached_.kill_hard();
  sweep_call call = {};
  call.operation = SWEEP_CONNECTION_GONE;
  call.cookie = observer_.connections().at(0).cookie;
  EXPECT_EQ(observer_.sweep(call).found, 1u);
  EXPECT_EQ(observer_.key("k").in_flight, 0u);
  EXPECT_TRUE(observer_.connections().empty());
  EXPECT_EQ(observer_.sweep(call).found, 0u);
}

TEST_F(ObserveTcp, AMalformedLineHoldsEverythingUntilInStepAgain) {
  TcpClient client = connect();
  const Guard before = observer_.global();
  EXPECT_EQ(client.command("set k 0 0 none\r\n"), "CLIENT_ERROR bad command line format\r\n");
  EXPECT_EQ(observer_.global(), (Guard{before.generation + 1, 1}));
  EXPECT_EQ(client.get("get k\r\n"), "END\r\n");
  EXPECT_EQ(observer_.global().in_flight, 1u) << "the reply may have been an older request's";
  EXPECT_EQ(client.get("get k\r\n"), "END\r\n");
  EXPECT_EQ(observer_.global().in_flight, 1u);
  EXPECT_EQ(client.get("get k\r\n"), "END\r\n");
  EXPECT_EQ(observer_.global(), (Guard{before.generation + 1, 0})) << "three in a row show it";
  const Guard key = observer_.key("k");
  EXPECT_EQ(client.command("delete k\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(observer_.key("k").generation, key.generation + 1);
}

// Clients that send several requests at a time are in step again as well.
TEST_F(ObserveTcp, BatchesWhileLostCountIfEachBeginsQuietly) {
  TcpClient client = connect();
  client.command("set k 0 0 none\r\n");
  ASSERT_EQ(observer_.global().in_flight, 1u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(observer_.global().in_flight, 1u);
    ASSERT_TRUE(client.send("get k\r\ndelete k noreply\r\nget k\r\n"));
    EXPECT_EQ(client.read_exactly(10), "END\r\nEND\r\n");
  }
  EXPECT_EQ(observer_.global().in_flight, 0u);
  EXPECT_EQ(observer_.connections().at(0).defer, 3u) << "as many replies and one more";
}

// What waits for its turn to end must find room.
TEST_F(ObserveTcp, BatchesOfTooManyDoNotCount) {
  TcpClient client = connect();
  client.command("set k 0 0 none\r\n");
  std::string batch, replies;
  for (unsigned i = 0; i < CONNECTION_DEFER_MAX; ++i) {
    batch += "get k\r\ntouch k 0\r\n";
    replies += "END\r\nNOT_FOUND\r\n";
  }
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.send(batch));
    ASSERT_EQ(client.read_exactly(replies.size()), replies);
  }
  EXPECT_EQ(observer_.global().in_flight, 1u);
  // What waits for its end while the connection is lost has filled the ring: the first one begins anew.
  for (int i = 0; i < 4; ++i) client.command("version\r\n");
  EXPECT_EQ(observer_.global().in_flight, 0u);
}

// A client with requests always open is never surely in step.
TEST_F(ObserveTcp, EndlessPipeliningWhileLostDoesNotCount) {
  RawTcp raw(lab_.client(), lab_.server(), lab_.link(), kMemcachedPort);
  raw.send_next("set k 0 0 none\r\n");
  ASSERT_TRUE(raw.wait_received("CLIENT_ERROR bad command line format\r\n", soon()));
  ASSERT_EQ(observer_.global().in_flight, 1u);
  raw.set_acknowledge(false);
  for (int i = 1; i <= 5; ++i) {
    raw.send_next("get k\r\n");
    ASSERT_TRUE(eventually(soon(), [&] { return memcached_.stat("cmd_get") == std::to_string(i); }));
  }
  EXPECT_EQ(observer_.global().in_flight, 1u) << "what memcached sent is not acknowledged: nothing is quiet";
}

TEST_F(ObserveTcp, AfterALossWritesEndLate) {
  TcpClient client = connect();
  client.command("set k 0 0 none\r\n");
  for (int i = 0; i < 3; ++i) client.get("get k\r\n");
  ASSERT_EQ(observer_.global().in_flight, 0u);
  EXPECT_EQ(client.command("delete late\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(observer_.key("late").in_flight, 1u) << "its reply may have been an older request's";
  // Unanswered ones are no replies: they do not bring its end nearer.
  ASSERT_TRUE(client.send("touch a 1 noreply\r\ntouch b 1 noreply\r\ntouch c 1 noreply\r\nversion\r\n"));
  ASSERT_TRUE(client.read_line());
  EXPECT_EQ(observer_.key("late").in_flight, 1u);
  client.command("version\r\n");
  EXPECT_TRUE(eventually(soon(), [&] { return observer_.key("late").in_flight == 0; }));
}

TEST_F(ObserveTcp, WatchLeavesTheProtocol) {
  TcpClient client = connect();
  const Guard before = observer_.global();
  EXPECT_EQ(client.command("watch mutations\r\n"), "OK\r\n");
  TcpClient writer = connect();
  EXPECT_TRUE(eventually(soon(), [&] {
    EXPECT_TRUE(writer.send("set k 0 0 1\r\nx\r\n"));
    EXPECT_EQ(writer.read_line(), "STORED\r\n");
    return client.read_until("\n", Deadline::in_ms(300)).has_value();
  })) << "the log line of that write";
  EXPECT_EQ(observer_.global(), before);
}

TEST_F(ObserveTcp, ASuccessfulWriteTellsTheExpiry) {
  TcpClient client = connect();
  const auto second = static_cast<uint64_t>(now_ns() / kSecond);
  auto deadline = [](uint64_t at_s) { return static_cast<uint32_t>(at_s * kSecond >> CACHE_DEADLINE_SHIFT); };
  auto store = [&](const std::string& request) {
    EXPECT_TRUE(client.send(request));
    EXPECT_TRUE(client.read_line());
  };
  store("set k 0 100 1\r\nx\r\n");
  EXPECT_EQ(observer_.hinted_deadline("k"), CACHE_DEADLINE_UNKNOWN) << "memcached's clock is not known yet";
  observer_.publish_clock(second, -5000);
  store("set k 0 100 1\r\nx\r\n");
  EXPECT_EQ(observer_.hinted_deadline("k"), deadline(second + 100));
  store("touch k 7\r\n");
  EXPECT_EQ(observer_.hinted_deadline("k"), deadline(second + 7));
  store("set k 0 0 1\r\nx\r\n");
  EXPECT_EQ(observer_.hinted_deadline("k"), CACHE_DEADLINE_NEVER);
  store("set k 0 -1 1\r\nx\r\n");
  EXPECT_EQ(observer_.hinted_deadline("k"), 1u) << "gone at once";
  store("set k 0 " + std::to_string(4'000'000 + 5000) + " 1\r\nx\r\n");
  EXPECT_EQ(observer_.hinted_deadline("k"), deadline(4'000'000)) << "absolute";
  store("set k 0 0 1\r\nx\r\n");
  store("add k 0 50 1\r\nx\r\n");
  EXPECT_EQ(observer_.hinted_deadline("k"), CACHE_DEADLINE_UNKNOWN) << "a write that failed tells nothing";
  store("append k 0 0 1\r\nx\r\n");
  EXPECT_EQ(observer_.hinted_deadline("k"), CACHE_DEADLINE_UNKNOWN) << "nor does one that keeps the expiry";
}

// Of memcached's clock nothing is known yet, but how long the flush takes is.
TEST_F(ObserveTcp, ADelayedFlushBeforeTheClockIsKnownLastsNoLonger) {
  TcpClient client = connect();
  EXPECT_EQ(client.command("flush_all later\r\n"), "CLIENT_ERROR invalid exptime argument\r\n");
  EXPECT_EQ(observer_.server().flush_from, 0u) << "memcached did not take it";
  EXPECT_EQ(client.command("flush_all 50\r\n"), "OK\r\n");
  EXPECT_EQ(observer_.server().flush_from, 1u) << "it may act at any time";
  const auto now = static_cast<uint64_t>(now_ns());
  EXPECT_GT(observer_.server().flush_to, (now + 50 * kSecond) >> CACHE_DEADLINE_SHIFT);
  EXPECT_LT(observer_.server().flush_to, (now + 60 * kSecond) >> CACHE_DEADLINE_SHIFT);
}

TEST_F(ObserveTcp, ADelayedFlushIsScheduledWhenItsReplyLeaves) {
  TcpClient client = connect();
  const auto second = static_cast<uint64_t>(now_ns() / kSecond);
  observer_.publish_clock(second, 0);
  EXPECT_EQ(client.command("flush_all\r\n"), "OK\r\n");
  EXPECT_EQ(observer_.server().flush_from, 0u);
  EXPECT_EQ(client.command("flush_all 50\r\n"), "OK\r\n");
  const uint32_t from = observer_.server().flush_from, to = observer_.server().flush_to;
  EXPECT_EQ(from, static_cast<uint32_t>((second + 49) * kSecond >> CACHE_DEADLINE_SHIFT));
  EXPECT_GT(to, from);
  EXPECT_EQ(client.command("flush_all 90\r\n"), "OK\r\n");
  EXPECT_EQ(observer_.server().flush_from, from) << "the earlier one may still act";
  EXPECT_GT(observer_.server().flush_to, to);
  sweep_call call = {};
  call.operation = SWEEP_FLUSH_ACTED;
  call.before_ns = static_cast<uint64_t>(from) << 32 | to;
  EXPECT_EQ(observer_.sweep(call).found, 0u) << "the word bmcd judged is not the present one";
  call.before_ns = static_cast<uint64_t>(from) << 32 | observer_.server().flush_to;
  const uint64_t generation = observer_.global().generation;
  EXPECT_EQ(observer_.sweep(call).found, 1u);
  EXPECT_EQ(observer_.server().flush_from, 0u);
  EXPECT_EQ(observer_.global().generation, generation + 1);
}

// ---- Segments as no kernel would send them -------------------------------------------------------

class ObserveSegments : public ObserveTcp {
 protected:
  RawTcp raw_{lab_.client(), lab_.server(), lab_.link(), kMemcachedPort};
};

TEST_F(ObserveSegments, EarlySegmentsAreParsedWhenTheHoleIsFilled) {
  const std::string request = "set early 0 0 10\r\n0123456789\r\ndelete other\r\n";
  const Guard early = observer_.key("early"), other = observer_.key("other");
  raw_.send({.offset = 30, .bytes = std::string_view(request).substr(30)});
  raw_.send({.offset = 5, .bytes = std::string_view(request).substr(5, 25)});
  ASSERT_TRUE(eventually(soon(), [&] { return observer_.counter(CACHE_TCP_OUT_OF_ORDER) == 2; }));
  EXPECT_EQ(observer_.key("early"), early);
  raw_.send({.offset = 0, .bytes = std::string_view(request).substr(0, 5)});
  ASSERT_TRUE(raw_.wait_received("STORED\r\nNOT_FOUND\r\n", soon()));
  expect_settled(early, 1, "early");
  expect_settled(other, 1, "other");
  EXPECT_FALSE(lost());
}

TEST_F(ObserveSegments, ARepeatedSegmentIsNotParsedAgain) {
  const Guard before = observer_.key("k");
  raw_.send_next("set k 0 0 1\r\nx\r\n");
  ASSERT_TRUE(raw_.wait_received("STORED\r\n", soon()));
  raw_.send({.offset = 0, .bytes = "set k 0 0 1\r\nx\r\n"});
  ASSERT_TRUE(eventually(soon(), [&] { return observer_.counter(CACHE_TCP_RETRANSMITTED) == 1; }));
  raw_.send_next("get k\r\n");
  ASSERT_TRUE(raw_.wait_received("END\r\n", soon()));
  expect_settled(before, 1, "k");
  EXPECT_FALSE(lost());
}

// TCP refuses the segment and takes the true one: what we made of the first must not stand.
TEST_F(ObserveSegments, ASegmentThatTcpRefusesIsNotBelieved) {
  const Guard before = observer_.key("real");
  raw_.send({.offset = 0,
             .bytes = "get fake_fake\r\n"
                      "get fake_fake\r\n",
             .bad_checksum = true});
  raw_.send_next("set real 0 0 1\r\nx\r\nget real_one\r\n");
  ASSERT_TRUE(raw_.wait_received("END\r\n", soon()));
  const bool seen = observer_.key("real").generation == before.generation + 1;
  EXPECT_TRUE(seen || observer_.global().in_flight == 1u);
}

TEST_F(ObserveSegments, TooMuchAheadGivesThePositionUp) {
  const std::string piece(1000, 'x');
  for (uint32_t i = 0; i <= SIDE_EXTENTS; ++i) raw_.send({.offset = 10 + i * 2000, .bytes = piece});
  EXPECT_TRUE(eventually(soon(), [&] { return observer_.counter(CACHE_LOST_OVERFLOW) == 1; }));
  EXPECT_EQ(observer_.global().in_flight, 1u);
}

// ---- Connections older than the programs ---------------------------------------------------------

TEST(ObserveOldConnection, HoldsFromItsNextByteUntilInStep) {
  Lab lab;
  Memcached memcached(lab.server());
  TcpClient idle(lab.client(), lab.link().server());
  TcpClient used(lab.client(), lab.link().server());
  ASSERT_EQ(idle.get("get k\r\n"), "END\r\n");
  ASSERT_EQ(used.get("get k\r\n"), "END\r\n");
  Observer observer(lab.server());
  TcpClient fresh(lab.client(), lab.link().server());
  ASSERT_EQ(fresh.get("get k\r\n"), "END\r\n");
  EXPECT_EQ(observer.global().in_flight, 0u) << "idle ones hold nothing, new ones are known";
  memcached.freeze();
  ASSERT_TRUE(used.send("get k\r\n"));
  ASSERT_TRUE(used.wait_acknowledged(soon()));
  EXPECT_EQ(observer.global().in_flight, 1u);
  memcached.thaw();
  ASSERT_EQ(used.read_line(), "END\r\n");
  EXPECT_EQ(observer.global().in_flight, 1u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(observer.global().in_flight, 1u);
    ASSERT_TRUE(used.send("set k 0 0 1\r\nx\r\n"));
    ASSERT_EQ(used.read_line(), "STORED\r\n");
  }
  EXPECT_EQ(observer.global().in_flight, 0u);
  EXPECT_EQ(observer.counter(CACHE_LOST_OLD), 1u);
  EXPECT_EQ(observer.counter(CACHE_IN_STEP), 1u);
}

TEST(ObserveOldConnection, AnIdleLostOneIsReleasedByTheAudit) {
  Lab lab;
  Memcached memcached(lab.server());
  TcpClient used(lab.client(), lab.link().server());
  ASSERT_EQ(used.get("get k\r\n"), "END\r\n");
  Observer observer(lab.server());
  ASSERT_EQ(used.get("get k\r\n"), "END\r\n");
  ASSERT_EQ(observer.global().in_flight, 1u);
  sweep_call call = {};
  call.operation = SWEEP_CONNECTION_DRAINED;
  call.cookie = observer.connections().at(0).cookie;
  call.before_ns = 1;
  EXPECT_EQ(observer.sweep(call).found, 0u) << "it spoke after that moment";
  EXPECT_EQ(observer.global().in_flight, 1u);
  call.before_ns = static_cast<uint64_t>(now_ns());
  EXPECT_EQ(observer.sweep(call).found, 1u);
  EXPECT_EQ(observer.global().in_flight, 0u);
  ASSERT_EQ(used.get("get k\r\n"), "END\r\n");
  EXPECT_EQ(observer.global().in_flight, 1u) << "it speaks again";
}

}  // namespace
}  // namespace bmc::lab

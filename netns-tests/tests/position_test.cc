// SPDX-License-Identifier: Apache-2.0
// The stream position of TCP connections: whatever the segments look like, a write that was acknowledged is
// seen; connections older than bmcd come back into step. Run by ctest, label netns.
#include <sys/socket.h>

#include <functional>

#include "netns-tests/lib/raw_tcp.h"
#include "netns-tests/tests/accelerated.h"

namespace bmc::lab {
namespace {

class PositionTest : public Accelerated {
 protected:
  RawTcp raw(bool timestamps = false) {
    return {lab_.client(), lab_.server(), lab_.link(), kMemcachedPort, timestamps};
  }
  static Deadline soon() { return Deadline::in_ms(5000); }
  static std::string set(const std::string& key, const std::string& value) {
    return "set " + key + " 0 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }

  /// The kernel serves k=old; `write` makes it "new" over a connection of its own. From its acknowledgement
  /// on nobody may say "old".
  void expect_seen(const std::function<void()>& write) {
    store("k", "old");
    ASSERT_TRUE(becomes_served("k", "old"));
    write();
    for (int i = 0; i < 50; ++i) ASSERT_EQ(ask("k"), hit("k", "new")) << "GET " << i << " after the write";
    EXPECT_EQ(truth("k"), hit("k", "new"));
  }
};

TEST_F(PositionTest, AWriteCutAtEveryByteIsSeen) {
  start();
  const std::string command = set("k", "new");
  TcpClient tcp(lab_.client(), lab_.link().server());
  for (size_t cut = 1; cut < command.size(); ++cut) {
    expect_seen([&] {
      ASSERT_TRUE(tcp.send_cut(command, {cut}, CutMode::kAcknowledged));
      ASSERT_EQ(tcp.read_line(), "STORED\r\n");
    });
  }
}

TEST_F(PositionTest, SegmentsOutOfOrder) {
  start();
  RawTcp tcp = raw();
  expect_seen([&] {
    const std::string command = set("k", "new");
    tcp.send({.offset = 9, .bytes = std::string_view(command).substr(9)});
    tcp.send({.offset = 4, .bytes = std::string_view(command).substr(4, 5)});
    tcp.send_next(std::string_view(command).substr(0, 4));
    ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  });
}

TEST_F(PositionTest, ARetransmissionWithOtherBytesIsNotBelieved) {
  start();
  RawTcp tcp = raw();
  expect_seen([&] {
    // The kernel keeps "k" of the first copy; the second copy of the name is of bytes already delivered.
    tcp.send({.offset = 0, .bytes = "set k 0 "});
    tcp.send({.offset = 4, .bytes = "x 0 0 3\r\nnew\r\n"});
    ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  });
}

TEST_F(PositionTest, AnEarlySegmentIsOvertakenByAnotherVersionOfItself) {
  start();
  RawTcp tcp = raw();
  expect_seen([&] {
    // Two versions of bytes 4.. wait for byte 0: the kernel takes one of them, and memcached says which.
    tcp.send({.offset = 4, .bytes = "j 0 0 3\r\nnew\r\n"});
    tcp.send({.offset = 4, .bytes = "k 0 0 3\r\nnew\r\n"});
    tcp.send({.offset = 0, .bytes = "set "});
    ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
    if (truth("k") != hit("k", "new")) store("k", "new");
    EXPECT_EQ(ask("j"), truth("j"));
  });
}

TEST_F(PositionTest, ASegmentWithABadChecksumDidNotHappen) {
  start();
  RawTcp tcp = raw();
  expect_seen([&] {
    // Long enough that its checksum is checked late; it says something else of the same length.
    const std::string padding = "set p 0 0 100\r\n" + std::string(100, 'p') + "\r\n";
    tcp.send({.offset = 0, .bytes = padding + "set j 0 0 3\r\nbad\r\n", .bad_checksum = true});
    tcp.send_next(padding + set("k", "new"));
    ASSERT_TRUE(tcp.wait_received("STORED\r\nSTORED\r\n", soon()));
  });
}

TEST_F(PositionTest, ASegmentOfAnOldTimestampDidNotHappen) {
  start();
  RawTcp tcp = raw(true);
  tcp.send_next("version\r\n");
  ASSERT_TRUE(tcp.wait_received("\r\n", soon()));
  expect_seen([&] {
    tcp.send({.offset = tcp.next_offset(), .bytes = "set j 0 0 3\r\nbad\r\n", .timestamp_age = 60'000});
    tcp.send_next(set("k", "new"));
    ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  });
}

TEST_F(PositionTest, ASegmentBeyondTheWindowDidNotHappen) {
  start();
  RawTcp tcp = raw();
  expect_seen([&] {
    tcp.send({.offset = 1u << 30, .bytes = "set j 0 0 3\r\nbad\r\n"});
    tcp.send_next(set("k", "new"));
    ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  });
}

TEST_F(PositionTest, AKeepAliveProbeIsNoNewByte) {
  start();
  RawTcp tcp = raw();
  tcp.send_next("version\r\n");
  ASSERT_TRUE(tcp.wait_received("\r\n", soon()));
  expect_seen([&] {
    tcp.send({.offset = tcp.next_offset() - 1, .bytes = "?"});
    tcp.send_next("set k 0 ");
    tcp.send({.offset = tcp.next_offset() - 1, .bytes = "?"});
    tcp.send_next("0 3\r\nnew\r\n");
    ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  });
}

TEST_F(PositionTest, AForgedResetOutsideTheWindowEndsNothing) {
  start();
  RawTcp tcp = raw();
  tcp.send_next("set k 0 0 3\r\nol");
  ASSERT_TRUE(tcp.wait_acknowledged(tcp.next_offset(), soon()));
  tcp.send_next("d\r\n");
  ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  expect_seen([&] {
    tcp.send_next("set k 0 0 3\r\n");
    ASSERT_TRUE(tcp.wait_acknowledged(tcp.next_offset(), soon()));
    tcp.send_reset(1u << 30);
    tcp.send_next("new\r\n");
    ASSERT_TRUE(tcp.wait_received("STORED\r\nSTORED\r\n", soon()));
  });
}

TEST_F(PositionTest, DataWithTheFinIsSeen) {
  start();
  RawTcp tcp = raw();
  expect_seen([&] {
    tcp.send({.offset = 0, .bytes = "set k 0 0 3\r\nnew\r\n", .fin = true});
    ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  });
}

TEST_F(PositionTest, UrgentDataIsTakenOutOfTheStream) {
  start();
  TcpClient tcp(lab_.client(), lab_.link().server());
  expect_seen([&] {
    // The kernel delivers the urgent byte apart: memcached reads "set k 0 0 3\r\nnew\r\n".
    ASSERT_TRUE(tcp.send("set "));
    ASSERT_EQ(send(tcp.fd(), "X", 1, MSG_OOB), 1);
    ASSERT_TRUE(tcp.send("k 0 0 3\r\nnew\r\n"));
    ASSERT_EQ(tcp.read_line(), "STORED\r\n");
  });
  // And what it looked like with that byte left no trace.
  EXPECT_EQ(ask("k"), hit("k", "new"));
}

TEST_F(PositionTest, ACommandInsideAValueIsNone) {
  start();
  TcpClient tcp(lab_.client(), lab_.link().server());
  store("k", "v");
  ASSERT_TRUE(becomes_served("k", "v"));
  const double writes = bmcd_->packets("ingress", "write", "key");
  const std::string value = "x\r\nset k 0 0 1\r\nz\r\ndelete k\r\nflush_all\r\n";
  ASSERT_TRUE(tcp.send_cut(set("container", value), {20, 40}, CutMode::kAcknowledged));
  ASSERT_EQ(tcp.read_line(), "STORED\r\n");
  EXPECT_EQ(bmcd_->packets("ingress", "write", "key"), writes + 1);
  EXPECT_TRUE(ask_whom("k").from_kernel);
}

class OldConnectionTest : public PositionTest {};

TEST_F(OldConnectionTest, ARequestResponseClientIsBackInAFewRoundTrips) {
  start_memcached();
  TcpClient old(lab_.client(), lab_.link().server());
  ASSERT_EQ(old.command(set("k", "0")), "STORED\r\n");
  start_bmcd();
  store("other", "v");
  ASSERT_TRUE(becomes_served("other", "v"));
  for (int i = 1; i <= 5; ++i) {
    ASSERT_EQ(old.command(set("k", std::to_string(i))), "STORED\r\n");
    ASSERT_EQ(ask("k"), hit("k", std::to_string(i))) << "stale while the position was unknown";
  }
  EXPECT_TRUE(becomes_served("k", "5"));
  EXPECT_GE(bmcd_->packets("egress", "tcp", "in_step"), 1);
  // In step means: a write on another key leaves this one alone.
  ASSERT_EQ(old.command(set("elsewhere", "x")), "STORED\r\n");
  EXPECT_TRUE(ask_whom("k").from_kernel);
}

TEST_F(OldConnectionTest, AnIdleOneHoldsNothing) {
  start_memcached();
  TcpClient old(lab_.client(), lab_.link().server());
  ASSERT_TRUE(old.command("version\r\n"));
  start_bmcd();
  store("k", "v");
  EXPECT_TRUE(becomes_served("k", "v"));
}

TEST_F(OldConnectionTest, OneInTheMiddleOfAValueIsNeverMisread) {
  start_memcached();
  const std::string value = "first half " + set("k", "lie") + "delete k\r\n second half";
  const std::string command = set("big", value);
  const size_t half = command.find("set k");
  TcpClient old(lab_.client(), lab_.link().server());
  ASSERT_TRUE(old.send(command.substr(0, half)));
  ASSERT_TRUE(old.wait_acknowledged(soon()));
  start_bmcd();
  store("k", "truth");
  EXPECT_TRUE(becomes_served("k", "truth")) << "the unfinished write was sent before; it holds nothing yet";
  ASSERT_TRUE(old.send_cut(command.substr(half), {18, 40}, CutMode::kAcknowledged));
  ASSERT_EQ(old.read_line(), "STORED\r\n");
  for (int i = 0; i < 50; ++i) ASSERT_EQ(ask("k"), hit("k", "truth"));
  EXPECT_EQ(ask("big"), hit("big", value));
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(old.command(set("k", std::to_string(i))), "STORED\r\n");
    ASSERT_EQ(ask("k"), hit("k", std::to_string(i)));
  }
  EXPECT_TRUE(becomes_served("k", "4"));
}

TEST_F(OldConnectionTest, OneThatOnlyPipelinesHoldsTheCacheButNothingIsStale) {
  start_memcached();
  TcpClient old(lab_.client(), lab_.link().server());
  ASSERT_TRUE(old.send(set("k", "0") + "get "));
  ASSERT_EQ(old.read_line(), "STORED\r\n");
  start_bmcd();
  for (int i = 1; i <= 200; ++i) {
    // Never a quiet moment: each segment ends in the middle of the next command.
    ASSERT_TRUE(old.send("k\r\n" + set("k", std::to_string(i)) + "get "));
    ASSERT_TRUE(old.read_values());
    ASSERT_EQ(old.read_line(), "STORED\r\n");
    ASSERT_EQ(ask("k"), hit("k", std::to_string(i)));
  }
}

}  // namespace
}  // namespace bmc::lab

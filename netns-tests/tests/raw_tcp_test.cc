// SPDX-License-Identifier: Apache-2.0
// The hand-made TCP client against the kernel's TCP and memcached. Run by ctest, label netns.
#include "netns-tests/lib/raw_tcp.h"

#include <gtest/gtest.h>

#include "netns-tests/lib/memcached.h"

namespace bmc::lab {
namespace {

class RawTcpTest : public testing::Test {
 protected:
  RawTcp connect(bool timestamps = false) {
    return {lab_.client(), lab_.server(), lab_.link(), kMemcachedPort, timestamps};
  }
  Deadline soon() { return Deadline::in_ms(3000); }

  Lab lab_;
  Memcached memcached_{lab_.server()};
};

TEST_F(RawTcpTest, TalksToMemcached) {
  RawTcp tcp = connect();
  tcp.send_next("set k 0 0 5\r\nhello\r\n");
  ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  EXPECT_TRUE(tcp.wait_acknowledged(tcp.next_offset(), soon()));
}

TEST_F(RawTcpTest, TheKernelPutsEarlySegmentsInOrder) {
  RawTcp tcp = connect();
  tcp.send({.offset = 13, .bytes = "hello\r\n"});
  tcp.send({.offset = 0, .bytes = "set k 0 0 5\r\n"});
  EXPECT_TRUE(tcp.wait_received("STORED\r\n", soon()));
}

TEST_F(RawTcpTest, OverlappingRetransmissionDeliversTheFirstBytes) {
  RawTcp tcp = connect();
  tcp.send({.offset = 0, .bytes = "set k 0 0 5\r\nhel"});
  tcp.send({.offset = 13, .bytes = "XXXlo\r\n"});  // "XXX" overlaps what was delivered as "hel"
  ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  TcpClient reader(lab_.client(), lab_.link().server());
  EXPECT_EQ(reader.get("get k\r\n"), "VALUE k 0 5\r\nhello\r\nEND\r\n");
}

TEST_F(RawTcpTest, ABadChecksumIsNotDelivered) {
  RawTcp tcp = connect();
  const std::string wrong = "set k 0 0 100\r\n" + std::string(100, 'W') + "\r\n";
  const std::string right = "set k 0 0 100\r\n" + std::string(100, 'R') + "\r\n";
  tcp.send({.offset = 0, .bytes = wrong, .bad_checksum = true});
  tcp.send_next(right);
  ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  TcpClient reader(lab_.client(), lab_.link().server());
  EXPECT_EQ(reader.get("get k\r\n"), "VALUE k 0 100\r\n" + std::string(100, 'R') + "\r\nEND\r\n");
}

TEST_F(RawTcpTest, AnOldTimestampIsNotDelivered) {
  RawTcp tcp = connect(true);
  tcp.send_next("set k 0 0 1\r\na\r\n");
  ASSERT_TRUE(tcp.wait_received("STORED\r\n", soon()));
  tcp.send({.offset = tcp.next_offset(), .bytes = "set k 0 0 1\r\nW\r\n", .timestamp_age = 50'000});
  tcp.send_next("set k 0 0 1\r\nR\r\n");
  ASSERT_TRUE(tcp.wait_received("STORED\r\nSTORED\r\n", soon()));
  TcpClient reader(lab_.client(), lab_.link().server());
  EXPECT_EQ(reader.get("get k\r\n"), "VALUE k 0 1\r\nR\r\nEND\r\n");
}

TEST_F(RawTcpTest, AResetEndsTheConnection) {
  RawTcp tcp = connect();
  tcp.send_next("version\r\n");
  ASSERT_TRUE(tcp.wait_received("\r\n", soon()));
  const std::string connections = memcached_.stat("curr_connections");
  tcp.send_reset();
  EXPECT_TRUE(eventually(soon(), [&] { return memcached_.stat("curr_connections") < connections; }));
}

}  // namespace
}  // namespace bmc::lab

// SPDX-License-Identifier: Apache-2.0
// After a write of a cached item the kernel answers with the new value, at once, and never with another one.
// Run by ctest, label netns.
#include "netns-tests/tests/accelerated.h"

namespace bmc::lab {
namespace {

class StageTest : public Accelerated {
 protected:
  double published() const { return bmcd_->packets("egress", "publish", "ok"); }
};

TEST_F(StageTest, TheGetAfterStoredIsAHit) {
  start();
  store("k", "old");
  ASSERT_TRUE(becomes_served("k", "old"));
  for (int i = 0; i < 20; ++i) {
    const std::string value = "value " + std::to_string(i);
    store("k", value);
    const Answer answer = ask_whom("k");
    EXPECT_EQ(answer.reply, hit("k", value));
    EXPECT_TRUE(answer.from_kernel) << i;
  }
  EXPECT_EQ(published(), 20);
}

TEST_F(StageTest, WithoutItTheGetAfterStoredIsAMiss) {
  start_memcached();
  start_bmcd({.extra = {"--revalidate-after", "0", "--stage-writes", "false"}});
  store("k", "old");
  ASSERT_TRUE(becomes_served("k", "old"));
  store("k", "new");
  const Answer answer = ask_whom("k");
  EXPECT_EQ(answer.reply, hit("k", "new"));
  EXPECT_FALSE(answer.from_kernel);
  EXPECT_EQ(published(), 0);
}

// memcached's reply is its own flags; ours must be these, or none.
TEST_F(StageTest, FlagsThatMemcachedWritesOtherwise) {
  start();
  TcpClient client(lab_.server(), memcached_->loopback());
  for (const char* flags : {"0", "7", "007", "4294967295", "4294967297"}) {
    SCOPED_TRACE(flags);
    store("k", "old");
    ASSERT_TRUE(becomes_served("k", "old"));
    client.command("set k " + std::string(flags) + " 0 3\r\nnew\r\n");
    const std::string now = truth("k");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("k"), now);
  }
}

TEST_F(StageTest, ItExpiresAsTheWriteSaid) {
  start();
  store("k", "old");
  ASSERT_TRUE(becomes_served("k", "old"));
  store("k", "new", 3);
  const int64_t written = now_ns();
  const Answer answer = ask_whom("k");
  EXPECT_EQ(answer.reply, hit("k", "new"));
  EXPECT_TRUE(answer.from_kernel);
  ASSERT_TRUE(eventually(Deadline::in_ms(10'000), [&] {
    const double hits = bmcd_->hits();
    const int64_t asked = now_ns();
    const std::string reply = ask("k");
    if (bmcd_->hits() > hits) {
      EXPECT_LT(asked, (written / kSecond + 3) * kSecond) << "served after it was over";
    }
    return reply == kMiss;
  }));
}

// Whatever is written in whatever way between and at the same time, the kernel says what memcached says.
TEST_F(StageTest, WritesOfOneKeyInManyWays) {
  start();
  TcpClient one(lab_.client(), lab_.link().server()), two(lab_.client(), lab_.link().server());
  UdpClient datagrams(lab_.client(), lab_.link().server());
  store("k", "old");
  ASSERT_TRUE(becomes_served("k", "old"));
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    store("k", "before");
    memcached_->freeze();
    ASSERT_TRUE(one.send("set k 0 0 3\r\none\r\n"));
    if (round % 6 == 1) {
      ASSERT_TRUE(two.send("set k 0 0 3\r\ntwo\r\n"));
    }
    if (round % 6 == 2) {
      ASSERT_TRUE(one.send("append k 0 0 1\r\n+\r\n"));
    }
    if (round % 6 == 3) {
      ASSERT_TRUE(datagrams.send(datagrams.next_id(), "set k 0 0 3\r\nudp\r\n"));
    }
    if (round % 6 == 4) {
      ASSERT_TRUE(two.send("flush_all\r\n"));
    }
    if (round % 6 == 5) {
      ASSERT_TRUE(one.send("delete k noreply\r\nset k 0 0 3\r\nlow\r\n"));
    }
    memcached_->thaw();
    ASSERT_EQ(one.read_line(), "STORED\r\n");
    if (round % 6 == 2 || round % 6 == 5) {
      ASSERT_EQ(one.read_line(), "STORED\r\n");
    }
    if (round % 6 == 1) {
      ASSERT_EQ(two.read_line(), "STORED\r\n");
    }
    if (round % 6 == 3) {
      ASSERT_TRUE(datagrams.receive(Deadline::in_ms(5000)));
    }
    if (round % 6 == 4) {
      ASSERT_EQ(two.read_line(), "OK\r\n");
    }
    const std::string now = truth("k");
    for (int i = 0; i < 5; ++i) ASSERT_EQ(ask("k"), now);
  }
  EXPECT_EQ(bmcd_->packets("tc", "compare", "mismatch"), 0);
}

TEST_F(StageTest, AKilledMemcachedTakesItAlong) {
  start();
  store("k", "old");
  ASSERT_TRUE(becomes_served("k", "old"));
  TcpClient client(lab_.client(), lab_.link().server());
  memcached_->freeze();
  ASSERT_TRUE(client.send("set k 0 0 3\r\nnew\r\n"));
  ASSERT_TRUE(client.wait_acknowledged(Deadline::in_ms(5000)));
  memcached_->kill_hard();
  memcached_->start_again();
  EXPECT_EQ(ask("k"), kMiss);
}

}  // namespace
}  // namespace bmc::lab

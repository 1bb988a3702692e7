// SPDX-License-Identifier: Apache-2.0
// No item is served at or after the second it expires, whatever told its expiry. Run by ctest, label netns.
//
// memcached's clock is seconds of CLOCK_MONOTONIC, read once a second: an item whose write was acknowledged
// in second s with a life of n is over, at the latest, when second s + n begins. memcached itself may notice
// up to a second later; the kernel may not answer any more.
#include <ctime>
#include <functional>

#include "netns-tests/lib/binary_protocol.h"
#include "netns-tests/tests/accelerated.h"

namespace bmc::lab {
namespace {

constexpr int64_t kLife = 4;

/// A way to give an item a life of kLife seconds.
struct Way {
  const char* key;
  std::function<void(TcpClient& tcp, UdpClient& udp)> write;
};

void expect_line(TcpClient& tcp, const std::string& command, const std::string& reply) {
  ASSERT_EQ(tcp.command(command), reply) << command;
}

std::vector<Way> ways() {
  const std::string life = std::to_string(kLife);
  const auto stored_for_ever = [](TcpClient& tcp, const std::string& key) {
    expect_line(tcp, "set " + key + " 0 0 1\r\nv\r\n", "STORED\r\n");
  };
  return {
      {"set", [=](TcpClient& tcp,
                  UdpClient&) { expect_line(tcp, "set set 0 " + life + " 1\r\nv\r\n", "STORED\r\n"); }},
      {"absolute",
       [=](TcpClient& tcp, UdpClient&) {
         expect_line(tcp, "set absolute 0 " + std::to_string(time(nullptr) + kLife) + " 1\r\nv\r\n",
                     "STORED\r\n");
       }},
      {"meta-set", [=](TcpClient& tcp,
                       UdpClient&) { expect_line(tcp, "ms meta-set 1 T" + life + "\r\nv\r\n", "HD\r\n"); }},
      {"touch",
       [=](TcpClient& tcp, UdpClient&) {
         stored_for_ever(tcp, "touch");
         expect_line(tcp, "touch touch " + life + "\r\n", "TOUCHED\r\n");
       }},
      {"gat",
       [=](TcpClient& tcp, UdpClient&) {
         stored_for_ever(tcp, "gat");
         ASSERT_EQ(tcp.get("gat " + life + " gat\r\n"), "VALUE gat 0 1\r\nv\r\nEND\r\n");
       }},
      {"meta-get",
       [=](TcpClient& tcp, UdpClient&) {
         stored_for_ever(tcp, "meta-get");
         expect_line(tcp, "mg meta-get T" + life + "\r\n", "HD\r\n");
       }},
      {"append",
       [=](TcpClient& tcp, UdpClient&) {
         expect_line(tcp, "set append 0 " + life + " 0\r\n\r\n", "STORED\r\n");
         expect_line(tcp, "append append 0 0 1\r\nv\r\n", "STORED\r\n");
       }},
      {"udp-set",
       [=](TcpClient&, UdpClient& udp) {
         ASSERT_EQ(udp.request("set udp-set 0 " + life + " 1\r\nv\r\n"), "STORED\r\n");
       }},
      {"udp-touch", [=](TcpClient& tcp, UdpClient& udp) {
         stored_for_ever(tcp, "udp-touch");
         ASSERT_EQ(udp.request("touch udp-touch " + life + "\r\n"), "TOUCHED\r\n");
       }}};
}

class ExpiryTest : public Accelerated {
 protected:
  /// Waits until early in a second, so that what follows falls into one.
  static int64_t start_of_a_second() {
    const int64_t next = now_ns() / kSecond + 1;
    wait_until_ns(next * kSecond + 20 * kMillisecond);
    return next;
  }

  /// From second `second` on the kernel answers none of `keys`; memcached still may for a while, then not.
  void expect_over_at(int64_t second, const std::vector<std::string>& keys) {
    wait_until_ns(second * kSecond - 50 * kMillisecond);
    const double hits_before = bmcd_->hits();
    wait_until_ns(second * kSecond);
    const Deadline end = Deadline::in_ms(1500);
    while (!end.passed())
      for (const auto& key : keys) EXPECT_NE(ask(key), "");
    EXPECT_EQ(bmcd_->hits(), hits_before) << "served at or after the second of the expiry";
    for (const auto& key : keys) EXPECT_EQ(ask(key), kMiss) << key;
  }
};

TEST_F(ExpiryTest, OfEveryKindOfWriteIsObserved) {
  start();
  store("for-ever", "v");
  TcpClient tcp(lab_.client(), lab_.link().server());
  UdpClient udp(lab_.client(), lab_.link().server());
  std::vector<std::string> keys;
  const int64_t second = start_of_a_second();
  for (const auto& way : ways()) {
    way.write(tcp, udp);
    keys.emplace_back(way.key);
  }
  ASSERT_EQ(now_ns() / kSecond, second) << "the writes took too long for this test";
  for (const auto& key : keys) EXPECT_TRUE(becomes_served(key, "v", 1500)) << key;
  EXPECT_TRUE(becomes_served("for-ever", "v"));
  expect_over_at(second + kLife, keys);
  EXPECT_TRUE(becomes_served("for-ever", "v")) << "the twin that does not expire";
}

TEST_F(ExpiryTest, OfBinaryWritesIsObserved) {
  start();
  TcpClient tcp(lab_.client(), lab_.link().server());
  const int64_t second = start_of_a_second();
  tcp.send(encode({.op = BinaryOp::kSet, .extras = store_extras(0, kLife), .key = "set", .value = "v"}) +
           encode({.op = BinaryOp::kSet, .extras = store_extras(0, 0), .key = "touch", .value = "v"}) +
           encode({.op = BinaryOp::kTouch, .extras = big_endian32(kLife), .key = "touch"}) +
           encode({.op = BinaryOp::kSetQ, .extras = store_extras(0, kLife), .key = "quiet", .value = "v"}) +
           encode({.op = BinaryOp::kNoop}));
  for (int replies = 0; replies < 4; ++replies) ASSERT_TRUE(read_response(tcp));
  ASSERT_EQ(now_ns() / kSecond, second);
  for (const char* key : {"set", "touch", "quiet"}) EXPECT_TRUE(becomes_served(key, "v", 1500)) << key;
  expect_over_at(second + kLife, {"set", "touch", "quiet"});
}

TEST_F(ExpiryTest, OfItemsOlderThanBmcdIsAskedFor) {
  constexpr int64_t kLongLife = 20;
  start_memcached();
  const int64_t second = start_of_a_second();
  store("old", "v", kLongLife);
  store("old-for-ever", "v");
  ASSERT_EQ(now_ns() / kSecond, second);
  start_bmcd();
  EXPECT_TRUE(becomes_served("old", "v"));
  EXPECT_TRUE(becomes_served("old-for-ever", "v"));
  ASSERT_LT(now_ns() / kSecond, second + kLongLife - 1) << "bmcd took too long to start for this test";
  expect_over_at(second + kLongLife, {"old"});
  EXPECT_TRUE(becomes_served("old-for-ever", "v"));
}

TEST_F(ExpiryTest, InThePastMeansNever) {
  start();
  TcpClient tcp(lab_.client(), lab_.link().server());
  store("present", "v");
  ASSERT_TRUE(becomes_served("present", "v"));
  for (const char* exptime : {"-1", "2592001"}) {
    for (const std::string& command : {"set present 0 " + std::string(exptime) + " 1\r\nv\r\n",
                                       "touch present " + std::string(exptime) + "\r\n"}) {
      store("present", "v");
      ASSERT_TRUE(becomes_served("present", "v"));
      ASSERT_TRUE(tcp.command(command));
      EXPECT_EQ(ask("present"), kMiss) << command;
      EXPECT_TRUE(stays_unserved("present", kMiss, 300)) << command;
    }
  }
}

TEST_F(ExpiryTest, ATouchThatProlongsKeepsItServed) {
  start();
  TcpClient tcp(lab_.client(), lab_.link().server());
  const int64_t second = start_of_a_second();
  store("k", "v", 2);
  expect_line(tcp, "touch k 0\r\n", "TOUCHED\r\n");
  EXPECT_TRUE(becomes_served("k", "v", 1500));
  wait_until_ns((second + 3) * kSecond + 100 * kMillisecond);
  EXPECT_TRUE(becomes_served("k", "v"));
}

class FlushTest : public ExpiryTest {};

TEST_F(FlushTest, AtOnceEndsEverything) {
  start();
  TcpClient tcp(lab_.client(), lab_.link().server());
  for (int i = 0; i < 20; ++i) {
    store("k", std::to_string(i));
    ASSERT_TRUE(becomes_served("k", std::to_string(i)));
    expect_line(tcp, "flush_all\r\n", "OK\r\n");
    ASSERT_EQ(ask("k"), kMiss) << i;
  }
  EXPECT_TRUE(stays_unserved("k", kMiss, 300));
}

TEST_F(FlushTest, DelayedActsAtItsTime) {
  start();
  TcpClient tcp(lab_.client(), lab_.link().server());
  store("k", "v");
  ASSERT_TRUE(becomes_served("k", "v"));
  const int64_t second = start_of_a_second();
  expect_line(tcp, "flush_all 3\r\n", "OK\r\n");
  ASSERT_EQ(now_ns() / kSecond, second);
  EXPECT_EQ(ask("k"), hit("k", "v")) << "its time has not come";
  expect_over_at(second + 3, {"k"});
  // One more tick of memcached's: until then it forgets at once what is stored.
  ASSERT_TRUE(eventually(Deadline::in_ms(5000), [&] {
    store("k", "new");
    return ask("k") == hit("k", "new");
  }));
  EXPECT_TRUE(becomes_served("k", "new"));
}

TEST_F(FlushTest, OverUdpAndInTheBinaryProtocol) {
  start();
  store("k", "v");
  ASSERT_TRUE(becomes_served("k", "v"));
  UdpClient udp(lab_.client(), lab_.link().server());
  ASSERT_EQ(udp.request("flush_all\r\n"), "OK\r\n");
  EXPECT_EQ(ask("k"), kMiss);
  store("k", "w");
  ASSERT_TRUE(becomes_served("k", "w"));
  TcpClient tcp(lab_.client(), lab_.link().server());
  ASSERT_TRUE(tcp.send(encode({.op = BinaryOp::kFlush})));
  ASSERT_TRUE(read_response(tcp));
  EXPECT_EQ(ask("k"), kMiss);
}

}  // namespace
}  // namespace bmc::lab

// SPDX-License-Identifier: Apache-2.0
// Living beside memcached: modes, keep-alive of its LRU, several servers, what is refused, writers on every
// path. Run by ctest, label netns.
#include <cstdio>
#include <fstream>

#include "netns-tests/tests/accelerated.h"

namespace bmc::lab {
namespace {

class CoexistTest : public Accelerated {};

TEST_F(CoexistTest, ModesServeCompareOrDoNothing) {
  start();
  store("k", "v");
  ASSERT_TRUE(becomes_served("k", "v"));
  ASSERT_EQ(bmcd_->ctl({"mode", "bypass"}).exit_code, 0);
  EXPECT_TRUE(stays_unserved("k", hit("k", "v"), 200));
  ASSERT_EQ(bmcd_->ctl({"mode", "shadow"}).exit_code, 0);
  const double equal = bmcd_->packets("tc", "compare", "equal");
  EXPECT_TRUE(stays_unserved("k", hit("k", "v"), 200));
  EXPECT_GT(bmcd_->packets("tc", "compare", "equal"), equal);
  EXPECT_EQ(bmcd_->packets("tc", "compare", "mismatch"), 0);
  ASSERT_EQ(bmcd_->ctl({"mode", "serve"}).exit_code, 0);
  EXPECT_TRUE(becomes_served("k", "v"));
}

TEST_F(CoexistTest, InvalidateForgetsOneKeyOrAll) {
  start();
  for (const char* key : {"a", "b"}) {
    store(key, "v");
    ASSERT_TRUE(becomes_served(key, "v"));
  }
  ASSERT_EQ(bmcd_->ctl({"invalidate", "a"}).exit_code, 0);
  EXPECT_FALSE(ask_whom("a").from_kernel);
  EXPECT_TRUE(ask_whom("b").from_kernel);
  ASSERT_EQ(bmcd_->ctl({"invalidate", "--all"}).exit_code, 0);
  EXPECT_FALSE(ask_whom("b").from_kernel);
  EXPECT_TRUE(becomes_served("a", "v"));
}

TEST_F(CoexistTest, WritersOnEveryPathAreSeenAtOnce) {
  start();
  const Link later = lab_.add_link();  // appears while bmcd runs, and bmcd was not told of it
  TcpClient loopback4(lab_.server(), memcached_->loopback());
  TcpClient loopback6(lab_.server(), memcached_->loopback(true));
  TcpClient served6(lab_.client(), lab_.link().server(true));
  TcpClient other4(lab_.client(), later.server());
  TcpClient other6(lab_.client(), later.server(true));
  TcpClient own_address(lab_.server(), lab_.link().server());
  UdpClient udp_other(lab_.client(), later.server());
  UdpClient udp_loopback(lab_.server(), memcached_->loopback());
  UdpClient udp_served6(lab_.client(), lab_.link().server(true));
  int version = 0;
  for (int round = 0; round < 10; ++round) {
    for (TcpClient* writer : {&loopback4, &loopback6, &served6, &other4, &other6, &own_address}) {
      const std::string before = std::to_string(version);
      store("k", before);
      if (round == 0) {
        ASSERT_TRUE(becomes_served("k", before));
      }
      const std::string value = std::to_string(++version);
      ASSERT_EQ(writer->command("set k 0 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n"),
                "STORED\r\n");
      ASSERT_EQ(ask("k"), hit("k", value));
    }
    for (UdpClient* writer : {&udp_other, &udp_loopback, &udp_served6}) {
      if (round == 0) {
        ASSERT_TRUE(becomes_served("k", std::to_string(version)));
      }
      const std::string value = std::to_string(++version);
      ASSERT_EQ(writer->request("set k 0 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n"),
                "STORED\r\n");
      ASSERT_EQ(ask("k"), hit("k", value));
    }
  }
  EXPECT_TRUE(becomes_served("k", std::to_string(version)));
}

TEST_F(CoexistTest, FindsTheServerItself) {
  start_memcached();
  start_bmcd({.servers = {}});
  store("k", "v");
  EXPECT_TRUE(becomes_served("k", "v"));
}

TEST_F(CoexistTest, APortThatIsNotServedIsLeftAlone) {
  start_memcached();
  Memcached other(lab_.server(), {.port = 11299, .udp_port = 11299});
  start_bmcd({.servers = {lab_.link().server()}});
  store("k", "served");
  TcpClient tcp(lab_.client(), lab_.link().server(false, 11299));
  ASSERT_EQ(tcp.command("set k 0 0 5\r\nother\r\n"), "STORED\r\n");
  ASSERT_TRUE(becomes_served("k", "served"));
  const double hits = bmcd_->hits();
  UdpClient udp(lab_.client(), lab_.link().server(false, 11299));
  for (int i = 0; i < 50; ++i) ASSERT_EQ(udp.request("get k\r\n"), hit("k", "other"));
  EXPECT_EQ(bmcd_->hits(), hits);
}

TEST_F(CoexistTest, TwoServersOnOneHostAreNotMixedUp) {
  start_memcached();
  Memcached other(lab_.server(), {.port = 11299, .udp_port = 11299});
  start_bmcd({.servers = {lab_.link().server(), lab_.link().server(false, 11299)}});
  store("k", "first");
  TcpClient tcp(lab_.client(), lab_.link().server(false, 11299));
  ASSERT_EQ(tcp.command("set k 0 0 6\r\nsecond\r\n"), "STORED\r\n");
  UdpClient udp(lab_.client(), lab_.link().server(false, 11299));
  ASSERT_TRUE(becomes_served("k", "first"));
  ASSERT_TRUE(eventually(Deadline::in_ms(10'000), [&] {
    const double before = bmcd_->hits();
    EXPECT_EQ(udp.request("get k\r\n"), hit("k", "second"));
    return bmcd_->hits() > before;
  }));
  ASSERT_EQ(tcp.command("flush_all\r\n"), "OK\r\n");
  EXPECT_EQ(udp.request("get k\r\n"), kMiss);
  EXPECT_TRUE(ask_whom("k").from_kernel) << "a flush of one server emptied the other's cache";
}

TEST_F(CoexistTest, APortWithAnAuthFileIsRefusedAndSaysWhy) {
  const std::string file = "/tmp/bmc-t-" + std::to_string(getpid()) + "-auth";
  std::ofstream(file) << "user:password\n";
  start_memcached({.udp_port = 0, .extra = {"-Y", file}, .wait_ready = false});
  ASSERT_TRUE(eventually(Deadline::in_ms(5000), [&] {
    return TcpClient::try_connect(lab_.server(), memcached_->loopback()).has_value();
  }));
  start_bmcd({.servers = {lab_.link().server()}, .wait_ready = false});
  EXPECT_TRUE(eventually(Deadline::in_ms(10'000), [&] {
    const std::string said = bmcd_->process().output() + bmcd_->ctl({"status"}).output;
    return said.find("not served") != std::string::npos && said.find("(-Y)") != std::string::npos;
  })) << bmcd_->process().output();
  std::remove(file.c_str());
}

/// Fills a small memcached with cold items until everything not used meanwhile has been evicted.
class KeepAliveTest : public Accelerated {
 protected:
  static constexpr unsigned kMemoryMb = 4;
  /// A frame between two namespaces has room for about so much more.
  static constexpr unsigned kValueBytes = 150;

  void start_small(const std::string& revalidate_after) {
    start_memcached({.memory_mb = kMemoryMb});
    start_bmcd({.extra = {"--revalidate-after", revalidate_after}});
    store("hot", std::string(kValueBytes, 'h'));
    store("cold", std::string(kValueBytes, 'c'));
    ASSERT_TRUE(becomes_served("hot", std::string(kValueBytes, 'h')));
  }

  /// At least six seconds, and enough to evict all, of cold traffic while `hot` is read over UDP all the
  /// time.
  void churn() {
    TcpClient tcp(lab_.server(), memcached_->loopback());
    const std::string value(kValueBytes, 'x');
    int number = 0;
    const Deadline end = Deadline::in_ms(6000);
    for (int batches = 0; batches < 1500 || !end.passed(); ++batches) {
      std::string batch;
      for (int i = 0; i < 40; ++i)
        batch += "set churn" + std::to_string(number++) + " 0 0 " + std::to_string(kValueBytes) +
                 " noreply\r\n" + value + "\r\n";
      ASSERT_TRUE(tcp.send(batch));
      ASSERT_EQ(tcp.command("mn\r\n"), "MN\r\n");
      ASSERT_EQ(ask("hot").empty(), false);
      wait_until_ns(now_ns() + 4 * kMillisecond);
    }
    ASSERT_GT(std::stoull(memcached_->stat("evictions")), 1000u);
  }

  /// Without touching it.
  bool memcached_has(const std::string& key) {
    TcpClient tcp(lab_.server(), memcached_->loopback());
    return tcp.command("me " + key + "\r\n") != "EN\r\n";
  }
};

// bmcd has just been told of it by memcached: nothing needs to be shown so soon.
TEST_F(KeepAliveTest, AnItemWhoseExpiryWasAskedForIsServedAtOnce) {
  start_memcached();
  store("old", "value");
  start_bmcd({.extra = {"--revalidate-after", "100h"}});
  ASSERT_TRUE(becomes_served("old", "value"));
  EXPECT_EQ(bmcd_->packets("xdp", "pass", "keepalive"), 0);
}

TEST_F(KeepAliveTest, AHotItemServedByTheKernelIsNotEvicted) {
  start_small("200ms");
  const double hits = bmcd_->hits();
  churn();
  EXPECT_GT(bmcd_->hits(), hits) << "it was not the kernel that answered";
  EXPECT_GT(bmcd_->packets("xdp", "pass", "keepalive"), 0);
  EXPECT_TRUE(memcached_has("hot"));
  EXPECT_FALSE(memcached_has("cold")) << "the twin nobody read should be gone";
}

}  // namespace
}  // namespace bmc::lab

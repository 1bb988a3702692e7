// SPDX-License-Identifier: Apache-2.0
// Where next to nothing can be answered bmcd rests, wakes when gets come, and in all that time nobody gets an
// old value. Run by ctest, label netns.
#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "netns-tests/lib/tcp_client.h"
#include "netns-tests/tests/accelerated.h"
#include "netns-tests/tests/steady_load.h"

namespace bmc::lab {
namespace {

constexpr int64_t kRestMs = 60'000;

/// Gets over TCP, one after the other: nothing that could be answered in front of memcached.
class TcpLoad {
 public:
  TcpLoad(const Netns& netns, const Endpoint& server) : client_(netns, server), thread_([this] { loop(); }) {}
  ~TcpLoad() { stop(); }
  TcpLoad(const TcpLoad&) = delete;
  TcpLoad& operator=(const TcpLoad&) = delete;

  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  uint64_t wrong() const { return wrong_; }

 private:
  void loop() {
    while (!stop_)
      if (client_.get("get nobody has this\r\n") != "END\r\n") ++wrong_;
  }

  TcpClient client_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> wrong_{0};
  std::thread thread_;
};

class RestTest : public Accelerated {
 protected:
  void start_soon_resting() {
    start_memcached();
    start_bmcd({.extra = {"--revalidate-after", "0", "--rest-after", "2s"}});
    // Not by gets: misses in the window that is judged are a reason to rest for longer.
    ASSERT_TRUE(eventually(Deadline::in_ms(kRestMs), [this] { return servers("bmcd_server_held") == 0; }));
  }

  /// Of how many servers this gauge is 1; -1: of none it is told.
  int servers(const std::string& gauge) const {
    int found = -1;
    for (const auto& [name, value] : bmcd_->metrics())
      if (name.starts_with(gauge + "{")) found = std::max(found, 0) + static_cast<int>(value);
    return found;
  }
  bool rests() const { return servers("bmcd_server_resting") > 0; }

  bool goes_to_rest() {
    TcpLoad load(lab_.client(), lab_.link().server());
    const bool rested = eventually(Deadline::in_ms(kRestMs), [this] { return rests(); });
    load.stop();
    EXPECT_EQ(load.wrong(), 0u);
    return rested;
  }

  /// By gets of `key`, which are answered with `value` all the while.
  bool wakes(const std::string& key, const std::string& value) {
    SteadyLoad load(lab_.client(), lab_.link().server(), key, hit(key, value));
    const bool woke = eventually(Deadline::in_ms(kRestMs), [this] { return !rests(); });
    load.stop();
    EXPECT_EQ(load.wrong(), 0u);
    return woke;
  }

  /// Whether this program sees the host's packets, or the end of its sockets.
  bool observes(const std::string& program) const {
    return bmcd_->ctl({"status"}).output.find(program) != std::string::npos;
  }

  void leave_unfinished(const std::string& key) {
    ASSERT_TRUE(udp_.send(udp_.next_id(), "set " + key + " 0 0 100000\r\nbegin"));
    ASSERT_TRUE(eventually(Deadline::in_ms(10'000), [this] { return workers_within_a_value() == 1; }));
  }
  int workers_within_a_value() {
    TcpClient admin(memcached_->netns(), memcached_->loopback());
    int found = 0;
    EXPECT_TRUE(admin.send("stats conns\r\n"));
    for (auto line = admin.read_line(); line && *line != "END\r\n"; line = admin.read_line())
      if (line->ends_with(":state conn_nread\r\n")) ++found;
    return found;
  }

  /// Its worker takes gets for the rest of the value.
  void expect_held_until_finished(const std::string& key) {
    ASSERT_TRUE(
        bmcd_->process().wait_for_output("wait for the rest of a value over UDP", Deadline::in_ms(kRestMs)));
    EXPECT_EQ(servers("bmcd_server_held"), 1);
    std::string long_get = "get";
    for (int i = 0; i < 5; ++i) long_get += " " + std::string(200, 'x');
    long_get += "\r\n";
    ASSERT_TRUE(eventually(Deadline::in_ms(kRestMs), [&] {
      // So many at a time that it gets its turn.
      for (int i = 0; i < 100; ++i) udp_.send(udp_.next_id(), long_get);
      return workers_within_a_value() == 0;
    }));
    store(key, "new");
    EXPECT_TRUE(becomes_served(key, "new", kRestMs));
  }

  /// memcached is asked first: what it has forgotten by then the kernel must have, too.
  bool is_forgotten_with_memcached(const std::string& key) {
    return eventually(Deadline::in_ms(40'000), [&] {
      const bool is_gone = truth(key) == kMiss;
      const std::string reply = ask(key);
      if (is_gone) {
        EXPECT_EQ(reply, kMiss);
      }
      return is_gone;
    });
  }
};

TEST_F(RestTest, TcpAloneIsNotWatched_AndGetsAreServedAgain) {
  start_soon_resting();
  TcpClient writer(lab_.client(), lab_.link().server());
  ASSERT_EQ(writer.command("set k 0 0 3\r\nold\r\n"), "STORED\r\n");
  ASSERT_TRUE(becomes_served("k", "old"));
  ASSERT_TRUE(goes_to_rest());
  EXPECT_NE(bmcd_->ctl({"status"}).output.find("resting"), std::string::npos)
      << bmcd_->ctl({"status"}).output;
  // Unseen, on connections of before and of now.
  ASSERT_EQ(writer.command("set k 0 0 3\r\nnew\r\n"), "STORED\r\n");
  store("other", "v");
  EXPECT_TRUE(stays_unserved("k", hit("k", "new"), 300));
  ASSERT_TRUE(rests()) << "a few gets are nothing to wake for";
  ASSERT_TRUE(wakes("k", "new"));
  ASSERT_TRUE(becomes_served("k", "new"));
  // The writer's connection is followed again.
  for (const char* value : {"one", "two", "six"}) {
    ASSERT_EQ(writer.command("set k 0 0 3\r\n" + std::string(value) + "\r\n"), "STORED\r\n");
    EXPECT_EQ(ask("k"), hit("k", value));
  }
  EXPECT_TRUE(becomes_served("k", "six"));
}

TEST_F(RestTest, PacketsAreNotObservedDuringTheRest) {
  start_soon_resting();
  EXPECT_TRUE(observes("cache_ingress") && observes("cache_egress") && observes("cache_release"));
  ASSERT_TRUE(goes_to_rest());
  EXPECT_FALSE(observes("cache_ingress") || observes("cache_egress"));
  EXPECT_TRUE(observes("cache_release")) << "memcached may end";
  store("k", "v");
  ASSERT_TRUE(wakes("k", "v"));
  EXPECT_TRUE(observes("cache_ingress") && observes("cache_egress") && observes("cache_release"));
  ASSERT_TRUE(becomes_served("k", "v"));
  store("k", "w");
  EXPECT_EQ(ask("k"), hit("k", "w"));
}

TEST_F(RestTest, AServerThatComesDuringTheRestIsObserved) {
  constexpr uint16_t kOtherPort = 11311;
  start_memcached();
  start_bmcd({.servers = {{"127.0.0.1", 11211}, {"127.0.0.1", kOtherPort}},
              .extra = {"--revalidate-after", "0", "--rest-after", "2s"}});
  ASSERT_TRUE(eventually(Deadline::in_ms(kRestMs), [this] { return servers("bmcd_server_held") == 0; }));
  ASSERT_TRUE(goes_to_rest());
  const Memcached other(lab_.server(), {.port = kOtherPort, .udp_port = kOtherPort});
  const Endpoint address{lab_.link().server().ip, kOtherPort};
  TcpClient writer(lab_.client(), address);
  UdpClient reader(lab_.client(), address);
  for (const char* value : {"one", "two"}) {
    ASSERT_EQ(writer.command("set k 0 0 3\r\n" + std::string(value) + "\r\n"), "STORED\r\n");
    const double hits = bmcd_->hits();
    EXPECT_TRUE(eventually(Deadline::in_ms(kRestMs), [&] {
      EXPECT_EQ(reader.request("get k\r\n"), hit("k", value));
      return bmcd_->hits() > hits;
    }));
  }
}

// Whoever reads the rest of it takes for it what looks like a get.
TEST_F(RestTest, AValueLeftUnfinishedDuringTheRestHoldsAll_UntilItEnds) {
  start_soon_resting();
  ASSERT_TRUE(goes_to_rest());
  store("k", "old");
  leave_unfinished("k");
  // Some of these it takes, too, and they are not answered.
  ASSERT_TRUE(eventually(Deadline::in_ms(kRestMs), [this] {
    for (int i = 0; i < 10; ++i) udp_.send(udp_.next_id(), "get k\r\n");
    return !rests();
  }));
  expect_held_until_finished("k");
}

TEST_F(RestTest, AValueLeftUnfinishedBeforeBmcdHoldsAll_UntilItEnds) {
  start_memcached();
  store("k", "old");
  leave_unfinished("k");
  start_bmcd();
  expect_held_until_finished("k");
}

// All of which memcached lists when it is asked for unfinished values. No more than a process may open.
TEST_F(RestTest, ManyConnectionsAreNoHindrance) {
  start_memcached();
  std::vector<std::unique_ptr<TcpClient>> many;
  for (int i = 0; i < 900; ++i)
    many.push_back(std::make_unique<TcpClient>(lab_.client(), lab_.link().server()));
  start_bmcd();
  store("k", "v");
  EXPECT_TRUE(becomes_served("k", "v"));
}

TEST_F(RestTest, AFlushAllOfDuringTheRestActsInItsTime) {
  start_soon_resting();
  ASSERT_TRUE(goes_to_rest());
  store("k", "v");
  TcpClient admin(lab_.client(), lab_.link().server());
  ASSERT_EQ(admin.command("flush_all 20\r\n"), "OK\r\n");
  ASSERT_TRUE(wakes("k", "v"));
  ASSERT_TRUE(becomes_served("k", "v")) << "there is time before it acts";
  EXPECT_TRUE(is_forgotten_with_memcached("k"));
}

TEST_F(RestTest, AFlushAllOfBeforeBmcdActsInItsTime) {
  start_memcached();
  store("k", "v");
  TcpClient admin(lab_.client(), lab_.link().server());
  ASSERT_EQ(admin.command("flush_all 20\r\n"), "OK\r\n");
  start_bmcd();
  ASSERT_TRUE(becomes_served("k", "v"));
  EXPECT_TRUE(is_forgotten_with_memcached("k"));
}

TEST_F(RestTest, ItBeginsAnewBesideARestedServer) {
  start_soon_resting();
  store("k", "old");
  ASSERT_TRUE(becomes_served("k", "old"));
  ASSERT_TRUE(goes_to_rest());
  bmcd_->kill_hard();
  store("k", "new");
  bmcd_->start_again();
  EXPECT_TRUE(becomes_served("k", "new"));
}

TEST_F(RestTest, MemcachedRestartsDuringTheRest) {
  start_soon_resting();
  store("k", "old");
  ASSERT_TRUE(becomes_served("k", "old"));
  ASSERT_TRUE(goes_to_rest());
  memcached_->kill_hard();
  memcached_->start_again();
  EXPECT_EQ(ask("k"), kMiss);
  store("k", "new");
  EXPECT_TRUE(becomes_served("k", "new"));
}

}  // namespace
}  // namespace bmc::lab

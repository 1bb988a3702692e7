// SPDX-License-Identifier: Apache-2.0
// Where next to nothing can be answered bmcd rests, wakes when gets come, and in all that time nobody gets an
// old value. Run by ctest, label netns.
#include <algorithm>
#include <atomic>
#include <thread>

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

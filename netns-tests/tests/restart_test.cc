// SPDX-License-Identifier: Apache-2.0
// Restarts and kills of memcached and of bmcd. Run by ctest, label netns.
#include <filesystem>

#include "netns-tests/tests/accelerated.h"
#include "netns-tests/tests/steady_load.h"

namespace bmc::lab {
namespace {

class RestartTest : public Accelerated {};

TEST_F(RestartTest, OfMemcachedEmptiesTheCacheWhateverItsPid) {
  start();
  for (const bool same_pid : {false, true}) {
    store("k", "old");
    ASSERT_TRUE(becomes_served("k", "old"));
    memcached_->kill_hard();
    const double hits = bmcd_->hits();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(ask("k", 10), "") << "answered for a dead memcached";
    memcached_->start_again(same_pid);
    for (int i = 0; i < 200; ++i) EXPECT_EQ(ask("k"), kMiss);
    EXPECT_EQ(bmcd_->hits(), hits);
    store("k", "new");
    EXPECT_TRUE(becomes_served("k", "new"));
  }
}

TEST_F(RestartTest, OfMemcachedWhileBmcdIsDeadEmptiesTheCacheToo) {
  start();
  store("k", "old");
  ASSERT_TRUE(becomes_served("k", "old"));
  bmcd_->kill_hard();
  memcached_->kill_hard();
  memcached_->start_again(true);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ask("k"), kMiss);
  bmcd_->start_again();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ask("k"), kMiss);
  store("k", "new");
  EXPECT_TRUE(becomes_served("k", "new"));
}

TEST_F(RestartTest, AKilledBmcdServesNothingAfterTwoSeconds) {
  start();
  store("k", "v");
  ASSERT_TRUE(becomes_served("k", "v"));
  EXPECT_TRUE(answered_while_frozen("k")) << "the twin: with bmcd alive the kernel answers";
  bmcd_->kill_hard();
  wait_until_ns(now_ns() + 2 * kSecond);
  EXPECT_FALSE(answered_while_frozen("k"));
  EXPECT_EQ(ask("k"), hit("k", "v")) << "memcached answers";
  bmcd_->start_again();
  EXPECT_TRUE(becomes_served("k", "v"));
}

TEST_F(RestartTest, AKilledBmcdLeavesWritesVisible) {
  start();
  store("k", "0");
  ASSERT_TRUE(becomes_served("k", "0"));
  bmcd_->kill_hard();
  // The programs still serve for a moment; what is written then must be seen at once.
  for (int i = 1; i < 500; ++i) {
    store("k", std::to_string(i));
    ASSERT_EQ(ask("k"), hit("k", std::to_string(i)));
  }
  bmcd_->start_again();
  EXPECT_TRUE(becomes_served("k", "499"));
}

TEST_F(RestartTest, OfBmcdLosesNothingAndKeepsTheCache) {
  start();
  store("k", "v");
  store("other", "w");
  ASSERT_TRUE(becomes_served("k", "v"));
  ASSERT_TRUE(becomes_served("other", "w"));
  SteadyLoad load(lab_.client(), lab_.link().server(), "k", hit("k", "v"));
  ASSERT_TRUE(load.wait_answered(200, Deadline::in_ms(5000)));
  for (int restarts = 0; restarts < 3; ++restarts) {
    const double fills = bmcd_->packets("tc", "fill", "ok");
    ASSERT_TRUE(bmcd_->stop()) << bmcd_->process().output();
    bmcd_->start_again();
    ASSERT_TRUE(load.wait_answered(200, Deadline::in_ms(5000)));
    EXPECT_TRUE(becomes_served("other", "w"));
    EXPECT_EQ(bmcd_->packets("tc", "fill", "ok"), fills) << "what was cached had to be learned again";
  }
  load.stop();
  EXPECT_GT(load.answered(), 1000u);
  EXPECT_EQ(load.lost(), 0u);
  EXPECT_EQ(load.wrong(), 0u);
}

// A bmcd whose maps have another layout finds pins that it cannot adopt. (Pins without their version are of
// none.)
TEST_F(RestartTest, AnUpgradeToAnotherLayoutLosesNothing) {
  start();
  store("k", "v");
  store("other", "0");
  ASSERT_TRUE(becomes_served("k", "v"));
  ASSERT_TRUE(becomes_served("other", "0"));
  SteadyLoad load(lab_.client(), lab_.link().server(), "k", hit("k", "v"));
  ASSERT_TRUE(load.wait_answered(200, Deadline::in_ms(5000)));
  ASSERT_TRUE(bmcd_->stop()) << bmcd_->process().output();
  ASSERT_TRUE(std::filesystem::remove(bmcd_->pin_directory() + "/version"));
  bmcd_->start_again();
  for (int i = 1; i < 300; ++i) {
    store("other", std::to_string(i));
    ASSERT_EQ(ask("other"), hit("other", std::to_string(i)));
  }
  EXPECT_TRUE(becomes_served("other", "299"));
  EXPECT_TRUE(becomes_served("k", "v"));
  EXPECT_GT(bmcd_->packets("tc", "fill", "ok"), 0) << "the old cache was adopted";
  load.stop();
  EXPECT_EQ(load.lost(), 0u);
  EXPECT_EQ(load.wrong(), 0u);
}

TEST_F(RestartTest, OfBmcdAfterAKillLosesNothing) {
  start();
  store("k", "v");
  ASSERT_TRUE(becomes_served("k", "v"));
  SteadyLoad load(lab_.client(), lab_.link().server(), "k", hit("k", "v"));
  ASSERT_TRUE(load.wait_answered(200, Deadline::in_ms(5000)));
  bmcd_->kill_hard();
  ASSERT_TRUE(load.wait_answered(500, Deadline::in_ms(5000)));
  bmcd_->start_again();
  ASSERT_TRUE(load.wait_answered(500, Deadline::in_ms(5000)));
  EXPECT_TRUE(becomes_served("k", "v"));
  load.stop();
  EXPECT_EQ(load.lost(), 0u);
  EXPECT_EQ(load.wrong(), 0u);
}

TEST_F(RestartTest, TheLoadNoticesWhatIsLostAndWhatIsWrong) {
  start_memcached();
  store("k", "v");
  SteadyLoad load(lab_.client(), lab_.link().server(), "k", hit("k", "v"));
  ASSERT_TRUE(load.wait_answered(50, Deadline::in_ms(5000)));
  store("k", "other");
  ASSERT_TRUE(load.wait_answered(5, Deadline::in_ms(5000)));
  memcached_->kill_hard();
  EXPECT_TRUE(eventually(Deadline::in_ms(5000), [&] { return load.lost() > 0; }));
  load.stop();
  EXPECT_GT(load.wrong(), 0u);
}

}  // namespace
}  // namespace bmc::lab

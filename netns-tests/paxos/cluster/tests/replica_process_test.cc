// SPDX-License-Identifier: Apache-2.0
// The disk that fills up, the shim that spoils syncs and the clock, and telling a collapse from a kill. Run
// by ctest, label netns.
#include "netns-tests/paxos/cluster/replica_process.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace bmc::cluster {
namespace {

using lab::Deadline;

constexpr std::int64_t kLimitMs = 10'000;
constexpr std::int64_t kDayNs = 86'400 * lab::kSecond;

class ReplicaProcessTest : public testing::Test {
 protected:
  // Runs a shell command as the replica, to its end.
  void run(const std::string& command) {
    replica_.start({"sh", "-c", command});
    ASSERT_TRUE(replica_.wait_end(Deadline::in_ms(kLimitMs)));
    replica_.collapses();
  }
  bool said(const std::string& words) { return replica_.output().find(words) != std::string::npos; }

  lab::Netns netns_{"replica"};
  ReplicaProcess replica_{netns_, 0, 8, true};
};

TEST_F(ReplicaProcessTest, SyncsFailWhenAskedTo) {
  const std::string sync = "dd if=/dev/zero of=" + replica_.disk().mount() +
                           "/file bs=512 count=1 conv=fdatasync 2>/dev/null && echo synced || echo failed";
  run(sync);
  EXPECT_TRUE(said("synced"));
  EXPECT_EQ(replica_.faults().syncs, 1u);
  replica_.faults().sync_fails = 1;
  run(sync);
  EXPECT_TRUE(said("failed"));
  EXPECT_GE(replica_.faults().syncs_failed, 1u) << "dd tries fsync() as well";
}

TEST_F(ReplicaProcessTest, ItsClockIsWrongWhenAskedTo) {
  const auto year = [] {
    const time_t now = time(nullptr);
    return std::to_string(localtime(&now)->tm_year + 1900);
  };
  run("date +year:%Y");
  EXPECT_TRUE(said("year:" + year())) << replica_.output();
  replica_.faults().realtime_offset_ns = -3653 * kDayNs;
  run("date +later:%Y");
  EXPECT_FALSE(said("later:" + year())) << replica_.output();
}

TEST_F(ReplicaProcessTest, ItsDiskFillsUpAndDrains) {
  const std::string write = "head -c 100000 /dev/zero > " + replica_.disk().mount() + "/file && echo written";
  replica_.disk().fill(4096);
  run(write);
  EXPECT_FALSE(said("written"));
  replica_.disk().drain();
  run(write);
  EXPECT_TRUE(said("written"));
}

TEST_F(ReplicaProcessTest, AnEndByItselfIsACollapseAKillIsNot) {
  replica_.start({"sleep", "1000"});
  EXPECT_TRUE(replica_.running());
  replica_.kill();
  EXPECT_EQ(replica_.collapses(), 0u);
  replica_.start({"false"});
  ASSERT_TRUE(replica_.wait_end(Deadline::in_ms(kLimitMs)));
  EXPECT_EQ(replica_.collapses(), 1u);
  replica_.start({"false"});
  replica_.let_it_end();
  ASSERT_TRUE(replica_.wait_end(Deadline::in_ms(kLimitMs)));
  EXPECT_EQ(replica_.collapses(), 1u);
}

TEST(DataDirectoryTest, GoesAwayWithTheObject) {
  std::string tmpfs, directory;
  {
    const DataDirectory first("a", 1), second("b", 0);
    tmpfs = first.mount();
    directory = second.mount();
    std::ofstream(directory + "/file") << "x";
    EXPECT_TRUE(std::filesystem::exists(tmpfs));
  }
  EXPECT_FALSE(std::filesystem::exists(tmpfs));
  EXPECT_FALSE(std::filesystem::exists(directory));
}

}  // namespace
}  // namespace bmc::cluster

// SPDX-License-Identifier: Apache-2.0
// The real disk, in a directory of its own under the build's temporary directory.
#include "apps/paxos/storage/posix_disk.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "apps/paxos/storage/tests/store_model.h"

namespace bmc::paxos::test {
namespace {

class PosixDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "bmc-paxos-disk-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    open();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void open() {
    disk_.reset();
    auto opened = open_posix_disk(directory_);
    ASSERT_TRUE(opened) << opened.error().what;
    disk_ = std::move(*opened);
  }

  std::string directory_;
  std::unique_ptr<Disk> disk_;
};

TEST_F(PosixDiskTest, WritesReadsAndTruncates) {
  auto file = disk_->create("a");
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write(3, "hello"));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ(*(*file)->size(), 8u);
  EXPECT_EQ(*(*file)->read(0, 100), std::string("\0\0\0hello", 8));
  EXPECT_EQ(*(*file)->read(4, 2), "el");
  EXPECT_EQ(*(*file)->read(8, 2), "");
  ASSERT_TRUE((*file)->truncate(5));
  open();
  EXPECT_EQ(*(*disk_->open("a"))->read(0, 100), std::string("\0\0\0he", 5));
}

TEST_F(PosixDiskTest, NamesComeAndGo) {
  ASSERT_TRUE(disk_->create("b"));
  ASSERT_TRUE(disk_->create("a"));
  ASSERT_TRUE(disk_->create("c"));
  ASSERT_TRUE(disk_->rename("c", "b"));
  ASSERT_TRUE(disk_->sync());
  EXPECT_EQ(*disk_->list(), (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(disk_->remove("a"));
  EXPECT_EQ(*disk_->list(), std::vector<std::string>{"b"});
}

TEST_F(PosixDiskTest, ErrorsHaveTheirCodes) {
  ASSERT_TRUE(disk_->create("a"));
  EXPECT_EQ(disk_->create("a").error().code, EEXIST);
  EXPECT_EQ(disk_->open("b").error().code, ENOENT);
  EXPECT_EQ(disk_->remove("b").error().code, ENOENT);
  EXPECT_EQ(disk_->rename("b", "c").error().code, ENOENT);
  EXPECT_EQ(open_posix_disk(directory_ + "/none").error().code, ENOENT);
  EXPECT_EQ(open_posix_disk(directory_ + "/a").error().code, ENOTDIR);
}

TEST_F(PosixDiskTest, OneProcessAtATime) {
  const auto second = open_posix_disk(directory_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EBUSY);
  EXPECT_NE(second.error().what.find(directory_), std::string::npos);
  disk_.reset();
  EXPECT_TRUE(open_posix_disk(directory_));
}

TEST_F(PosixDiskTest, MakesTheDirectoryOnce) {
  const std::string inner = directory_ + "/replica";
  ASSERT_TRUE(make_posix_disk(inner));
  ASSERT_TRUE(make_posix_disk(inner));
  EXPECT_TRUE(open_posix_disk(inner));
  EXPECT_EQ(std::filesystem::status(inner).permissions(), std::filesystem::perms::owner_all);
  EXPECT_EQ(make_posix_disk(directory_ + "/none/replica").error().code, ENOENT);
}

// In a process of its own, for the limit is the process's: pwrite() writes up to it, then fails.
TEST_F(PosixDiskTest, AWriteThatStopsShortIsAnError) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(1);
    auto file = disk_->create("a");
    const auto written = (*file)->write(0, std::string(5000, 'x'));
    _exit(!written && written.error().code == EFBIG && *(*file)->size() == 1000 ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(PosixDiskTest, AReplicaLivesOnIt) {
  ASSERT_TRUE(ReplicaStore::format(*disk_, kIdentity));
  StoreModel model;
  std::mt19937_64 random(3);
  for (int lives = 0; lives < 6; lives++) {
    open();
    Restored restored;
    auto store = ReplicaStore::open(*disk_, kIdentity, restored, 4096);
    ASSERT_TRUE(store) << store.error().what;
    ASSERT_EQ(difference(restored, model), "");
    model.state = restored.state;
    for (int i = 0; i < 10; i++) {
      const auto stores = draw_stores(random, model);
      ASSERT_TRUE((*store)->write(stores));
      model = model.states_during(stores).back();
    }
  }
}

}  // namespace
}  // namespace bmc::paxos::test

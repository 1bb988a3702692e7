// SPDX-License-Identifier: Apache-2.0
// The superblock survives a write that is torn in any way, and any one damaged copy.
#include "apps/paxos/storage/superblock.h"

#include <gtest/gtest.h>

#include "apps/paxos/storage/tests/recording_disk.h"
#include "apps/paxos/storage/tests/store_model.h"

namespace bmc::paxos::test {
namespace {

Superblock with_view(View view) {
  return Superblock{.identity = kIdentity,
                    .state = {.view = view, .log_view = view / 2, .incarnation = 3},
                    .log_is_whole = view % 2 == 0,
                    .log_durable = view * 10};
}

// The view that a new process reads from `image`.
View view_in(const Image& image) {
  RecordingDisk disk(image);
  const auto file = SuperblockFile::open(disk);
  EXPECT_TRUE(file);
  return file ? file->content().state.view : 0;
}

// The copy of that number is unreadable.
Image without_copies(Image image, std::initializer_list<std::size_t> copies) {
  for (const std::size_t copy : copies) {
    image[kSuperblockName][copy * kSuperblockCopyBytes + 20] ^= 1;
  }
  return image;
}

class SuperblockTest : public testing::Test {
 protected:
  // Views 1 (of both slots), 2, 3, 4: slot 0 holds the newest, slot 1 view 3.
  void SetUp() override {
    ASSERT_TRUE(SuperblockFile::replace(disk_, with_view(1)));
    auto file = SuperblockFile::open(disk_);
    ASSERT_TRUE(file);
    for (View view = 2; view <= 4; view++) ASSERT_TRUE(file->write(with_view(view)));
  }

  RecordingDisk disk_;
};

TEST_F(SuperblockTest, EverythingComesBack) {
  const auto file = SuperblockFile::open(disk_);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->content(), with_view(4));
  EXPECT_EQ(disk_.image().at(kSuperblockName).size(), kSuperblockCopies * kSuperblockCopyBytes);
}

TEST_F(SuperblockTest, OneDamagedCopyChangesNothing) {
  for (std::size_t copy = 0; copy < kSuperblockCopies; copy++) {
    EXPECT_EQ(view_in(without_copies(disk_.image(), {copy})), 4u) << copy;
  }
}

TEST_F(SuperblockTest, ATornSlotLeavesTheOther) {
  EXPECT_EQ(view_in(without_copies(disk_.image(), {0, 1})), 3u);
  EXPECT_EQ(view_in(without_copies(disk_.image(), {2, 3})), 4u);
  EXPECT_EQ(view_in(without_copies(disk_.image(), {0, 1, 2})), 3u);
}

TEST_F(SuperblockTest, NoReadableCopyIsAnError) {
  RecordingDisk disk(without_copies(disk_.image(), {0, 1, 2, 3}));
  const auto file = SuperblockFile::open(disk);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, EBADMSG);
}

TEST_F(SuperblockTest, ASlotThatCannotBeReadMayHaveBeenTheNewest) {
  const auto is_certain = [this](std::initializer_list<std::size_t> damaged) {
    RecordingDisk disk(without_copies(disk_.image(), damaged));
    return SuperblockFile::open(disk)->is_newest_certain();
  };
  EXPECT_TRUE(is_certain({}));
  EXPECT_TRUE(is_certain({0, 2}));
  EXPECT_FALSE(is_certain({0, 1}));
  EXPECT_FALSE(is_certain({2, 3}));
}

// A slot is never written while what the other one holds is not durable, not even what a killed process has
// left unsynced: here the disk is one on which a write that is cut off leaves rubbish.
TEST_F(SuperblockTest, AStartSyncsBeforeItWrites) {
  Superblock content{.identity = kIdentity, .state = {}, .log_is_whole = true, .log_durable = 0};
  content.state.view = 4;
  ASSERT_TRUE(SuperblockFile::replace(disk_, content));
  content.state.view = 5;
  RecordingDisk killed(disk_.image());
  ASSERT_TRUE(SuperblockFile::open(killed)->write(content));
  const std::string slot = killed.image().at(kSuperblockName).substr(0, 2 * kSuperblockCopyBytes);
  ASSERT_TRUE((*disk_.open(kSuperblockName))->write(0, slot));
  const std::size_t start = disk_.steps();
  Restored restored;
  ASSERT_TRUE(ReplicaStore::open(disk_, kIdentity, restored));
  ASSERT_EQ(restored.state.view, 5u);
  for (std::size_t step = start; step <= disk_.steps(); step++) {
    const bool is_settled = step >= start + 2;  // the names and the file are synced
    EXPECT_EQ(view_in(disk_.rubbish_image(step)), is_settled ? 5u : 4u) << "step " << step;
  }
}

}  // namespace
}  // namespace bmc::paxos::test

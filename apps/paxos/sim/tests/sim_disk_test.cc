// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/sim_disk.h"

#include <gtest/gtest.h>

#include <set>

namespace bmc::paxos::sim {
namespace {

using Bytes = std::string;

void write(Disk& disk, const std::string& name, std::uint64_t offset, const Bytes& bytes, bool sync) {
  auto file = disk.open(name);
  if (!file) file = disk.create(name);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->write(offset, bytes).ok());
  if (sync) {
    ASSERT_TRUE((*file)->sync().ok());
  }
}

// Nothing if the file is not there.
std::optional<Bytes> content(Disk& disk, const std::string& name) {
  const auto file = disk.open(name);
  if (!file) return std::nullopt;
  return *(*file)->read(0, 1 << 20);
}

TEST(SimDiskTest, AFileIsWrittenReadAndCut) {
  SimDisk disk{Random(1)};
  EXPECT_EQ(disk.open("a").error().code, ENOENT);
  write(disk, "a", 0, "hello", true);
  write(disk, "a", 7, "!", true);
  EXPECT_EQ(content(disk, "a"), Bytes("hello\0\0!", 8));
  EXPECT_EQ(disk.create("a").error().code, EEXIST);
  auto file = disk.open("a");
  ASSERT_TRUE((*file)->truncate(2).ok());
  EXPECT_EQ(*(*file)->size(), 2u);
  EXPECT_EQ(*(*file)->read(1, 100), "e");
  EXPECT_EQ(*disk.list(), std::vector<std::string>{"a"});
}

TEST(SimDiskTest, WhatIsSyncedSurvivesAPowerLoss) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimDisk disk{Random(seed)};
    write(disk, "a", 0, Bytes(3000, 'x'), true);
    ASSERT_TRUE(disk.sync().ok());
    disk.power_loss();
    EXPECT_EQ(content(disk, "a"), Bytes(3000, 'x'));
  }
}

TEST(SimDiskTest, WhatIsNotSyncedMayBeLostKeptOrTornAtSectors) {
  std::set<Bytes> seen;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SimDisk disk{Random(seed)};
    write(disk, "a", 0, Bytes(2048, 'x'), true);
    ASSERT_TRUE(disk.sync().ok());
    write(disk, "a", 0, Bytes(2048, 'y'), false);
    disk.power_loss();
    const Bytes after = *content(disk, "a");
    ASSERT_EQ(after.size(), 2048u);
    for (std::size_t at = 0; at < after.size(); at += SimDisk::kSectorBytes) {
      EXPECT_EQ(after.substr(at, SimDisk::kSectorBytes), Bytes(SimDisk::kSectorBytes, after[at]));
    }
    seen.insert(after);
  }
  EXPECT_TRUE(seen.contains(Bytes(2048, 'x')));
  EXPECT_TRUE(seen.contains(Bytes(2048, 'y')));
  EXPECT_GT(seen.size(), 8u);
}

TEST(SimDiskTest, AnAppendedEndMayBeShort) {
  std::set<std::size_t> sizes;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SimDisk disk{Random(seed)};
    write(disk, "a", 0, Bytes(100, 'x'), true);
    ASSERT_TRUE(disk.sync().ok());
    write(disk, "a", 100, Bytes(400, 'y'), false);
    disk.power_loss();
    const Bytes after = *content(disk, "a");
    EXPECT_EQ(after.substr(0, 100), Bytes(100, 'x'));
    sizes.insert(after.size());
  }
  EXPECT_EQ(*sizes.begin(), 100u);
  EXPECT_EQ(*sizes.rbegin(), 500u);
  EXPECT_GT(sizes.size(), 2u);
}

TEST(SimDiskTest, ATruncationThatIsNotSyncedMayBeUndone) {
  std::set<Bytes> seen;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimDisk disk{Random(seed)};
    write(disk, "a", 0, Bytes(100, 'x'), true);
    ASSERT_TRUE(disk.sync().ok());
    ASSERT_TRUE((*disk.open("a"))->truncate(10).ok());
    disk.power_loss();
    seen.insert(*content(disk, "a"));
  }
  EXPECT_TRUE(seen.contains(Bytes(100, 'x')));
  EXPECT_TRUE(seen.contains(Bytes(10, 'x')));
}

TEST(SimDiskTest, NamesSurviveOnlyAfterASyncOfTheDirectory) {
  std::set<bool> there;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimDisk disk{Random(seed)};
    write(disk, "a", 0, "old", true);
    ASSERT_TRUE(disk.sync().ok());
    write(disk, "b", 0, "new", true);
    ASSERT_TRUE(disk.rename("b", "a").ok());
    EXPECT_EQ(content(disk, "a"), "new");
    disk.power_loss();
    const std::optional<Bytes> after = content(disk, "a");
    EXPECT_TRUE(after == "old" || after == "new");
    there.insert(after == "new");
  }
  EXPECT_EQ(there.size(), 2u) << "both were to be seen";
}

TEST(SimDiskTest, ARemovedFileIsGoneForGoodAfterASync) {
  SimDisk disk{Random(1)};
  write(disk, "a", 0, "old", true);
  ASSERT_TRUE(disk.sync().ok());
  ASSERT_TRUE(disk.remove("a").ok());
  ASSERT_TRUE(disk.sync().ok());
  disk.power_loss();
  EXPECT_EQ(content(disk, "a"), std::nullopt);
}

TEST(SimDiskTest, AProcessThatEndsLosesNothingButItsFilesAreDead) {
  SimDisk disk{Random(1)};
  write(disk, "a", 0, "old", false);
  const auto file = disk.open("a");
  disk.end_of_process();
  EXPECT_EQ((*file)->write(0, "new").error().code, EIO);
  EXPECT_EQ(content(disk, "a"), "old");
}

TEST(SimDiskTest, AfterAGivenNumberOfChangesNothingIsDone) {
  SimDisk disk{Random(1)};
  write(disk, "a", 0, "old", true);
  const auto file = disk.open("a");
  disk.fail_after(1);
  EXPECT_TRUE((*file)->write(0, "new").ok());
  EXPECT_FALSE((*file)->truncate(1).ok());
  EXPECT_FALSE((*file)->write(0, "never").ok());
  EXPECT_FALSE(disk.remove("a").ok());
  EXPECT_FALSE(disk.sync().ok());
  disk.end_of_process();
  EXPECT_EQ(content(disk, "a"), "new");
  EXPECT_TRUE(disk.sync().ok());
}

TEST(SimDiskTest, ASyncThatFailsLeavesEverythingUnsynced) {
  SimDisk disk{Random(1)};
  write(disk, "a", 0, "old", true);
  ASSERT_TRUE(disk.sync().ok());
  disk.fail_next_sync();
  auto file = disk.open("a");
  ASSERT_TRUE((*file)->write(0, "new").ok());
  EXPECT_EQ((*file)->sync().error().code, EIO);
  EXPECT_FALSE(disk.sync().ok()) << "and so on, until the process has ended";
  disk.end_of_process();
  EXPECT_TRUE(disk.sync().ok());
}

TEST(SimDiskTest, ADiskThatIsReplacedIsEmpty) {
  SimDisk disk{Random(1)};
  write(disk, "a", 0, "old", true);
  ASSERT_TRUE(disk.sync().ok());
  disk.replace();
  EXPECT_TRUE(disk.list()->empty());
  disk.power_loss();
  EXPECT_TRUE(disk.list()->empty());
}

TEST(SimDiskTest, OnlyWhatWasSyncedBeforeTheLastSyncRots) {
  SimDisk disk{Random(1)};
  EXPECT_FALSE(disk.rot("a", 0));
  write(disk, "a", 0, "old", true);
  EXPECT_FALSE(disk.rot("a", 0));
  write(disk, "a", 3, "new", true);
  EXPECT_FALSE(disk.rot("a", 3));
  EXPECT_TRUE(disk.rot("a", 1));
  const Bytes after = *content(disk, "a");
  EXPECT_NE(after[1], 'l');
  EXPECT_EQ(after.substr(2), "dnew");
}

}  // namespace
}  // namespace bmc::paxos::sim

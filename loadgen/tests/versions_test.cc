// SPDX-License-Identifier: Apache-2.0
// Versions: which may be read, and how a value carries its own.
#include "loadgen/versions.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "loadgen/workload.h"

namespace bmc::loadgen {
namespace {

TEST(Versions, NarrowWithEachAcknowledgedWrite) {
  VersionTable table(3);
  EXPECT_EQ(table.oldest(1), 0u);
  EXPECT_EQ(table.newest(1), 0u);
  EXPECT_EQ(table.begin_write(1), 1u);
  EXPECT_EQ(table.oldest(1), 0u);
  EXPECT_EQ(table.newest(1), 1u);
  table.acknowledge(1);
  EXPECT_EQ(table.oldest(1), 1u);
  EXPECT_EQ(table.begin_write(1), 2u);
  EXPECT_EQ(table.oldest(1), 1u);
  EXPECT_EQ(table.newest(1), 2u);
  EXPECT_EQ(table.newest(0), 0u);
  EXPECT_EQ(table.newest(2), 0u);
}

TEST(Versions, OneWriteOfAKeyIsOnItsWay) {
  VersionTable table(2);
  EXPECT_TRUE(table.begin_write(0));
  EXPECT_FALSE(table.begin_write(0));
  EXPECT_TRUE(table.begin_write(1));
  table.acknowledge(0);
  EXPECT_TRUE(table.begin_write(0));
}

TEST(Versions, AWriteOfUnknownFateEndsTheNarrowing) {
  VersionTable table(2);
  table.begin_write(0);
  table.acknowledge(0);
  table.begin_write(0);
  table.abandon(0);
  EXPECT_EQ(table.unordered(), 1u);
  EXPECT_EQ(table.begin_write(0), 3u);
  table.acknowledge(0);
  EXPECT_EQ(table.oldest(0), 1u);
  EXPECT_EQ(table.newest(0), 3u);
}

TEST(Versions, WithoutWritesEverythingIsZero) {
  const VersionTable table(0);
  EXPECT_EQ(table.oldest(77), 0u);
  EXPECT_EQ(table.newest(77), 0u);
}

TEST(Versions, ThreadsNeverShareAWrite) {
  VersionTable table(1);
  std::vector<std::vector<std::uint32_t>> got(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : got)
      threads.emplace_back([&] {
        while (mine.size() < 1000) {
          const auto write = table.begin_write(0);
          if (!write) continue;
          mine.push_back(*write);
          table.acknowledge(0);
        }
      });
  }
  std::vector<bool> seen(4001);
  for (const auto& mine : got)
    for (const std::uint32_t write : mine) {
      ASSERT_FALSE(seen.at(write));
      seen[write] = true;
    }
  EXPECT_EQ(table.oldest(0), 4000u);
}

TEST(ValueVersions, ComeBackFromEveryLengthAsFarAsItHoldsThem) {
  for (const std::uint32_t size : {1u, 2u, 7u, 8u, 9u, 16u, 37u, 1000u}) {
    for (const bool control : {false, true}) {
      const Workload workload = *Workload::create({.data_size = size, .control_characters = control});
      for (const std::uint32_t version : {0u, 1u, 0x1234u, 0x89abcdefu, 0xffffffffu})
        EXPECT_EQ(workload.version_of(5, workload.value(5, version)), version & Workload::version_mask(size))
            << size << " " << version;
    }
  }
}

TEST(ValueVersions, AreOfOneKeyAndSeedOnly) {
  const Workload workload = *Workload::create({.data_size = 32});
  const Workload other = *Workload::create({.data_size = 32, .value_seed = 1});
  EXPECT_FALSE(workload.version_of(6, workload.value(5, 7)));
  EXPECT_FALSE(workload.version_of(5, other.value(5, 7)));
}

TEST(ValueVersions, AnyChangedByteIsSeen) {
  const Workload workload = *Workload::create({.data_size = 29});
  const std::string right = workload.value(3, 77);
  for (std::size_t at = 0; at < right.size(); ++at) {
    for (const int change : {1, 0x10, 0x80}) {
      std::string wrong = right;
      wrong[at] = static_cast<char>(wrong[at] ^ change);
      // A change of the version's own bits names another version, whose other bytes these are not.
      EXPECT_FALSE(workload.version_of(3, wrong)) << at << " " << change;
    }
  }
  EXPECT_FALSE(workload.version_of(3, right.substr(1)));
  EXPECT_FALSE(workload.version_of(3, right + "a"));
}

}  // namespace
}  // namespace bmc::loadgen

// SPDX-License-Identifier: Apache-2.0
// Damage to what was synced: every byte, every length, every file. Only the last batch of the log may be
// taken for a torn tail; everything else is told or changes nothing.
#include <gtest/gtest.h>

#include "apps/paxos/storage/checkpoint_file.h"
#include "apps/paxos/storage/superblock.h"
#include "apps/paxos/storage/tests/recording_disk.h"
#include "apps/paxos/storage/tests/store_model.h"

namespace bmc::paxos::test {
namespace {

constexpr std::uint64_t kSmallSegment = 1200;

class DamageTest : public testing::Test {
 protected:
  // Segments, of which a checkpoint has removed the first. Only the last batch may be taken for torn.
  void SetUp() override {
    RecordingDisk disk;
    ASSERT_TRUE(ReplicaStore::format(disk, kIdentity));
    Restored restored;
    auto store = ReplicaStore::open(disk, kIdentity, restored, kSmallSegment);
    ASSERT_TRUE(store);
    model_.state = restored.state;
    const auto write = [&](const std::vector<Store>& stores) {
      ASSERT_TRUE((*store)->write(stores));
      model_ = model_.states_during(stores).back();
    };
    for (std::uint64_t batch = 0; batch < 8; batch++) write({store_entries(model_, 2, batch, 150)});
    write({store_checkpoint(12, 6)});
    write({store_state(model_, 3, 3)});
    write({store_truncation(14), store_entries(model_.states_during({store_truncation(14)}).back(), 1)});
    write({store_entries(model_, 2)});  // begins the last segment, of which the superblock knows
    known_to_superblock_ = model_;
    write({store_entries(model_, 1)});  // durable, but only the next batch says so
    before_last_ = model_;
    write({store_entries(model_, 2)});
    image_ = disk.image();
    for (const auto& [name, content] : image_) {
      if (name.starts_with("log-")) last_segment_ = name;
    }
  }

  // What open() of `image` tells: its error, or the state that it has found.
  bmc::Result<Restored> open(const Image& image) {
    RecordingDisk disk(image);
    Restored restored;
    const auto store = ReplicaStore::open(disk, kIdentity, restored, kSmallSegment);
    if (store) return restored;
    EXPECT_EQ(disk.image(), image) << "what is damaged is left as it is: " << store.error().what;
    return store.error();
  }

  // The file's name and the command that repairs it, or nothing was lost.
  void expect_told_or_harmless(const bmc::Result<Restored>& found, const std::string& name) {
    if (!found) {
      EXPECT_EQ(found.error().code, EBADMSG);
      EXPECT_NE(found.error().what.find(name), std::string::npos) << found.error().what;
      EXPECT_NE(found.error().what.find("`recover`"), std::string::npos) << found.error().what;
    } else {
      EXPECT_EQ(difference(*found, model_), "");
    }
  }

  Image image_;
  StoreModel model_;
  StoreModel known_to_superblock_;
  StoreModel before_last_;
  std::string last_segment_;
};

TEST_F(DamageTest, WithoutItEverythingIsThere) {
  const auto found = open(image_);
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(difference(*found, model_), "");
  EXPECT_GE(image_.size(), 4u);
  EXPECT_FALSE(image_.contains("log-0000000000000001"));
}

TEST_F(DamageTest, EveryByteOfEveryFile) {
  std::size_t told = 0;
  std::size_t cut = 0;
  for (const auto& [name, content] : image_) {
    for (std::size_t at = 0; at < content.size(); at++) {
      Image image = image_;
      image[name][at] = static_cast<char>(image[name][at] ^ 0x10);
      const auto found = open(image);
      told += !found;
      if (name == last_segment_ && found && !difference(*found, model_).empty()) {
        cut++;  // the last batch, entry by entry
        const auto states = before_last_.states_during({store_entries(before_last_, 2)});
        EXPECT_TRUE(difference(*found, states[0]).empty() || difference(*found, states[1]).empty()) << at;
      } else {
        expect_told_or_harmless(found, name);
      }
      const bool is_older_segment = name.starts_with("log-") && name != last_segment_;
      const bool must_be_told = is_older_segment || name == kCheckpointName;
      EXPECT_FALSE(found && must_be_told) << name << " byte " << at;
      EXPECT_FALSE(!found && name == kSuperblockName) << "byte " << at;
    }
  }
  EXPECT_GT(told, 3000u);
  EXPECT_GT(cut, 100u);
  EXPECT_LT(cut, 500u);
}

TEST_F(DamageTest, ASentenceSaysWhere) {
  Image image = image_;
  const std::string segment = std::next(image.find(kCheckpointName))->first;
  image[segment][200] = static_cast<char>(~image[segment][200]);
  const auto found = open(image);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().what.substr(0, segment.size() + 21), segment + ": damaged at byte 96,");
}

TEST_F(DamageTest, EveryLengthOfEveryFile) {
  for (const auto& [name, content] : image_) {
    const std::size_t records_end = content.find_last_not_of('\0') + 1;  // behind it is room
    for (std::size_t length = 0; length < content.size(); length++) {
      Image image = image_;
      image[name].resize(length);
      const auto found = open(image);
      if (name == last_segment_ && found) {
        EXPECT_GE(found->entries.back().op, known_to_superblock_.end()) << length;
        EXPECT_EQ(found->entries.back().op < model_.end(), length < records_end) << length;
      } else {
        expect_told_or_harmless(found, name == last_segment_ ? "log" : name);
      }
      const bool is_unreadable = name == kSuperblockName && length == 0;
      EXPECT_FALSE(found && is_unreadable);
    }
  }
}

TEST_F(DamageTest, EveryFileMissing) {
  int harmless = 0;
  for (const auto& [name, content] : image_) {
    Image image = image_;
    image.erase(name);
    const auto found = open(image);
    if (found) {  // a segment of which the checkpoint knows all
      EXPECT_TRUE(name.starts_with("log-"));
      EXPECT_LE(found->entries.front().op, model_.checkpoint_op + 1);
      EXPECT_EQ(found->entries.back().op, model_.end());
      harmless++;
      continue;
    }
    EXPECT_EQ(found.error().code, EBADMSG) << found.error().what;
    EXPECT_NE(found.error().what.find("`recover`"), std::string::npos) << found.error().what;
  }
  EXPECT_EQ(harmless, 1);
}

// The file was put back from a copy of an earlier day.
TEST_F(DamageTest, AnOldSuperblock) {
  RecordingDisk disk(image_);
  Restored restored;
  auto store = ReplicaStore::open(disk, kIdentity, restored, kSmallSegment);
  ASSERT_TRUE(store);
  model_.state = restored.state;
  ASSERT_TRUE((*store)->write(std::vector<Store>{store_entries(model_, 1)}));
  Image mixed = disk.image();
  mixed[kSuperblockName] = image_[kSuperblockName];
  const auto found = open(mixed);
  ASSERT_FALSE(found);
  expect_told_or_harmless(found, kSuperblockName);
}

TEST_F(DamageTest, FilesOfAnotherReplica) {
  for (const auto& [name, content] : image_) {
    if (name == kSuperblockName) continue;
    Image other = image_;
    other.erase(kSuperblockName);
    RecordingDisk disk;
    Identity identity = kIdentity;
    identity.cluster_id++;
    ASSERT_TRUE(ReplicaStore::format(disk, identity));
    Image mixed = disk.image();
    mixed[name] = content;
    RecordingDisk mixed_disk(mixed);
    Restored restored;
    const auto opened = ReplicaStore::open(mixed_disk, identity, restored);
    if (opened) {  // taken for the torn beginning of a first segment, and removed
      EXPECT_TRUE(restored.entries.empty()) << name;
      EXPECT_FALSE(mixed_disk.image().contains(name));
    } else {
      EXPECT_EQ(opened.error().code, EBADMSG) << opened.error().what;
    }
  }
}

// A client may store a copy of the log as a value; when the record that holds it is torn, the copy must not
// be taken for later records.
TEST_F(DamageTest, ACopyOfTheLogInsideATornRecordIsNoProof) {
  RecordingDisk disk(image_);
  Restored restored;
  auto store = ReplicaStore::open(disk, kIdentity, restored, kSmallSegment);
  ASSERT_TRUE(store);
  model_.state = restored.state;
  LogEntry entry = make_entry(model_.end() + 1);
  entry.batch = std::make_shared<const std::string>(image_[last_segment_]);
  ASSERT_TRUE((*store)->write(std::vector<Store>{Store{.what = StoreEntries{{entry}}}}));
  Image image = disk.image();
  std::string& segment = image[last_segment_];
  const std::size_t record = segment.find(*entry.batch, 1);
  if (record == std::string::npos) GTEST_FAIL() << "the entry is in another segment";
  segment[record - 90] = static_cast<char>(~segment[record - 90]);
  const auto found = open(image);
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(difference(*found, model_), "");
}

}  // namespace
}  // namespace bmc::paxos::test

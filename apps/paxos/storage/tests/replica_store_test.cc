// SPDX-License-Identifier: Apache-2.0
// What a ReplicaStore does when nothing goes wrong, and what it refuses.
#include "apps/paxos/storage/replica_store.h"

#include <gtest/gtest.h>

#include "apps/paxos/storage/tests/recording_disk.h"
#include "apps/paxos/storage/tests/store_model.h"

namespace bmc::paxos::test {
namespace {

using Stores = std::vector<Store>;

class ReplicaStoreTest : public testing::Test {
 protected:
  void format(const Identity& identity = kIdentity) {
    const auto formatted = ReplicaStore::format(disk_, identity);
    ASSERT_TRUE(formatted) << formatted.error().what;
  }

  // A new process.
  void open(const Identity& identity = kIdentity, std::uint64_t segment_bytes = kSegmentBytes) {
    store_.reset();
    auto opened = ReplicaStore::open(disk_, identity, restored_, segment_bytes);
    ASSERT_TRUE(opened) << opened.error().what;
    store_ = std::move(*opened);
    model_.state = restored_.state;
  }

  void write(const Stores& stores) {
    const auto written = store_->write(stores);
    ASSERT_TRUE(written) << written.error().what;
    model_ = model_.states_during(stores).back();
  }

  int code_of_open(const Identity& identity) {
    Restored restored;
    const auto opened = ReplicaStore::open(disk_, identity, restored);
    return opened ? 0 : opened.error().code;
  }

  RecordingDisk disk_;
  StoreModel model_;
  Restored restored_;
  std::unique_ptr<ReplicaStore> store_;
};

TEST_F(ReplicaStoreTest, AFormattedReplicaIsEmptyAndWhole) {
  format();
  open();
  EXPECT_EQ(restored_.state, (DurableState{.view = 0, .log_view = 0, .incarnation = 1}));
  EXPECT_TRUE(restored_.log_is_whole);
  EXPECT_EQ(restored_.checkpoint, nullptr);
  EXPECT_TRUE(restored_.entries.empty());
}

TEST_F(ReplicaStoreTest, EveryStartRaisesTheIncarnation) {
  format();
  for (std::uint32_t start = 1; start <= 5; start++) {
    open();
    EXPECT_EQ(restored_.state.incarnation, start);
  }
}

TEST_F(ReplicaStoreTest, EverythingComesBack) {
  format();
  open();
  write({store_entries(model_, 3), store_state(model_, 4, 4)});
  write({store_entries(model_, 1, 4, 1 << 20), store_checkpoint(2, 1), store_truncation(3)});
  write({store_entries(model_, 2, 4, 0)});
  open();
  EXPECT_EQ(difference(restored_, model_), "");
  EXPECT_EQ(restored_.entries.size(), 4u);
}

TEST_F(ReplicaStoreTest, TheLogGoesOnOverSegmentsAndCheckpointsRemoveThem) {
  format();
  open(kIdentity, 4096);
  std::size_t most = 0;
  for (int i = 0; i < 200; i++) {
    write({store_entries(model_, 3, 1, 200)});
    if (i % 10 == 9) write({store_checkpoint(model_.end() - 1, model_.end() - 20)});
    most = std::max(most, disk_.image().size());
  }
  EXPECT_GE(most, 4u);
  EXPECT_LE(most, 12u);
  open();
  EXPECT_EQ(difference(restored_, model_), "");
  EXPECT_EQ(restored_.entries.size(), 20u);
}

TEST_F(ReplicaStoreTest, ACheckpointBehindTheEndRestartsTheLog) {
  format();
  open();
  write({store_entries(model_, 3)});
  write({store_checkpoint(100, 90)});
  write({store_entries(model_, 2)});
  open();
  EXPECT_EQ(difference(restored_, model_), "");
  ASSERT_EQ(restored_.entries.size(), 2u);
  EXPECT_EQ(restored_.entries.front().op, 101u);
}

TEST_F(ReplicaStoreTest, EntriesOfOneWriteAreSyncedOnce) {
  format();
  open();
  write({store_entries(model_, 1)});
  std::size_t before = disk_.syncs();
  const StoreModel more = model_.states_during({store_entries(model_, 2)}).back();
  write({store_entries(model_, 2), store_entries(more, 5), store_truncation(4)});
  EXPECT_EQ(disk_.syncs(), before + 1);
  before = disk_.syncs();
  write({store_state(model_, 1, 0), store_state(model_, 2, 0)});
  EXPECT_EQ(disk_.syncs(), before + 1);
  before = disk_.syncs();
  write({store_entries(model_, 1), store_state(model_, 2, 2)});
  EXPECT_EQ(disk_.syncs(), before + 2);
  before = disk_.syncs();
  write({store_state(model_, 2, 2)});
  EXPECT_EQ(disk_.syncs(), before) << "nothing has changed";
}

TEST_F(ReplicaStoreTest, InMemoryModeOnlyStatesAreKept) {
  Identity identity = kIdentity;
  identity.durability = Durability::kMemory;
  format(identity);
  open(identity);
  EXPECT_TRUE(restored_.log_is_whole) << "the first start of a new cluster";
  ASSERT_TRUE(store_->write(Stores{store_entries(model_, 3), store_state(model_, 5, 5),
                                   store_checkpoint(2, 1), store_truncation(2)}));
  EXPECT_EQ(disk_.image().size(), 1u);
  open(identity);
  EXPECT_FALSE(restored_.log_is_whole);
  EXPECT_EQ(restored_.state, (DurableState{.view = 5, .log_view = 5, .incarnation = 2}));
  EXPECT_TRUE(restored_.entries.empty());
  write({store_state(model_, 6, 6)});
  open(identity);
  EXPECT_FALSE(restored_.log_is_whole) << "never again";
}

TEST_F(ReplicaStoreTest, ARecoveredReplicaIsWholeWhenItHasStoredItsLogView) {
  format();
  open();
  write({store_entries(model_, 3), store_state(model_, 7, 6), store_checkpoint(2, 1)});
  store_.reset();
  const auto recovered = ReplicaStore::recover(disk_, kIdentity, 50, 1000);
  ASSERT_TRUE(recovered);
  EXPECT_NE(recovered->find("view 7"), std::string::npos) << *recovered;
  open();
  EXPECT_EQ(restored_.state, (DurableState{.view = 7, .log_view = 6, .incarnation = 51}));
  EXPECT_FALSE(restored_.log_is_whole);
  EXPECT_EQ(restored_.checkpoint, nullptr);
  EXPECT_TRUE(restored_.entries.empty());

  model_ = StoreModel{};
  model_.state = restored_.state;
  write({store_checkpoint(9, 9)});
  write({store_entries(model_, 2), store_state(model_, 8, 6)});
  open();  // before it was done
  EXPECT_FALSE(restored_.log_is_whole);
  EXPECT_TRUE(restored_.entries.empty());

  model_ = StoreModel{};
  model_.state = restored_.state;
  write({store_checkpoint(9, 9), store_entries(model_.states_during({store_checkpoint(9, 9)}).back(), 2),
         store_state(model_, 8, 8)});
  write({store_state(model_, 9, 8)});
  open();
  EXPECT_TRUE(restored_.log_is_whole);
  EXPECT_EQ(difference(restored_, model_), "");
}

// What it promised is forgotten: it must not take part in any view that it may have left.
TEST_F(ReplicaStoreTest, RecoverWithoutAReadableStateStartsFromTheFloors) {
  const DurableState floors{.view = 5000, .log_view = 0, .incarnation = 1001};
  const auto recovered = ReplicaStore::recover(disk_, kIdentity, 1000, 5000);  // the disk was lost
  ASSERT_TRUE(recovered);
  EXPECT_NE(recovered->find("cannot be read for certain"), std::string::npos) << *recovered;
  open();
  EXPECT_EQ(restored_.state, floors);
  EXPECT_FALSE(restored_.log_is_whole);

  write({store_state(model_, 5001, 5001)});
  Image damaged = disk_.image();
  damaged["superblock"].assign(damaged["superblock"].size(), 'x');
  RecordingDisk disk(damaged);
  ASSERT_TRUE(ReplicaStore::recover(disk, kIdentity, 2000, 6000));
  ASSERT_TRUE(ReplicaStore::open(disk, kIdentity, restored_));
  EXPECT_EQ(restored_.state, (DurableState{.view = 6000, .log_view = 0, .incarnation = 2001}));
  EXPECT_FALSE(restored_.log_is_whole);
}

// One of the two slots is unreadable, perhaps the newest.
TEST_F(ReplicaStoreTest, RecoverTrustsNoHalfReadableState) {
  format();
  open();
  write({store_state(model_, 3, 3)});
  Image damaged = disk_.image();
  for (const std::size_t offset : {0, 4096}) damaged["superblock"][offset] ^= 1;
  RecordingDisk disk(damaged);
  const auto recovered = ReplicaStore::recover(disk, kIdentity, 2000, 6000);
  ASSERT_TRUE(recovered);
  EXPECT_NE(recovered->find("cannot be read for certain"), std::string::npos) << *recovered;
  ASSERT_TRUE(ReplicaStore::open(disk, kIdentity, restored_));
  EXPECT_EQ(restored_.state.view, 6000u);
}

TEST_F(ReplicaStoreTest, RecoverNeverLowersTheIncarnation) {
  format();
  for (int i = 0; i < 3; i++) open();
  ASSERT_TRUE(ReplicaStore::recover(disk_, kIdentity, 2, 1000));
  open();
  EXPECT_EQ(restored_.state.incarnation, 4u);
}

TEST_F(ReplicaStoreTest, RecoverDoesNotTakeTheDiskOfAnotherReplica) {
  format();
  Identity other = kIdentity;
  other.index = 2;
  const auto recovered = ReplicaStore::recover(disk_, other, 1, 1000);
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, EINVAL);
  open();
  EXPECT_TRUE(restored_.log_is_whole);
}

TEST_F(ReplicaStoreTest, FormatDoesNotOverwrite) {
  format();
  const auto again = ReplicaStore::format(disk_, kIdentity);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, EEXIST);
  open();
  write({store_entries(model_, 1)});
  Image without = disk_.image();
  without.erase("superblock");
  RecordingDisk rest(without);
  const auto over_rest = ReplicaStore::format(rest, kIdentity);
  ASSERT_FALSE(over_rest);
  EXPECT_EQ(over_rest.error().code, EEXIST);
}

TEST_F(ReplicaStoreTest, OpenChecksTheIdentity) {
  EXPECT_EQ(code_of_open(kIdentity), ENOENT);
  format();
  Identity other = kIdentity;
  other.cluster_id++;
  EXPECT_EQ(code_of_open(other), EINVAL);
  other = kIdentity;
  other.index = 0;
  EXPECT_EQ(code_of_open(other), EINVAL);
  other = kIdentity;
  other.replica_count = 5;
  EXPECT_EQ(code_of_open(other), EINVAL);
  other = kIdentity;
  other.durability = Durability::kMemory;
  EXPECT_EQ(code_of_open(other), EINVAL);
  EXPECT_EQ(code_of_open(kIdentity), 0);
}

TEST_F(ReplicaStoreTest, AfterAnErrorItIsOfNoMoreUse) {
  format();
  open();
  write({store_entries(model_, 1)});
  disk_.fail_after(1, EIO);  // the sync
  const auto failed = store_->write(Stores{store_entries(model_, 1)});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, EIO);
  disk_.fix();
  const std::size_t steps = disk_.steps();
  const auto again = store_->write(Stores{store_state(model_, 1, 1)});
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().what.find("failed before"), std::string::npos);
  EXPECT_EQ(disk_.steps(), steps) << "nothing was tried";
}

TEST_F(ReplicaStoreTest, AFullDiskLeavesWhatWasDurable) {
  format();
  open();
  write({store_entries(model_, 2)});
  disk_.fail_after(0, ENOSPC);
  const auto failed = store_->write(Stores{store_entries(model_, 1, 0, 5000)});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ENOSPC);
  disk_.fix();
  open();
  EXPECT_EQ(difference(restored_, model_), "");
}

TEST_F(ReplicaStoreTest, ATornTailIsCutOff) {
  format();
  open();
  write({store_entries(model_, 2)});
  const auto records = [this] {
    const std::string file = disk_.image().at("log-0000000000000001");
    return file.substr(0, file.find_last_not_of('\0') + 1);
  };
  const std::string whole = records();
  disk_.fail_after(0, ENOSPC);
  ASSERT_FALSE(store_->write(Stores{store_entries(model_, 1, 0, 5000)}));
  disk_.fix();
  EXPECT_GT(records().size(), whole.size());
  open();
  EXPECT_EQ(records(), whole);
}

using ReplicaStoreDeathTest = ReplicaStoreTest;

TEST_F(ReplicaStoreDeathTest, WhatACoreNeverAsksForAborts) {
  format();
  open();
  write({store_entries(model_, 5), store_checkpoint(3, 2), store_state(model_, 4, 4)});
  const auto dies = [this](const Store& store, const char* why) {
    EXPECT_DEATH((void)store_->write(Stores{store}), why);
  };
  dies(Store{.what = StoreEntries{{make_entry(7)}}}, "does not follow");
  dies(Store{.what = StoreEntries{{make_entry(5)}}}, "does not follow");
  dies(store_truncation(6), "truncation outside");
  dies(store_truncation(2), "in the checkpoint");
  dies(store_checkpoint(2, 2), "goes back");
  dies(store_state(model_, 3, 3), "goes back");
  dies(store_state(model_, 5, 3), "goes back");
  dies(store_state(model_, 5, 6), "goes back");
}

}  // namespace
}  // namespace bmc::paxos::test

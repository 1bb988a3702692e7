// SPDX-License-Identifier: Apache-2.0
// Group commit: all that waits goes into one write; what is told durable is; a disk that fails ends the
// process.
#include "apps/paxos/runtime/storage_thread.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "apps/paxos/runtime/tests/temporary_directory.h"
#include "apps/paxos/storage/posix_disk.h"

namespace bmc::paxos::runtime {
namespace {

constexpr Identity kIdentity{.cluster_id = 7, .index = 0, .replica_count = 3, .durability = Durability::kWal};

Store state_store(std::uint64_t number, View view) { return {number, StoreState{{view, view, 1}}}; }

// A disk whose sync() waits for the test, and fails when told to.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = true;
  bool fails = false;
  std::size_t waiting = 0;

  void set(bool open) {
    const std::lock_guard lock(mutex);
    is_open = open;
    changed.notify_all();
  }
  bmc::Result<void> pass() {
    std::unique_lock lock(mutex);
    waiting++;
    changed.notify_all();
    changed.wait(lock, [this] { return is_open; });
    waiting--;
    if (fails) return bmc::Error{EIO, "sync /disk/superblock: the disk is on fire"};
    return {};
  }
  void wait_for_sync() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return waiting > 0; });
  }
};

class GatedFile : public DiskFile {
 public:
  GatedFile(std::unique_ptr<DiskFile> file, Gate& gate) : file_(std::move(file)), gate_(gate) {}
  bmc::Result<std::uint64_t> size() const override { return file_->size(); }
  bmc::Result<std::string> read(std::uint64_t offset, std::size_t bytes) const override {
    return file_->read(offset, bytes);
  }
  bmc::Result<void> write(std::uint64_t offset, std::string_view data) override {
    return file_->write(offset, data);
  }
  bmc::Result<void> truncate(std::uint64_t bytes) override { return file_->truncate(bytes); }
  bmc::Result<void> sync() override {
    if (auto passed = gate_.pass(); !passed) return passed;
    return file_->sync();
  }

 private:
  std::unique_ptr<DiskFile> file_;
  Gate& gate_;
};

class GatedDisk : public Disk {
 public:
  GatedDisk(std::unique_ptr<Disk> disk, Gate& gate) : disk_(std::move(disk)), gate_(gate) {}
  bmc::Result<std::vector<std::string>> list() const override { return disk_->list(); }
  bmc::Result<std::unique_ptr<DiskFile>> open(const std::string& name) override {
    return gated(disk_->open(name));
  }
  bmc::Result<std::unique_ptr<DiskFile>> create(const std::string& name) override {
    return gated(disk_->create(name));
  }
  bmc::Result<void> rename(const std::string& from, const std::string& to) override {
    return disk_->rename(from, to);
  }
  bmc::Result<void> remove(const std::string& name) override { return disk_->remove(name); }
  bmc::Result<void> sync() override { return disk_->sync(); }

 private:
  bmc::Result<std::unique_ptr<DiskFile>> gated(bmc::Result<std::unique_ptr<DiskFile>> file) {
    if (!file) return file;
    return std::unique_ptr<DiskFile>(std::make_unique<GatedFile>(*std::move(file), gate_));
  }

  std::unique_ptr<Disk> disk_;
  Gate& gate_;
};

class StorageThreadTest : public testing::Test {
 protected:
  StorageThreadTest() {
    auto disk = open_posix_disk(directory_.path());
    EXPECT_TRUE(disk);
    EXPECT_TRUE(ReplicaStore::format(**disk, kIdentity));
    disk_ = std::make_unique<GatedDisk>(*std::move(disk), gate_);
    Restored restored;
    auto store = ReplicaStore::open(*disk_, kIdentity, restored);
    EXPECT_TRUE(store);
    thread_ = std::make_unique<StorageThread>(std::move(disk_), *std::move(store),
                                              [this](std::uint64_t number) { told(number); });
  }

  void told(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    told_.push_back(number);
    changed_.notify_all();
  }
  void wait_until_told(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !told_.empty() && told_.back() >= number; });
  }
  DurableState stored_state() {
    thread_.reset();
    auto disk = open_posix_disk(directory_.path());
    EXPECT_TRUE(disk);
    Restored restored;
    EXPECT_TRUE(ReplicaStore::open(**disk, kIdentity, restored));
    return restored.state;
  }

  TemporaryDirectory directory_;
  Gate gate_;
  std::unique_ptr<Disk> disk_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::uint64_t> told_;
  std::unique_ptr<StorageThread> thread_;
};

TEST_F(StorageThreadTest, WhatIsToldIsDurable) {
  thread_->push({state_store(1, 1)});
  wait_until_told(1);
  thread_->push({state_store(2, 5)});
  wait_until_told(2);
  EXPECT_EQ(stored_state().view, 5u);
}

TEST_F(StorageThreadTest, WhatWaitsForTheDiskIsWrittenTogether) {
  gate_.set(false);
  thread_->push({state_store(1, 1)});
  gate_.wait_for_sync();
  for (std::uint64_t i = 2; i <= 100; i++) thread_->push({state_store(i, i)});
  {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(told_.empty());
  }
  gate_.set(true);
  wait_until_told(100);
  EXPECT_EQ(told_, (std::vector<std::uint64_t>{1, 100}));
  EXPECT_EQ(thread_->counters().writes, 2u);
  EXPECT_EQ(thread_->counters().stores, 100u);
  EXPECT_EQ(stored_state().view, 100u);
}

TEST_F(StorageThreadTest, FinishWritesWhatIsQueuedAndThenAtOnce) {
  thread_->push({state_store(1, 1), state_store(2, 2)});
  thread_->finish();
  EXPECT_EQ(told_, (std::vector<std::uint64_t>{2}));
  thread_->push({state_store(3, 3)});
  EXPECT_EQ(told_.size(), 1u);
  EXPECT_EQ(thread_->counters().stores, 3u);
  thread_->finish();
  EXPECT_EQ(stored_state().view, 3u);
}

TEST_F(StorageThreadTest, ADiskThatFailsEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        gate_.fails = true;
        thread_->push({state_store(1, 1)});
        thread_->finish();
      },
      "on fire.*nobody knows what is durable");
}

}  // namespace
}  // namespace bmc::paxos::runtime

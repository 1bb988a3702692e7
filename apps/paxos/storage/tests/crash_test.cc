// SPDX-License-Identifier: Apache-2.0
// Crashes of the process, of the machine and of the disk at every moment: what open() finds afterwards is
// what the stores up to the last write() that returned have made, and at most the first few of the one that
// did not.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "apps/paxos/storage/tests/recording_disk.h"
#include "apps/paxos/storage/tests/store_model.h"

namespace bmc::paxos::test {
namespace {

constexpr std::uint64_t kSmallSegment = 1500;

// What a crash may leave, along the steps of a disk.
class Timeline {
 public:
  // From `step` on one of `models`.
  void add(std::size_t step, std::vector<StoreModel> models) {
    moments_.push_back({step, std::move(models)});
  }

  const std::vector<StoreModel>& after(std::size_t steps) const {
    const auto next = std::ranges::upper_bound(moments_, steps, {}, &Moment::step);
    return std::prev(next)->models;
  }

 private:
  struct Moment {
    std::size_t step;
    std::vector<StoreModel> models;
  };
  std::vector<Moment> moments_;
};

// The index of the model that `restored` is, or nothing.
std::optional<std::size_t> match(const Restored& restored, const std::vector<StoreModel>& allowed) {
  for (std::size_t i = 0; i < allowed.size(); i++) {
    if (difference(restored, allowed[i]).empty()) return i;
  }
  return std::nullopt;
}

std::string explanation(const Restored& restored, const std::vector<StoreModel>& allowed) {
  std::string text = "none of " + std::to_string(allowed.size()) + " allowed states:";
  for (const StoreModel& model : allowed) text += "\n  " + difference(restored, model);
  return text;
}

// What recover() leaves: the state, and nothing else.
StoreModel not_whole(const DurableState& state) {
  StoreModel model;
  model.state = state;
  model.is_whole = false;
  return model;
}

// One process that uses the disk: from open() to its end.
class Life {
 public:
  Life(RecordingDisk& disk, Timeline& timeline, std::vector<StoreModel> allowed)
      : disk_(disk), timeline_(timeline), allowed_(std::move(allowed)) {}

  // False: it failed, as a test wanted it to, or with an error that EXPECT has told.
  bool open(std::uint32_t earlier_incarnation, bool may_fail = false) {
    timeline_.add(disk_.steps(), allowed_);
    Restored restored;
    auto opened = ReplicaStore::open(disk_, kIdentity, restored, kSmallSegment);
    if (!opened) {
      EXPECT_TRUE(may_fail) << opened.error().what;
      return false;
    }
    store_ = std::move(*opened);
    const auto found = match(restored, allowed_);
    EXPECT_TRUE(found) << explanation(restored, allowed_);
    EXPECT_GT(restored.state.incarnation, earlier_incarnation);
    if (!found) return false;
    model_ = allowed_[*found];
    if (!model_.is_whole) model_ = not_whole(model_.state);
    model_.state = restored.state;
    settle({model_});
    return true;
  }

  bool write(const std::vector<Store>& stores) {
    auto states = model_.states_during(stores);
    timeline_.add(disk_.steps(), states);
    allowed_ = states;
    if (!store_->write(stores)) return false;
    model_ = states.back();
    settle({model_});
    return true;
  }

  const StoreModel& model() const { return model_; }
  // What the next life may find if the machine goes on.
  const std::vector<StoreModel>& allowed() const { return allowed_; }

 private:
  void settle(std::vector<StoreModel> models) {
    allowed_ = models;
    timeline_.add(disk_.steps(), std::move(models));
  }

  RecordingDisk& disk_;
  Timeline& timeline_;
  std::vector<StoreModel> allowed_;
  StoreModel model_;
  std::unique_ptr<ReplicaStore> store_;
};

// Everything a store can be asked for, in an order in which a core would.
void run_script(Life& life) {
  const auto write = [&life](const std::vector<Store>& stores) { ASSERT_TRUE(life.write(stores)); };
  write({store_entries(life.model(), 1)});
  write({store_entries(life.model(), 3, 0, 300)});
  write({store_state(life.model(), 2, 0)});
  // The log of a new leader: cut, appended, then log_view.
  const StoreModel cut = life.model().states_during({store_truncation(2)}).back();
  const Store appended = store_entries(cut, 3, 2, 200);
  write({store_truncation(2), appended, store_state(life.model(), 2, 2)});
  write(
      {store_state(life.model(), 3, 2), store_entries(life.model(), 2, 2), store_state(life.model(), 3, 3)});
  write({store_checkpoint(6, 3), store_entries(life.model(), 2, 3, 700)});
  write({store_entries(life.model(), 2, 3, 700)});
  write({store_entries(life.model(), 1, 3, 10)});
  write({store_checkpoint(10, 10)});
  // From another replica, behind the end of the log.
  const StoreModel restarted = life.model().states_during({store_checkpoint(40, 30)}).back();
  write({store_checkpoint(40, 30), store_entries(restarted, 2, 3)});
  write({store_entries(life.model(), 2, 3)});
}

Image formatted() {
  RecordingDisk disk;
  EXPECT_TRUE(ReplicaStore::format(disk, kIdentity));
  return disk.image();
}

// Opens `image` after a crash, writes something, and has the machine crash again at each step of that.
void crash_once_more(const Image& image, const std::vector<StoreModel>& allowed, std::uint64_t seed) {
  RecordingDisk disk(image);
  Timeline timeline;
  Life life(disk, timeline, allowed);
  ASSERT_TRUE(life.open(0));
  const std::size_t opened = disk.steps();
  const std::uint32_t incarnation = life.model().state.incarnation;
  ASSERT_TRUE(life.write({store_entries(life.model(), 2, seed, seed % 600)}));
  std::mt19937_64 random(seed);
  for (std::size_t step = 0; step <= disk.steps(); step++) {
    const auto all = choices(disk.unsynced(step), seed);
    for (std::size_t i = 0; i < 3; i++) {
      const auto& kept = all[random() % all.size()];
      RecordingDisk after(disk.crash_image(step, kept));
      Timeline of_after;
      Life reopened(after, of_after, timeline.after(step));
      ASSERT_TRUE(reopened.open(step < opened ? 0 : incarnation)) << "second crash after step " << step;
    }
  }
}

TEST(CrashTest, PowerFailureAtEveryStep) {
  RecordingDisk disk(formatted());
  Timeline timeline;
  Life life(disk, timeline, {StoreModel{}});
  ASSERT_TRUE(life.open(0));
  const std::size_t opened = disk.steps();
  run_script(life);
  ASSERT_FALSE(HasFatalFailure());
  std::size_t crashes = 0;
  for (std::size_t step = 0; step <= disk.steps(); step++) {
    const auto all = choices(disk.unsynced(step), step);
    for (const auto& kept : all) {
      const Image image = disk.crash_image(step, kept);
      RecordingDisk after(image);
      Timeline of_after;
      Life reopened(after, of_after, timeline.after(step));
      ASSERT_TRUE(reopened.open(step < opened ? 0 : 1)) << "crash after step " << step;
      ASSERT_FALSE(HasFailure()) << "crash after step " << step;
      crashes++;
    }
    crash_once_more(disk.crash_image(step, all[step % all.size()]), timeline.after(step), step);
    ASSERT_FALSE(HasFailure()) << "first crash after step " << step;
  }
  EXPECT_GT(crashes, disk.steps() * 4);
  RecordProperty("crashes", static_cast<int>(crashes));
}

// The sync of a file fails and what was to be synced never reaches the disk, although processes read it: the
// next process must not build upon it.
TEST(CrashTest, FailureAtEveryStep) {
  for (const int code : {ENOSPC, EIO}) {
    for (std::size_t step = 0;; step++) {
      RecordingDisk disk(formatted());
      Timeline timeline;
      Life life(disk, timeline, {StoreModel{}});
      disk.fail_after(step, code);
      bool failed = !life.open(0, true);
      std::mt19937_64 random(7);
      for (int i = 0; i < 12 && !failed; i++) failed = !life.write(draw_stores(random, life.model()));
      disk.fix();
      if (!failed) break;  // the failure would have come later than all
      Timeline of_next;
      Life next(disk, of_next, life.allowed());
      ASSERT_TRUE(next.open(0)) << "after a failure at step " << step;
      const auto none = std::vector<bool>(disk.unsynced(disk.steps()), false);
      RecordingDisk after(disk.crash_image(disk.steps(), none));
      Timeline of_after;
      Life last(after, of_after, next.allowed());
      ASSERT_TRUE(last.open(1)) << "power failure after a failure at step " << step;
      ASSERT_FALSE(HasFailure()) << "step " << step;
    }
  }
}

// Many lives one after the other: power failures, kills, failing disks, and an operator who recovers.
TEST(CrashTest, RandomLives) {
  constexpr int kSeeds = 300;
  constexpr int kLives = 15;
  for (std::uint64_t seed = 1; seed <= kSeeds; seed++) {
    std::mt19937_64 random(seed);
    auto disk = std::make_unique<RecordingDisk>(formatted());
    std::vector<StoreModel> allowed{StoreModel{}};
    std::uint32_t incarnation = 0;
    for (int lives = 0; lives < kLives; lives++) {
      if (random() % 8 == 0) {
        ASSERT_TRUE(ReplicaStore::recover(*disk, kIdentity, incarnation, 0));
        for (StoreModel& model : allowed) model = not_whole(model.state);
      }
      const std::size_t start = disk->steps();
      Timeline timeline;
      Life life(*disk, timeline, allowed);
      if (random() % 3 == 0) disk->fail_after(random() % 60, random() % 2 ? EIO : ENOSPC);
      bool alive = life.open(incarnation, true);
      ASSERT_FALSE(HasFailure()) << "seed " << seed << ", life " << lives;
      if (alive) incarnation = life.model().state.incarnation;
      const std::size_t opened = disk->steps();
      for (std::uint64_t i = random() % 12; i > 0 && alive; i--) {
        alive = life.write(draw_stores(random, life.model()));
      }
      disk->fix();
      allowed = life.allowed();
      if (random() % 3 == 0) continue;  // only the process has ended
      const std::size_t step = start + random() % (disk->steps() - start + 1);
      const auto all = choices(disk->unsynced(step), random());
      if (step < opened) incarnation = 0;  // open() had not returned yet
      allowed = timeline.after(step);
      disk = std::make_unique<RecordingDisk>(disk->crash_image(step, all[random() % all.size()]));
    }
  }
}

TEST(CrashTest, FormatIsAllOrNothing) {
  RecordingDisk disk;
  ASSERT_TRUE(ReplicaStore::format(disk, kIdentity));
  for (std::size_t step = 0; step <= disk.steps(); step++) {
    for (const auto& kept : choices(disk.unsynced(step), step)) {
      RecordingDisk after(disk.crash_image(step, kept));
      Restored restored;
      const auto opened = ReplicaStore::open(after, kIdentity, restored);
      if (!opened) {
        ASSERT_EQ(opened.error().code, ENOENT) << opened.error().what;
        ASSERT_LT(step, disk.steps());
        ASSERT_TRUE(ReplicaStore::format(after, kIdentity));
        ASSERT_TRUE(ReplicaStore::open(after, kIdentity, restored));
      }
      EXPECT_TRUE(restored.log_is_whole);
      EXPECT_EQ(difference(restored, StoreModel{}), "");
    }
  }
}

// Never with the old log, never whole, and the view is kept, wherever recover() was cut off.
TEST(CrashTest, RecoverNeverStartsAsNormal) {
  RecordingDisk before(formatted());
  Timeline timeline;
  Life life(before, timeline, {StoreModel{}});
  ASSERT_TRUE(life.open(0));
  run_script(life);
  RecordingDisk disk(before.image());
  ASSERT_TRUE(ReplicaStore::recover(disk, kIdentity, 100, 1000));
  const StoreModel old = life.model();
  const StoreModel recovered = not_whole(old.state);
  for (std::size_t step = 0; step <= disk.steps(); step++) {
    for (const auto& kept : choices(disk.unsynced(step), step)) {
      RecordingDisk after(disk.crash_image(step, kept));
      Restored restored;
      const auto opened = ReplicaStore::open(after, kIdentity, restored, kSmallSegment);
      ASSERT_TRUE(opened) << opened.error().what << ", step " << step;
      if (restored.log_is_whole && step < disk.steps()) {
        EXPECT_EQ(difference(restored, old), "");
      } else {
        EXPECT_EQ(difference(restored, recovered), "");
        EXPECT_GT(restored.state.incarnation, 100u);
      }
    }
  }
}

}  // namespace
}  // namespace bmc::paxos::test

// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/store_checker.h"

#include "apps/paxos/sim/tests/checkers_fixture.h"

namespace bmc::paxos::sim {
namespace {

class StoreCheckerTest : public ::testing::Test {
 protected:
  StoreCheckerTest() {
    Restored first;
    first.state.incarnation = 1;
    first.log_is_whole = true;
    checker_.on_restored(0, first, false);
    checker_.on_asked(0, store(1, StoreState{{3, 3, 1}}));
    checker_.on_asked(0, store(2, StoreEntries{{stored_entry(1, 11), stored_entry(2, 12)}}));
    checker_.on_durable(0, 2);
    checker_.on_asked(0, store(3, StoreEntries{{stored_entry(3, 13)}}));
  }
  std::string restart(const DurableState& state, std::vector<LogEntry> entries) {
    Restored restored;
    restored.state = state;
    restored.log_is_whole = true;
    restored.entries = std::move(entries);
    checker_.on_restored(0, restored, false);
    return verdict_.invariant();
  }

  Verdict verdict_;
  StoreChecker checker_{verdict_, Durability::kWal};
};

TEST_F(StoreCheckerTest, WhatWasDurableComesBack) {
  EXPECT_EQ(restart({3, 3, 2}, {stored_entry(1, 11), stored_entry(2, 12)}), "");
}

TEST_F(StoreCheckerTest, WhatWasUnderWayMayComeBack) {
  EXPECT_EQ(restart({3, 3, 2}, {stored_entry(1, 11), stored_entry(2, 12), stored_entry(3, 13)}), "");
}

TEST_F(StoreCheckerTest, ALostEntryIsFound) {
  EXPECT_EQ(restart({3, 3, 2}, {stored_entry(1, 11)}), "a durable log is there after a restart");
}

TEST_F(StoreCheckerTest, AnotherEntryIsFound) {
  EXPECT_EQ(restart({3, 3, 2}, {stored_entry(1, 11), stored_entry(2, 99)}),
            "a durable log is there after a restart");
}

TEST_F(StoreCheckerTest, ALostViewIsFound) {
  EXPECT_EQ(restart({2, 2, 2}, {stored_entry(1, 11), stored_entry(2, 12)}), "durable state never goes back");
}

TEST_F(StoreCheckerTest, ADiskMadeAnewForgetsTheLogButNotThePromise) {
  Restored restored;
  restored.state = {3, 0, 2};
  checker_.on_restored(0, restored, true);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  restored.state = {2, 0, 3};
  checker_.on_restored(0, restored, true);
  EXPECT_EQ(verdict_.invariant(), "durable state never goes back");
}

TEST_F(StoreCheckerTest, TheSameIncarnationAgainIsFound) {
  EXPECT_EQ(restart({3, 3, 1}, {stored_entry(1, 11), stored_entry(2, 12)}), "durable state never goes back");
}

TEST_F(StoreCheckerTest, ACoreThatStoresAnOlderViewIsFound) {
  checker_.on_asked(0, store(4, StoreState{{2, 2, 1}}));
  EXPECT_EQ(verdict_.invariant(), "durable state never goes back");
}

TEST_F(StoreCheckerTest, AnAcknowledgementOfWhatIsDurableIsRightAndOfMoreIsFound) {
  checker_.on_sent(0, prepare_ok(0, 3, 2, 12));
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  checker_.on_sent(0, prepare_ok(0, 3, 3, 13));
  EXPECT_EQ(verdict_.invariant(), "durable before it is said");
}

TEST_F(StoreCheckerTest, AMessageOfAViewThatIsNotDurableIsFound) {
  checker_.on_sent(0, message(MessageType::kPing, 0, 3, 0));
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  checker_.on_sent(0, message(MessageType::kPing, 0, 4, 0));
  EXPECT_EQ(verdict_.invariant(), "durable before it is said");
}

TEST_F(StoreCheckerTest, AGapIsFound) {
  checker_.on_asked(0, store(4, StoreEntries{{stored_entry(5, 15)}}));
  checker_.on_durable(0, 4);
  EXPECT_EQ(verdict_.invariant(), "the log has no gap");
}

TEST_F(StoreCheckerTest, ATruncationTakesEntriesAwayAndACheckpointTrims) {
  const auto bytes = std::make_shared<const std::string>("checkpoint");
  checker_.on_asked(0, store(4, StoreTruncation{2}));
  checker_.on_asked(0, store(5, StoreCheckpoint{2, 1, bytes}));
  checker_.on_durable(0, 5);
  EXPECT_EQ(checker_.durable_end(0), 2u);
  EXPECT_EQ(restart({3, 3, 2}, {stored_entry(2, 12)}), "");
}

TEST_F(StoreCheckerTest, TwoCheckpointsOfOneOpThatDifferAreFound) {
  checker_.on_asked(0, store(4, StoreCheckpoint{2, 0, std::make_shared<const std::string>("one")}));
  checker_.on_durable(0, 4);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  checker_.on_asked(1, store(1, StoreCheckpoint{2, 0, std::make_shared<const std::string>("two")}));
  checker_.on_durable(1, 1);
  EXPECT_EQ(verdict_.invariant(), "identical checkpoints");
}

TEST_F(StoreCheckerTest, ACheckpointThatTrimsMoreThanItHoldsIsFound) {
  checker_.on_asked(0, store(4, StoreCheckpoint{2, 3, std::make_shared<const std::string>("one")}));
  checker_.on_durable(0, 4);
  EXPECT_EQ(verdict_.invariant(), "the log has no gap");
}

}  // namespace
}  // namespace bmc::paxos::sim

// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/quorum_checker.h"

#include "apps/paxos/sim/tests/checkers_fixture.h"

namespace bmc::paxos::sim {
namespace {

constexpr Micros kLate = 10'000'000;

class QuorumCheckerTest : public ::testing::Test {
 protected:
  QuorumCheckerTest() {
    options_.replica_count = 5;
    checker_ = std::make_unique<QuorumChecker>(verdict_, options_);
    checker_->on_start(0, 0);
  }
  void hear(const Message& message, Micros now = 0) { checker_->on_delivered(0, now, message); }
  // Replica 0 leads view 5 and commits op 1.
  void commit(Op durable = 1) {
    checker_->observe({0, 0, false, normal(5, 1, 0, true), normal(5, 1, 1, true), log_}, 0, durable);
  }
  // Replica 0 is in view 6 and hears its leader.
  void follow_replica_1(Micros now) {
    checker_->observe({0, now, false, normal(6, 1, 0), normal(6, 1, 0), log_}, 0, 1);
    hear(message(MessageType::kCommit, 1, 6, 0), now);
  }
  void enter(View view, Micros now) {
    checker_->observe({0, now, false, normal(6, 1, 0), normal(view, 1, 0), log_}, 0, 1);
  }

  CoreOptions options_;
  Verdict verdict_;
  FakeLog log_;
  std::unique_ptr<QuorumChecker> checker_;
};

TEST_F(QuorumCheckerTest, ACommitWithThreeOfFiveIsRight) {
  hear(prepare_ok(1, 5, 1));
  hear(prepare_ok(2, 5, 4));
  commit();
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
}

TEST_F(QuorumCheckerTest, ACommitWithTwoIsFound) {
  hear(prepare_ok(1, 5, 1));
  commit();
  EXPECT_EQ(verdict_.invariant(), "a commit has a quorum");
}

TEST_F(QuorumCheckerTest, OneReplicaTwiceIsNotTwo) {
  hear(prepare_ok(1, 5, 1));
  hear(prepare_ok(1, 5, 1));
  commit();
  EXPECT_EQ(verdict_.invariant(), "a commit has a quorum");
}

TEST_F(QuorumCheckerTest, AnAcknowledgementOfAnotherViewDoesNotCount) {
  hear(prepare_ok(1, 5, 1));
  hear(prepare_ok(2, 4, 1));
  commit();
  EXPECT_EQ(verdict_.invariant(), "a commit has a quorum");
}

TEST_F(QuorumCheckerTest, AnAcknowledgementOfLessDoesNotCount) {
  hear(prepare_ok(1, 5, 1));
  hear(prepare_ok(2, 5, 0));
  commit();
  EXPECT_EQ(verdict_.invariant(), "a commit has a quorum");
}

TEST_F(QuorumCheckerTest, AnAcknowledgementOfAnEarlierLifeDoesNotCount) {
  hear(prepare_ok(1, 5, 1));
  hear(prepare_ok(2, 5, 1, 0, 1));
  hear(message(MessageType::kPing, 2, 5, 0, 0, 2));
  commit();
  EXPECT_EQ(verdict_.invariant(), "a commit has a quorum");
}

TEST_F(QuorumCheckerTest, AnAcknowledgementFromMemoryDoesNotCountWhereDurableOnesAreAskedFor) {
  hear(prepare_ok(1, 5, 1));
  Message ok = prepare_ok(2, 5, 1);
  ok.ack_level = PAXOS_ACK_MEMORY;
  hear(ok);
  commit();
  EXPECT_EQ(verdict_.invariant(), "a commit has a quorum");
}

TEST_F(QuorumCheckerTest, TheLeadersOwnVoteWaitsForItsDisk) {
  hear(prepare_ok(1, 5, 1));
  hear(prepare_ok(2, 5, 1));
  commit(0);
  EXPECT_EQ(verdict_.invariant(), "a commit has a quorum");
}

TEST_F(QuorumCheckerTest, ABackupThatCommitsFirstIsFound) {
  checker_->observe({0, 0, false, normal(6, 1, 0), normal(6, 1, 1), log_}, 0, 1);
  EXPECT_EQ(verdict_.invariant(), "a commit has a quorum");
}

TEST_F(QuorumCheckerTest, AViewWithThreeWishesIsRightAndWithTwoIsFound) {
  follow_replica_1(kLate);
  hear(wish(2, 6, 7), kLate);
  hear(wish(3, 6, 7), kLate);
  hear(wish(4, 6, 7), kLate);
  enter(7, kLate);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  follow_replica_1(kLate);
  hear(wish(2, 6, 8), kLate);
  hear(wish(3, 6, 8), kLate);
  enter(8, kLate);
  EXPECT_EQ(verdict_.invariant(), "a view is entered with a quorum");
}

TEST_F(QuorumCheckerTest, AReplicasOwnWishCountsOnceItsLeaderIsSilent) {
  follow_replica_1(0);
  hear(wish(2, 6, 7), kLate);
  hear(wish(3, 6, 7), kLate);
  enter(7, kLate);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
}

TEST_F(QuorumCheckerTest, AReplicaOfTheViewIsProofEnough) {
  follow_replica_1(kLate);
  hear(message(MessageType::kPrepare, 2, 7, 2), kLate);
  enter(7, kLate);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
}

TEST_F(QuorumCheckerTest, ALeaderThatHearsAQuorumMayServeAndOneThatDoesNotIsFound) {
  const CoreView leads = normal(5, 1, 0, true);
  const auto tick = [&](Micros now) { checker_->observe_tick({0, now, false, leads, leads, log_}); };
  hear(message(MessageType::kPong, 1, 5, 0), kLate);
  hear(message(MessageType::kPong, 2, 5, 0), kLate);
  tick(kLate + 1);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  hear(message(MessageType::kPong, 1, 5, 0), 2 * kLate);
  tick(2 * kLate + 1);
  EXPECT_EQ(verdict_.invariant(), "a leader that serves hears a quorum");
}

}  // namespace
}  // namespace bmc::paxos::sim

// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/log_checker.h"

#include "apps/paxos/sim/limits_checker.h"
#include "apps/paxos/sim/tests/checkers_fixture.h"
#include "apps/paxos/sim/wire_checker.h"

namespace bmc::paxos::sim {
namespace {

class LogCheckerTest : public ::testing::Test {
 protected:
  void see(ReplicaIndex replica, const CoreView& after, const FakeLog& log) {
    checker_.observe({replica, 0, true, CoreView{}, after, log});
  }
  void see(ReplicaIndex replica, const CoreView& before, const CoreView& after, const FakeLog& log) {
    checker_.observe({replica, 0, false, before, after, log});
  }

  Verdict verdict_;
  LogChecker checker_{verdict_};
};

TEST_F(LogCheckerTest, OneHistoryOnTwoReplicasIsRight) {
  const FakeLog log = FakeLog().put(1, 11).put(2, 12);
  see(0, normal(0, 2, 2, true), log);
  see(1, normal(0, 2, 1), log);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  EXPECT_EQ(checker_.committed(), 2u);
}

TEST_F(LogCheckerTest, AnotherEntryAtTheSamePlaceIsFound) {
  see(0, normal(0, 2, 2), FakeLog().put(1, 11).put(2, 12));
  see(1, normal(0, 2, 2), FakeLog().put(1, 11).put(2, 99));
  EXPECT_EQ(verdict_.invariant(), "one history");
}

TEST_F(LogCheckerTest, ACommitWithoutEntryIsFound) {
  see(0, normal(0, 2, 2), FakeLog().put(1, 11));
  EXPECT_EQ(verdict_.invariant(), "one history");
}

TEST_F(LogCheckerTest, AnEntryThatWasTrimmedAtOnceIsShownByAnother) {
  CoreView trimmed = normal(0, 2, 2);
  trimmed.log_begin = 1;
  see(0, trimmed, FakeLog().put(2, 12));
  see(1, normal(0, 2, 2), FakeLog().put(1, 11).put(2, 12));
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  see(2, normal(0, 2, 2), FakeLog().put(1, 99).put(2, 12));
  EXPECT_EQ(verdict_.invariant(), "one history");
}

TEST_F(LogCheckerTest, EachNumberThatGoesBackIsFound) {
  const FakeLog log = FakeLog().put(1, 11).put(2, 12);
  for (const auto field :
       {&CoreView::view, &CoreView::log_view, &CoreView::commit, &CoreView::applied, &CoreView::checkpoint}) {
    Verdict verdict;
    LogChecker checker(verdict);
    CoreView before = normal(5, 2, 2);
    before.checkpoint = 1;
    CoreView after = before;
    checker.observe({0, 0, false, before, after, log});
    EXPECT_FALSE(verdict.failed()) << verdict.what();
    --(after.*field);
    checker.observe({0, 0, false, before, after, log});
    EXPECT_EQ(verdict.invariant(), "no regress");
  }
}

TEST_F(LogCheckerTest, AReplicaThatContradictsItselfIsFound) {
  CoreView ahead = normal(0, 1, 1);
  ahead.applied = 2;
  see(0, ahead, FakeLog().put(1, 11));
  EXPECT_TRUE(verdict_.failed());
}

TEST_F(LogCheckerTest, ANewLeaderThatHasAllIsRightAndOneThatLacksSomethingIsFound) {
  const FakeLog log = FakeLog().put(1, 11).put(2, 12);
  see(0, normal(0, 2, 2, true), log);
  see(1, normal(0, 2, 1), normal(1, 2, 1, true), log);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  see(2, normal(0, 1, 1), normal(2, 1, 1, true), log);
  EXPECT_FALSE(verdict_.failed()) << "the entry is there";
  see(2, normal(0, 1, 1), normal(5, 1, 1, true), FakeLog().put(1, 11));
  EXPECT_EQ(verdict_.invariant(), "a new leader has all that is committed");
}

class LimitsCheckerTest : public ::testing::Test {
 protected:
  LimitsCheckerTest() {
    options_.waiting_requests_max = options_.reads_waiting_max = options_.sessions_max = 4;
    options_.log_kept_ops = 2;
    options_.checkpoint_interval_ops = 3;
    options_.pipeline_ops_max = 2;
  }
  std::string judge(const CoreView& before, const CoreView& after) {
    Verdict verdict;
    LimitsChecker(verdict, options_).observe({0, 0, false, before, after, FakeLog()});
    return verdict.invariant();
  }

  CoreOptions options_;
};

TEST_F(LimitsCheckerTest, WhatIsAtTheLimitIsRightAndOneMoreIsFound) {
  const CoreView before = normal(0, 5, 5, true);
  CoreView after = normal(0, 7, 5, true);
  after.requests_waiting = after.reads_waiting = after.sessions = 4;
  EXPECT_EQ(judge(before, after), "");
  for (const auto field : {&CoreView::requests_waiting, &CoreView::reads_waiting, &CoreView::sessions}) {
    CoreView more = after;
    ++(more.*field);
    EXPECT_EQ(judge(before, more), "bounded memory");
  }
  ++after.op;
  EXPECT_EQ(judge(before, after), "bounded memory") << "three proposals without commit";
}

TEST_F(LimitsCheckerTest, ALogThatIsNeverTrimmedIsFound) {
  EXPECT_EQ(judge(normal(0, 5, 5), normal(0, 6, 6)), "bounded memory");
}

class WireCheckerTest : public ::testing::Test {
 protected:
  void send(ReplicaIndex replica, Op end, const Message& message) {
    const CoreView core = normal(message.view, end, 0);
    checker_.on_sent({replica, 0, false, core, core, log_}, message);
  }

  Verdict verdict_;
  FakeLog log_ = FakeLog().put(1, 11).put(2, 12);
  WireChecker checker_{verdict_, 3};
};

TEST_F(WireCheckerTest, AcknowledgedAndThenPromisedIsRight) {
  send(1, 2, prepare_ok(1, 0, 2, 12));
  send(1, 2, do_view_change(1, 1, 0, 2));
  send(1, 2, do_view_change(1, 1, 0, 2));
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
}

TEST_F(WireCheckerTest, APromiseThatForgetsAnAcknowledgementIsFound) {
  send(1, 2, prepare_ok(1, 0, 2, 12));
  send(1, 1, do_view_change(1, 1, 0, 1));
  EXPECT_EQ(verdict_.invariant(), "DO_VIEW_CHANGE holds all that was acknowledged");
}

TEST_F(WireCheckerTest, APromiseWithAnOldLogViewIsFound) {
  send(1, 2, prepare_ok(1, 3, 2, 12));
  send(1, 2, do_view_change(1, 4, 0, 2));
  EXPECT_EQ(verdict_.invariant(), "DO_VIEW_CHANGE holds all that was acknowledged");
}

TEST_F(WireCheckerTest, AnAcknowledgementAfterThePromiseIsFound) {
  send(1, 2, do_view_change(1, 1, 0, 2));
  send(1, 2, prepare_ok(1, 0, 2, 12));
  EXPECT_TRUE(verdict_.failed());
}

// By the kernel: there is no entry in the log yet.
TEST_F(WireCheckerTest, APromiseThatForgetsWhatTheKernelAcknowledgedIsFound) {
  const CoreView core = normal(0, 2, 0);
  checker_.observe({1, 0, true, core, core, log_});
  Message ack = prepare_ok(1, 0, 3, 0);
  ack.incarnation = core.incarnation;
  EXPECT_TRUE(checker_.on_acknowledged_by_kernel(1, ack));
  send(1, 2, prepare_ok(1, 0, 2, 12));
  EXPECT_FALSE(verdict_.failed());
  send(1, 2, do_view_change(1, 1, 0, 2));
  EXPECT_EQ(verdict_.invariant(), "DO_VIEW_CHANGE holds all that was acknowledged");
}

TEST_F(WireCheckerTest, AnAcknowledgementOfWhatIsNotThereIsFound) {
  send(1, 2, prepare_ok(1, 0, 3, 13));
  EXPECT_EQ(verdict_.invariant(), "what is acknowledged is in the log");
}

TEST_F(WireCheckerTest, AnAcknowledgementOfAnotherEntryIsFound) {
  send(1, 2, prepare_ok(1, 0, 2, 99));
  EXPECT_EQ(verdict_.invariant(), "what is acknowledged is in the log");
}

TEST_F(WireCheckerTest, TheSameProposalTwiceIsRightAndAnotherOneIsFound) {
  send(0, 1, message(MessageType::kPrepare, 0, 3, 1, 0));
  send(0, 1, message(MessageType::kPrepare, 0, 3, 1, 0));
  send(0, 1, message(MessageType::kPrepare, 0, 3, 2, 11));
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  Message other = message(MessageType::kPrepare, 0, 3, 2, 11);
  other.body = std::make_shared<const std::string>("another");
  send(0, 2, other);
  EXPECT_EQ(verdict_.invariant(), "one proposal per view and op");
}

TEST_F(WireCheckerTest, OneWhoLeadsTheViewOfAnotherIsFound) {
  send(1, 1, message(MessageType::kPrepare, 1, 3, 1));
  EXPECT_EQ(verdict_.invariant(), "only the leader of a view leads it");
}

TEST_F(WireCheckerTest, ANewerViewsLogReleasesFromAnOlderAcknowledgement) {
  send(1, 2, prepare_ok(1, 0, 2, 12));
  const CoreView before = normal(0, 2, 0);
  const CoreView after = normal(1, 1, 0);
  checker_.observe({1, 0, false, before, after, log_});
  send(1, 1, do_view_change(1, 2, 0, 1));
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
}

TEST_F(WireCheckerTest, ARecoveryThatBringsBackLessIsFound) {
  send(1, 2, prepare_ok(1, 3, 2, 12));
  CoreView before;
  before.view = 3;
  const CoreView whole = normal(3, 2, 0);
  checker_.observe({1, 0, false, before, whole, log_});
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  const CoreView less = normal(3, 1, 0);
  checker_.observe({1, 0, false, before, less, log_});
  EXPECT_EQ(verdict_.invariant(), "recovery brings back all that was acknowledged");
}

TEST_F(WireCheckerTest, TwoLogsInOneViewAreFound) {
  send(0, 2, message(MessageType::kStartView, 0, 3, 2, 12));
  send(1, 2, prepare_ok(1, 3, 2, 12));
  send(0, 2, message(MessageType::kPrepare, 0, 3, 3, 12));
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  send(0, 2, message(MessageType::kPrepare, 0, 3, 3, 99));
  EXPECT_EQ(verdict_.invariant(), "one log per view");
}

TEST_F(WireCheckerTest, TwoCheckpointsOfOneOpThatDifferAreFound) {
  body::CheckpointChunk chunk;
  chunk.set_total(100);
  chunk.set_hash(7);
  Message one = message(MessageType::kCheckpoint, 1, 0, 8);
  one.body = bytes_of(chunk);
  send(1, 2, one);
  send(1, 2, one);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  chunk.set_hash(8);
  one.body = bytes_of(chunk);
  send(1, 2, one);
  EXPECT_EQ(verdict_.invariant(), "identical checkpoints");
}

TEST_F(WireCheckerTest, AViewThatGoesBackIsFound) {
  send(1, 2, message(MessageType::kPing, 1, 4, 0));
  send(1, 2, message(MessageType::kPing, 1, 3, 0));
  EXPECT_EQ(verdict_.invariant(), "the view on the wire never goes back");
}

TEST_F(WireCheckerTest, OneWhoSendsAsAnotherIsFound) {
  send(1, 2, message(MessageType::kPing, 2, 0, 0));
  EXPECT_EQ(verdict_.invariant(), "sender");
}

}  // namespace
}  // namespace bmc::paxos::sim

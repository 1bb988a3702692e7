// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/client_history.h"

#include <gtest/gtest.h>

#include "apps/paxos/sim/random.h"

namespace bmc::paxos::sim {
namespace {

Command command(Verb verb, std::uint64_t id = 0, std::uint8_t key = 0) {
  Command command;
  command.verb = verb;
  command.key = key;
  command.id = id;
  return command;
}

class ClientHistoryTest : public ::testing::Test {
 protected:
  void apply(const Command& command) {
    const std::string operation = command.encoded();
    machine_.apply(operation, 7);
  }
  // Asked, and answered at once.
  void ask(const Command& command, const Answer& answer, bool stale = false) {
    history_.on_answered(1, history_.on_invoked(1, command, stale), answer);
  }

  Verdict verdict_;
  ApplyChecker truth_{verdict_};
  Machine machine_{[this](const Machine::Applied& applied) { truth_.on_applied(0, applied); }};
  ClientHistory history_{verdict_, truth_};
};

TEST_F(ClientHistoryTest, WhatHappenedIsRight) {
  apply(command(Verb::kWrite, 5));
  ask(command(Verb::kWrite, 5), {1, 5, 1});
  ask(command(Verb::kRead), {1, 5, 1});
  history_.check_registers();
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  EXPECT_EQ(history_.answered(), 2u);
}

TEST_F(ClientHistoryTest, AnAnswerToWhatWasNotAppliedIsFound) {
  ask(command(Verb::kWrite, 5), {1, 5, 1});
  EXPECT_EQ(verdict_.invariant(), "linearizable");
}

TEST_F(ClientHistoryTest, AnAnswerThatDiffersIsFound) {
  apply(command(Verb::kWrite, 5));
  ask(command(Verb::kWrite, 5), {2, 5, 1});
  EXPECT_EQ(verdict_.invariant(), "linearizable");
}

TEST_F(ClientHistoryTest, AReadOfAValueThatNeverWasIsFound) {
  apply(command(Verb::kWrite, 5));
  ask(command(Verb::kRead), {1, 6, 1});
  EXPECT_EQ(verdict_.invariant(), "linearizable");
}

TEST_F(ClientHistoryTest, AStaleReadIsFoundUnlessItWasAskedFor) {
  apply(command(Verb::kWrite, 5));
  ask(command(Verb::kWrite, 5), {1, 5, 1});
  ask(command(Verb::kRead), {0, 0, 1}, true);
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  EXPECT_EQ(history_.stale_answers(), 1u);
  ask(command(Verb::kRead), {0, 0, 1});
  EXPECT_EQ(verdict_.invariant(), "linearizable");
}

TEST_F(ClientHistoryTest, AReadMayMissAWriteThatItOverlaps) {
  apply(command(Verb::kWrite, 5));
  const ClientHistory::Number read = history_.on_invoked(1, command(Verb::kRead), false);
  ask(command(Verb::kWrite, 5), {1, 5, 1});
  history_.on_answered(2, read, {0, 0, 1});
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
}

TEST_F(ClientHistoryTest, AListIsJudgedToo) {
  apply(command(Verb::kAppend, 5, 1));
  apply(command(Verb::kAppend, 6, 1));
  const std::uint64_t one = mix(0, 5);
  const std::uint64_t both = mix(one, 6);
  ask(command(Verb::kAppend, 5, 1), {1, one, 1});
  ask(command(Verb::kRead, 0, 1), {2, both, 1});
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  ask(command(Verb::kRead, 0, 1), {1, one, 1});
  EXPECT_EQ(verdict_.invariant(), "linearizable");
}

TEST_F(ClientHistoryTest, ARequestThatIsAppliedTwiceIsFound) {
  apply(command(Verb::kAppend, 5, 1));
  EXPECT_FALSE(verdict_.failed()) << verdict_.what();
  apply(command(Verb::kAppend, 5, 1));
  EXPECT_EQ(verdict_.invariant(), "exactly once");
}

TEST_F(ClientHistoryTest, AReplicaThatAppliesSomethingElseIsFound) {
  apply(command(Verb::kWrite, 5));
  Machine second([this](const Machine::Applied& applied) { truth_.on_applied(1, applied); });
  second.apply(command(Verb::kWrite, 6).encoded(), 7);
  EXPECT_EQ(verdict_.invariant(), "the same operations");
}

TEST_F(ClientHistoryTest, AReplicaWithAnotherClockIsFound) {
  apply(command(Verb::kWrite, 5));
  Machine second([this](const Machine::Applied& applied) { truth_.on_applied(1, applied); });
  second.apply(command(Verb::kWrite, 5).encoded(), 8);
  EXPECT_EQ(verdict_.invariant(), "the same operations");
}

TEST_F(ClientHistoryTest, TimeThatGoesBackIsFound) {
  apply(command(Verb::kWrite, 5));
  machine_.apply(command(Verb::kWrite, 6).encoded(), 6);
  EXPECT_EQ(verdict_.invariant(), "replicated time does not go back");
}

TEST(MachineTest, ASnapshotGivesTheSameStateAndGarbageIsRefused) {
  Machine machine([](const Machine::Applied&) {});
  machine.apply(command(Verb::kWrite, 5).encoded(), 1);
  machine.apply(command(Verb::kAppend, 6, 1).encoded(), 1);
  Machine copy([](const Machine::Applied&) {});
  ASSERT_TRUE(copy.snapshot_load(machine.snapshot_save()));
  EXPECT_EQ(copy.snapshot_save(), machine.snapshot_save());
  EXPECT_FALSE(copy.snapshot_load(machine.snapshot_save().substr(0, 20)));
  EXPECT_EQ(copy.snapshot_save(), machine.snapshot_save());
}

}  // namespace
}  // namespace bmc::paxos::sim

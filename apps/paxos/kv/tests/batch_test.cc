// SPDX-License-Identifier: Apache-2.0
// Batches: answers in order, failures told to each command, and results that do not belong to them.
#include "apps/paxos/kv/server/batch.h"

#include <gtest/gtest.h>

namespace bmc::kv {
namespace {

class BatchTest : public testing::Test {
 protected:
  void add(std::string_view requests) {
    while (!requests.empty()) {
      const Parsed parsed = parse_request(requests);
      ASSERT_TRUE(parsed.request);
      batch.add(*parsed.request);
      requests.remove_prefix(parsed.consumed);
    }
    batch.answer_local(out);
  }

  bool answer(const std::vector<Answer>& answers) { return batch.answer({Status::kAnswered, answers}, out); }
  static Answer outcome(Outcome what) { return {what, 0, {}}; }
  static Answer items(std::vector<std::optional<FoundItem>> found) {
    return {Outcome::kItems, 0, std::move(found)};
  }

  Counters counters;
  Batch::Stats stats = [](std::string_view argument) { return "stats(" + std::string(argument) + ")\r\n"; };
  Batch batch{stats, counters};
  std::string out;
};

TEST_F(BatchTest, AnswersComeInTheOrderOfTheRequests) {
  add("version\r\nset a 0 0 1\r\nx\r\nfoo\r\nstats here\r\ndelete a\r\nversion\r\n");
  EXPECT_EQ(out, "VERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n");
  EXPECT_TRUE(answer({outcome(Outcome::kStored), outcome(Outcome::kNotFound)}));
  EXPECT_EQ(out,
            "VERSION 1.6.18-paxos-kv-" BMC_VERSION
            "\r\nSTORED\r\nERROR\r\nstats(here)\r\nNOT_FOUND\r\nVERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n");
  EXPECT_FALSE(batch.has_commands());
}

TEST_F(BatchTest, NoreplySaysNothing) {
  add("set a 0 0 1 noreply\r\nx\r\nset a x 0 1 noreply\r\ndelete a noreply\r\nget a\r\n");
  EXPECT_TRUE(answer({outcome(Outcome::kStored), outcome(Outcome::kDeleted), items({std::nullopt})}));
  EXPECT_EQ(out, "END\r\n");
}

TEST_F(BatchTest, OnlyGetsAreARead) {
  add("get a\r\nversion\r\ngets b c\r\n");
  EXPECT_TRUE(batch.is_read());
  add("gat 0 a\r\n");
  EXPECT_FALSE(batch.is_read());
}

TEST_F(BatchTest, WhatWasNotAnsweredIsAskedAgain) {
  add("set a 0 0 1\r\nx\r\ngets b c d\r\nincr e 5\r\n");
  ASSERT_TRUE(answer({outcome(Outcome::kStored), items({FoundItem{"1", 2, 3}})}));
  EXPECT_EQ(out, "STORED\r\nVALUE b 2 1 3\r\n1\r\n");
  const std::string rest = batch.operation(0);
  const auto operation = decode_operation(rest);
  ASSERT_TRUE(operation);
  ASSERT_EQ(operation->commands.size(), 2u);
  EXPECT_EQ(operation->commands[0].keys, (std::vector<std::string_view>{"c", "d"}));
  EXPECT_EQ(operation->commands[1].number, 5u);
  out.clear();
  ASSERT_TRUE(answer({items({std::nullopt, FoundItem{"", 0, 4}}), {Outcome::kNumber, 6, {}}}));
  EXPECT_EQ(out, "VALUE d 0 0 4\r\n\r\nEND\r\n6\r\n");
}

TEST_F(BatchTest, AnswersOfOtherCommandsAreNone) {
  add("get a b\r\ndelete c\r\n");
  const std::vector<std::vector<Answer>> wrong = {
      {},
      {outcome(Outcome::kDeleted)},
      {items({})},
      {items({std::nullopt, std::nullopt, std::nullopt})},
      {items({std::nullopt}), outcome(Outcome::kDeleted)},  // one key is missing, and yet it goes on
      {items({std::nullopt, std::nullopt}), items({std::nullopt})},
      {items({std::nullopt, std::nullopt}), outcome(Outcome::kDeleted), outcome(Outcome::kDeleted)}};
  for (const auto& answers : wrong) EXPECT_FALSE(answer(answers));
  EXPECT_EQ(out, "");
  EXPECT_TRUE(answer({items({std::nullopt, std::nullopt}), outcome(Outcome::kDeleted)}));
}

TEST_F(BatchTest, AFailureIsToldToEachThatIsLeft) {
  add("get a\r\nset b 0 0 1\r\nx\r\nversion\r\nset c 0 0 1 noreply\r\nx\r\n");
  batch.fail({paxos::ErrorCode::unknown_outcome, "no answer\r\nin time"}, out);
  EXPECT_EQ(out,
            "SERVER_ERROR no answer: no answer  in time\r\n"
            "SERVER_ERROR outcome unknown: no answer  in time\r\n"
            "VERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n");
  EXPECT_FALSE(batch.has_commands());
  EXPECT_EQ(counters.outcomes_unknown, 2u);
  EXPECT_EQ(counters.commands_failed, 1u);
}

TEST(ErrorLineTest, TellsWhetherSomethingMayHaveHappened) {
  using paxos::ErrorCode;
  EXPECT_EQ(error_line({ErrorCode::session_evicted, "s"}, true), "SERVER_ERROR outcome unknown: s\r\n");
  EXPECT_EQ(error_line({ErrorCode::busy, "s"}, true), "SERVER_ERROR nothing was done: s\r\n");
  EXPECT_EQ(error_line({ErrorCode::timed_out, "s"}, false), "SERVER_ERROR no answer: s\r\n");
  EXPECT_NE(error_line({ErrorCode::not_leader}, true), "SERVER_ERROR nothing was done: \r\n");
}

TEST_F(BatchTest, CountsUnderMemcachedsNames) {
  add("get a b\r\nset c 0 0 1\r\nx\r\ncas d 0 0 1 1\r\nx\r\ntouch e 0\r\nincr f 1\r\ndelete "
      "g\r\nflush_all\r\n");
  ASSERT_TRUE(answer({items({FoundItem{}, std::nullopt}), outcome(Outcome::kStored),
                      outcome(Outcome::kExists), outcome(Outcome::kTouched), outcome(Outcome::kNotFound),
                      outcome(Outcome::kDeleted), outcome(Outcome::kOk)}));
  EXPECT_EQ(counters.cmd_get, 2u);
  EXPECT_EQ(counters.get_hits, 1u);
  EXPECT_EQ(counters.get_misses, 1u);
  EXPECT_EQ(counters.cmd_set, 2u);
  EXPECT_EQ(counters.cas_badval, 1u);
  EXPECT_EQ(counters.touch_hits, 1u);
  EXPECT_EQ(counters.incr_misses, 1u);
  EXPECT_EQ(counters.delete_hits, 1u);
  EXPECT_EQ(counters.cmd_flush, 1u);
}

}  // namespace
}  // namespace bmc::kv

// SPDX-License-Identifier: Apache-2.0
// Requests and the judgement of their replies: what is right, stale, another key's, and what became of each.
#include "loadgen/reply_judge.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "loadgen/request_source.h"

namespace bmc::loadgen {
namespace {

class JudgeTest : public ::testing::Test {
 protected:
  void begin(const WorkloadOptions& options, const TrafficOptions& traffic) {
    workload_.emplace(*Workload::create(options));
    traffic_.emplace(*workload_, traffic);
    source_.emplace(*traffic_, 0, 1);
    judge_.emplace(*traffic_);
  }

  Exchange next() {
    Exchange exchange;
    text_.clear();
    source_->next(exchange, text_);
    judge_->count_sent();
    return exchange;
  }

  // The exchange's fault once `reply` is through; finished if it is whole.
  loadgen_counter answer(Exchange& exchange, std::string_view reply, std::uint64_t after_ns = 1000) {
    while (!reply.empty()) {
      const ReplyPiece piece = next_piece(reply);
      if (piece.kind == ReplyPiece::Kind::kIncomplete || !judge_->take(exchange, piece)) break;
    }
    if (exchange.done) judge_->finish(exchange, after_ns);
    return exchange.fault;
  }

  std::string item(std::uint32_t index, std::uint32_t version = 0) const {
    const std::string value = workload_->value(index, version);
    return "VALUE " + workload_->key(index) + " 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }
  std::uint32_t version(std::uint32_t write) const { return traffic_->version_base + write; }
  RunReport& report() { return judge_->report(); }

  std::optional<Workload> workload_;
  std::optional<Traffic> traffic_;
  std::optional<RequestSource> source_;
  std::optional<ReplyJudge> judge_;
  std::string text_;
};

TEST_F(JudgeTest, RequestsKeepTheRatio) {
  begin({}, {.sets = 1, .gets = 4});
  std::map<bool, int> kinds;
  for (int count = 0; count < 100; ++count) kinds[next().is_set]++;
  EXPECT_EQ(kinds[true], 20);
  EXPECT_EQ(kinds[false], 80);
}

TEST_F(JudgeTest, ASetSaysWhatItStores) {
  begin({.key_count = 1, .flags = 7}, {.sets = 1, .gets = 0, .expiry_min = 30, .expiry_max = 30});
  const Exchange exchange = next();
  EXPECT_EQ(text_, "set " + workload_->key(0) + " 7 30 32\r\n" + workload_->value(0, version(1)) + "\r\n");
  EXPECT_EQ(exchange.bytes, text_.size());
}

TEST_F(JudgeTest, ExpiryTimesStayInTheirRange) {
  begin({.key_count = 1000}, {.sets = 1, .gets = 0, .expiry_min = 5, .expiry_max = 7});
  std::map<std::string, int> seen;
  for (int count = 0; count < 300; ++count) {
    next();
    seen[text_.substr(23, 1)]++;
  }
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_TRUE(seen.count("5") && seen.count("6") && seen.count("7"));
}

TEST_F(JudgeTest, WorkersTogetherAskWhatOneAsks) {
  begin({.key_count = 1000}, {});
  RequestSource left(*traffic_, 0, 2), right(*traffic_, 1, 2);
  for (int count = 0; count < 50; ++count) {
    Exchange one, other;
    std::string text;
    left.next(one, text);
    EXPECT_EQ(one.keys[0].index, next().keys[0].index);
    right.next(other, text);
    EXPECT_EQ(other.keys[0].index, next().keys[0].index);
  }
}

TEST_F(JudgeTest, RightAnswersAreHitsAndAbsentKeysMisses) {
  begin({.key_count = 10, .keys_per_request = 3, .pattern = Pattern::kSequential}, {.populated = true});
  Exchange exchange = next();
  EXPECT_EQ(answer(exchange, item(0) + item(2) + "END\r\n"), LOADGEN_COUNTER_COUNT);
  EXPECT_EQ(report().answered(), 1u);
  EXPECT_EQ(report().gets.hits, 2u);
  EXPECT_EQ(report().gets.misses, 1u);
  EXPECT_EQ(report().wrong(), 0u);
  EXPECT_EQ(report().gets.bytes, text_.size() + item(0).size() * 2 + 5);
}

TEST_F(JudgeTest, KeysNotAskedOrOutOfOrderAreWrong) {
  begin({.key_count = 10, .keys_per_request = 3, .pattern = Pattern::kSequential}, {});
  Exchange exchange = next();
  EXPECT_EQ(answer(exchange, item(1) + item(0) + "END\r\n"), LOADGEN_WRONG_KEY);
  exchange = next();
  EXPECT_EQ(answer(exchange, item(7) + "END\r\n"), LOADGEN_WRONG_KEY);
  exchange = next();
  EXPECT_EQ(answer(exchange, "VALUE nobody-asked-0 0 1\r\nx\r\nEND\r\n"), LOADGEN_WRONG_KEY);
  EXPECT_EQ(report().wrong(), 3u);
  EXPECT_EQ(report().answered(), 0u);
}

TEST_F(JudgeTest, EachPartOfAnItemIsLookedAt) {
  begin({.key_count = 1}, {});
  const std::string right = item(0);
  const std::string longer = "VALUE " + workload_->key(0) + " 0 33\r\n" + workload_->value(0) + "a\r\n";
  std::string flags = right, value = right;
  flags.replace(flags.find(" 0 "), 3, " 1 ");
  value[value.size() - 3] ^= 1;
  for (const auto& [text, want] : {std::pair{right, LOADGEN_COUNTER_COUNT},
                                   {flags, LOADGEN_WRONG_HEAD},
                                   {longer, LOADGEN_WRONG_HEAD},
                                   {value, LOADGEN_WRONG_VALUE}}) {
    Exchange exchange = next();
    EXPECT_EQ(answer(exchange, text + "END\r\n"), want) << text;
  }
}

TEST_F(JudgeTest, WhatIsNotVerifiedIsStillTheRightKeyAndLength) {
  begin({.key_count = 1}, {.verify = 0});
  std::string value = item(0);
  value[value.size() - 3] ^= 1;
  Exchange exchange = next();
  EXPECT_EQ(answer(exchange, value + "END\r\n"), LOADGEN_COUNTER_COUNT);
  EXPECT_EQ(report().checked(), 0u);
  exchange = next();
  EXPECT_EQ(answer(exchange, "VALUE key-000000000009 0 1\r\nx\r\nEND\r\n"), LOADGEN_WRONG_KEY);
}

TEST_F(JudgeTest, AShareToVerifyIsAShare) {
  begin({}, {.verify = 0.25});
  int verified = 0;
  for (int count = 0; count < 10000; ++count) verified += next().verified;
  EXPECT_NEAR(verified, 2500, 200);
}

TEST_F(JudgeTest, AReadMayNotBeOlderThanTheLastAcknowledgedWrite) {
  begin({.key_count = 1}, {.sets = 1, .gets = 3, .populated = true});
  Exchange set = next();
  Exchange early = next();  // leaves while the write is on its way
  Exchange during = next();
  EXPECT_EQ(answer(during, item(0, version(1)) + "END\r\n"), LOADGEN_COUNTER_COUNT);
  EXPECT_EQ(answer(set, "STORED\r\n"), LOADGEN_COUNTER_COUNT);
  EXPECT_EQ(answer(early, item(0) + "END\r\n"), LOADGEN_COUNTER_COUNT);
  Exchange late = next();  // leaves after it was acknowledged
  EXPECT_EQ(answer(late, item(0) + "END\r\n"), LOADGEN_WRONG_STALE);
  Exchange second = next();
  ASSERT_TRUE(second.is_set);
  Exchange fresh = next();
  EXPECT_EQ(answer(fresh, item(0, version(1)) + "END\r\n"), LOADGEN_COUNTER_COUNT);
  EXPECT_EQ(answer(second, "STORED\r\n"), LOADGEN_COUNTER_COUNT);
  Exchange stale = next();
  EXPECT_EQ(answer(stale, item(0, version(1)) + "END\r\n"), LOADGEN_WRONG_STALE);
  Exchange future = next();
  EXPECT_NE(answer(future, item(0, version(3)) + "END\r\n"), LOADGEN_COUNTER_COUNT);
  EXPECT_EQ(report().wrong(), 3u);
}

TEST_F(JudgeTest, AnEarlierRunsVersionIsRightUntilThisOneWrites) {
  begin({.key_count = 1}, {.sets = 1, .gets = 1});
  Exchange set = next();
  Exchange before = next();
  EXPECT_EQ(answer(before, item(0, version(1) - 500) + "END\r\n"), LOADGEN_COUNTER_COUNT);
  answer(set, "STORED\r\n");
  set = next();
  Exchange after = next();
  EXPECT_EQ(answer(after, item(0, version(1) - 500) + "END\r\n"), LOADGEN_WRONG_STALE);
}

TEST_F(JudgeTest, ButNotWhereThePopulationIsOurs) {
  begin({.key_count = 1}, {.sets = 1, .gets = 1, .populated = true});
  next();
  Exchange before = next();
  EXPECT_EQ(answer(before, item(0, version(1) - 500) + "END\r\n"), LOADGEN_WRONG_VALUE);
}

TEST_F(JudgeTest, ShortValuesHoldTheirVersionsLowBits) {
  begin({.key_count = 1, .data_size = 2}, {.sets = 1, .gets = 1});
  for (int round = 0; round < 300; ++round) {
    Exchange set = next();
    answer(set, "STORED\r\n");
    Exchange get = next();
    const std::uint32_t write = get.keys[0].oldest;
    EXPECT_EQ(answer(get, item(0, version(write)) + "END\r\n"), LOADGEN_COUNTER_COUNT) << round;
  }
  Exchange set = next();
  answer(set, "STORED\r\n");
  Exchange get = next();
  EXPECT_EQ(answer(get, item(0, version(get.keys[0].oldest - 1)) + "END\r\n"), LOADGEN_WRONG_STALE);
}

TEST_F(JudgeTest, ARefusedWriteIsWrongAndMayHaveTakenEffect) {
  begin({.key_count = 1}, {.sets = 1, .gets = 2});
  Exchange set = next();
  EXPECT_EQ(answer(set, "SERVER_ERROR out of memory storing object\r\n"), LOADGEN_WRONG_REFUSED);
  for (const std::uint32_t seen : {0u, version(1)}) {
    Exchange get = next();
    EXPECT_EQ(answer(get, item(0, seen) + "END\r\n"), LOADGEN_COUNTER_COUNT);
  }
}

TEST_F(JudgeTest, AnswersOfTheOtherKindAreWrong) {
  begin({.key_count = 5}, {.sets = 1, .gets = 1});
  Exchange set = next();
  EXPECT_EQ(answer(set, "END\r\n"), LOADGEN_WRONG_END);
  judge_->abandon(set);
  Exchange get = next();
  EXPECT_EQ(answer(get, "STORED\r\n"), LOADGEN_WRONG_END);
  judge_->abandon(get);
  EXPECT_EQ(report().counter[LOADGEN_WRONG_END], 2u);
}

TEST_F(JudgeTest, LostWrongAndLateAreThreeNumbers) {
  begin({.key_count = 1}, {.late_after_ns = 1000});
  Exchange in_time = next(), late = next(), lost = next(), wrong = next();
  answer(in_time, "END\r\n", 1000);
  answer(late, "END\r\n", 1001);
  judge_->abandon(lost);
  answer(wrong, "ERROR\r\n");
  EXPECT_EQ(report().sent, 4u);
  EXPECT_EQ(report().answered(), 1u);
  EXPECT_EQ(report().late(), 1u);
  EXPECT_EQ(report().unanswered(), 1u);
  EXPECT_EQ(report().wrong(), 1u);
  EXPECT_EQ(report().gets.latency.count(), 2u);
}

TEST_F(JudgeTest, LatencyIsFromTheIntendedTime) {
  begin({.key_count = 1}, {});
  Exchange exchange = next();
  exchange.intended_ns = 1'000'000;
  exchange.sent_ns = 4'000'000;
  answer(exchange, "END\r\n", 5'000'000);
  EXPECT_NEAR(report().gets.latency.quantile_ns(0.5), 4'000'000, 4'000'000 * 0.04);
}

TEST_F(JudgeTest, WhereEveryKeyIsBeingWrittenASetBecomesAGet) {
  begin({.key_count = 2}, {.sets = 1, .gets = 0});
  EXPECT_TRUE(next().is_set);
  EXPECT_TRUE(next().is_set);
  EXPECT_FALSE(next().is_set);
  EXPECT_EQ(text_.substr(0, 4), "get ");
}

}  // namespace
}  // namespace bmc::loadgen

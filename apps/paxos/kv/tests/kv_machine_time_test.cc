// SPDX-License-Identifier: Apache-2.0
// Time: expiration, touch, a flush that is to come; and readers whose clock is ahead of the replicated time.
#include <gtest/gtest.h>

#include "apps/paxos/kv/tests/machine_client.h"

namespace bmc::kv {
namespace {

using test::kSecond;
using test::kStart;
using test::MachineClient;

constexpr const char* kEnd = "END\r\n";
constexpr const char* kFound = "VALUE a 0 1\r\nx\r\nEND\r\n";
constexpr std::uint64_t kThirtyDays = 60 * 60 * 24 * 30;

TEST(DeadlineTest, RelativeAbsoluteAndOver) {
  EXPECT_EQ(deadline_of(0, kStart), 0u);
  EXPECT_EQ(deadline_of(1, kStart), kStart + kSecond);
  EXPECT_EQ(deadline_of(kThirtyDays, kStart), kStart + kThirtyDays * kSecond);
  EXPECT_EQ(deadline_of(kThirtyDays + 1, kStart), (kThirtyDays + 1) * kSecond);  // in January 1970
  EXPECT_EQ(deadline_of(1'800'000'000, kStart), 1'800'000'000 * kSecond);
  EXPECT_EQ(deadline_of(-1, kStart), 1u);
  EXPECT_EQ(deadline_of(INT64_MIN, kStart), 1u);
  EXPECT_EQ(deadline_of(INT64_MAX, kStart), UINT64_MAX);
}

class KvMachineTimeTest : public testing::Test, protected MachineClient {};

TEST_F(KvMachineTimeTest, AnItemLivesItsTimeAndNoLonger) {
  ask("set a 0 10 1\r\nx\r\n");
  now_us = kStart + 10 * kSecond - 1;
  EXPECT_EQ(ask("get a\r\n"), kFound);
  now_us = kStart + 10 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), kEnd);
}

TEST_F(KvMachineTimeTest, WhatIsOverIsAsIfItWereNotThere) {
  const auto over = [&](const char* request) {
    ask("set a 0 1 1\r\n5\r\n");
    now_us += kSecond;
    return ask(request);
  };
  EXPECT_EQ(over("delete a\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(over("incr a 1\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(over("touch a 100\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(over("append a 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(over("replace a 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(over("cas a 0 0 1 1\r\nx\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(over("gat 100 a\r\n"), kEnd);
  EXPECT_EQ(over("add a 0 0 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("get a\r\n"), kFound);
}

TEST_F(KvMachineTimeTest, OverFromTheStart) {
  ask("set a 0 0 1\r\nx\r\n");
  EXPECT_EQ(ask("set a 0 -1 1\r\ny\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("get a\r\n"), kEnd);
  EXPECT_EQ(ask("set a 0 2592001 1\r\ny\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("get a\r\n"), kEnd);
  EXPECT_EQ(machine.gauges().items, 0u);
}

TEST_F(KvMachineTimeTest, TouchAndGatGiveANewTime) {
  ask("set a 0 1 1\r\nx\r\n");
  EXPECT_EQ(ask("touch a 10\r\n"), "TOUCHED\r\n");
  now_us += 9 * kSecond;
  EXPECT_EQ(ask("gat 10 a\r\n"), kFound);
  now_us += 9 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), kFound);
  EXPECT_EQ(ask("gat 0 a\r\n"), kFound);
  now_us += 1000 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), kFound);
  EXPECT_EQ(ask("touch a -1\r\n"), "TOUCHED\r\n");
  EXPECT_EQ(ask("get a\r\n"), kEnd);
}

TEST_F(KvMachineTimeTest, CountingAndAppendingKeepTheTime) {
  ask("set a 0 10 1\r\n5\r\n");
  ask("incr a 1\r\nincr a 10\r\nappend a 0 0 1\r\n0\r\n");
  now_us += 9 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), "VALUE a 0 3\r\n160\r\nEND\r\n");
  now_us += kSecond;
  EXPECT_EQ(ask("get a\r\n"), kEnd);
}

TEST_F(KvMachineTimeTest, AFlushToComeTakesWhatIsThereThen) {
  ask("set a 0 0 1\r\nx\r\n");
  EXPECT_EQ(ask("flush_all 10\r\n"), "OK\r\n");
  now_us += 9 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), kFound);
  ask("set b 0 0 1\r\nx\r\n");
  now_us += kSecond;
  EXPECT_EQ(ask("get a b\r\n"), kEnd);
  ask("set a 0 0 1\r\nx\r\n");
  now_us += 100 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), kFound);
}

TEST_F(KvMachineTimeTest, ALaterFlushReplacesTheOneToCome) {
  ask("flush_all 10\r\nflush_all 20\r\nset a 0 0 1\r\nx\r\n");
  now_us += 15 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), kFound);
  ask("flush_all -1\r\nset a 0 0 1\r\nx\r\n");
  now_us += 15 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), kFound);
}

// Nothing is written, so the replicated time stands still; a reader's clock goes on.
TEST_F(KvMachineTimeTest, AReaderMakesTimePass) {
  ask("set a 0 10 1\r\nx\r\nset b 0 0 1\r\nx\r\n");
  now_us += 10 * kSecond;
  EXPECT_EQ(ask("get b\r\n"), "VALUE b 0 1\r\nx\r\nEND\r\n");
  EXPECT_FALSE(last_read_was_behind);
  EXPECT_EQ(ask("get a\r\n"), kEnd);
  EXPECT_TRUE(last_read_was_behind);
  EXPECT_EQ(ask("get a\r\n"), kEnd);
  EXPECT_FALSE(last_read_was_behind);
}

// A reader whose clock is ahead sees what everybody sees: its clock decides nothing.
TEST_F(KvMachineTimeTest, AClockThatIsAheadHidesNothing) {
  ask("set a 0 10 1\r\nx\r\n");
  reader_us = now_us + 100 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), kFound);
  EXPECT_TRUE(last_read_was_behind);
  reader_us = now_us;
  EXPECT_EQ(ask("get a\r\n"), kFound);
}

TEST_F(KvMachineTimeTest, AFlushToComeCountsForReadersToo) {
  ask("set a 0 0 1\r\nx\r\nflush_all 5\r\n");
  now_us += 5 * kSecond;
  EXPECT_EQ(ask("get a\r\n"), kEnd);
  EXPECT_TRUE(last_read_was_behind);
}

TEST_F(KvMachineTimeTest, AStaleReadGoesByItsOwnClock) {
  ask("set a 0 10 1\r\nx\r\n");
  Command get;
  get.keys = {"a"};
  const auto found_at = [&](std::uint64_t reader) {
    ByteWriter out;
    begin_query(out, Expiry::kJudge, reader);
    add_command(out, get);
    const std::string bytes = machine.read(out.take(), now_us);
    const auto result = decode_result(bytes);
    return result->answers.at(0).items.at(0).has_value();
  };
  EXPECT_TRUE(found_at(now_us + 10 * kSecond - 1));
  EXPECT_FALSE(found_at(now_us + 10 * kSecond));
}

TEST_F(KvMachineTimeTest, WhatIsOverIsRemovedByWhateverIsApplied) {
  for (int i = 0; i < 100; ++i) ask("set k" + std::to_string(i) + " 0 1 1\r\nx\r\n");
  EXPECT_EQ(machine.gauges().items, 100u);
  now_us += kSecond;
  ask("delete none\r\n");
  EXPECT_EQ(machine.gauges().items, 100 - KvMachine::kExpiredPerOperation);
  ask("delete none\r\n");
  EXPECT_EQ(machine.gauges().items, 0u);
  EXPECT_EQ(machine.gauges().bytes, 0u);
}

}  // namespace
}  // namespace bmc::kv

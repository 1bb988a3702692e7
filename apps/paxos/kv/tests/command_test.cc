// SPDX-License-Identifier: Apache-2.0
// Operations, queries and results as bytes.
#include "apps/paxos/kv/machine/command.h"

#include <gtest/gtest.h>

#include "apps/paxos/kv/machine/answer.h"

namespace bmc::kv {
namespace {

Command make(Verb verb) {
  Command command;
  command.verb = verb;
  if (is_retrieval(verb)) command.keys = {"a", "bb"};
  if (!is_retrieval(verb) && verb != Verb::kFlushAll) command.keys = {"key"};
  if (is_storage(verb)) command.value = "value";
  return command;
}

std::string operation_of(const std::vector<Command>& commands) {
  ByteWriter out;
  begin_operation(out, kMemoryBytesMin);
  for (const Command& command : commands) add_command(out, command);
  return out.take();
}

TEST(CommandTest, EveryVerbComesBack) {
  std::vector<Command> commands;
  for (int verb = 1; verb <= 13; ++verb) commands.push_back(make(static_cast<Verb>(verb)));
  commands[2].flags = 0xffffffff;
  commands[2].exptime = -5;
  commands[7].number = 0xffffffffffffffff;
  const std::string bytes = operation_of(commands);
  const auto operation = decode_operation(bytes);
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->memory_bytes_max, kMemoryBytesMin);
  ASSERT_EQ(operation->commands.size(), commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    EXPECT_EQ(operation->commands[i].verb, commands[i].verb);
    EXPECT_EQ(operation->commands[i].keys, commands[i].keys);
    EXPECT_EQ(operation->commands[i].value, commands[i].value);
    EXPECT_EQ(operation->commands[i].flags, commands[i].flags);
    EXPECT_EQ(operation->commands[i].exptime, commands[i].exptime);
    EXPECT_EQ(operation->commands[i].number, commands[i].number);
  }
}

TEST(CommandTest, AnOperationIsNoQueryAndTheOtherWayRound) {
  EXPECT_FALSE(decode_query(operation_of({make(Verb::kGet)})));
  ByteWriter out;
  begin_query(out, Expiry::kReport, 17);
  add_command(out, make(Verb::kGet));
  const std::string bytes = out.take();
  EXPECT_FALSE(decode_operation(bytes));
  const auto query = decode_query(bytes);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->now_us, 17u);
  EXPECT_EQ(query->expiry, Expiry::kReport);
}

TEST(CommandTest, AQueryHoldsGetsOnly) {
  ByteWriter out;
  begin_query(out, Expiry::kJudge, 0);
  add_command(out, make(Verb::kDelete));
  EXPECT_FALSE(decode_query(out.take()));
}

TEST(CommandTest, CutOffAnywhereItIsNothing) {
  const std::string whole = operation_of({make(Verb::kCas)});
  ASSERT_TRUE(decode_operation(whole));
  // The operation without any command is whole, too: its head is all of 5 bytes here.
  const std::size_t head = operation_of({}).size();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(decode_operation(whole.substr(0, size)).has_value(), size == head) << size;
}

TEST(CommandTest, KeysAndValuesThatAreTooLongAreNothing) {
  const auto with = [](std::size_t key, std::size_t value) {
    ByteWriter out;
    begin_operation(out, 0);
    out.byte(static_cast<std::uint8_t>(Verb::kAppend));
    out.string(std::string(key, 'k'));
    out.string(std::string(value, 'v'));
    return out.take();
  };
  EXPECT_TRUE(decode_operation(with(kKeyBytesMax, kValueBytesMax)));
  EXPECT_FALSE(decode_operation(with(kKeyBytesMax + 1, 1)));
  EXPECT_FALSE(decode_operation(with(1, kValueBytesMax + 1)));
  EXPECT_FALSE(decode_operation(with(0, 1)));
}

TEST(CommandTest, AFalseCountOfKeysIsNothing) {
  ByteWriter out;
  begin_operation(out, 0);
  out.byte(static_cast<std::uint8_t>(Verb::kGet));
  out.varint(1ull << 60);
  out.string("k");
  EXPECT_FALSE(decode_operation(out.take()));
}

TEST(CommandTest, LargerMemoryThanPossibleIsNothing) {
  ByteWriter most, more;
  begin_operation(most, kMemoryBytesMax);
  begin_operation(more, kMemoryBytesMax + 1);
  EXPECT_TRUE(decode_operation(most.take()));
  EXPECT_FALSE(decode_operation(more.take()));
}

TEST(CommandDeathTest, ABrokenCommandIsNeverSent) {
  Command command = make(Verb::kSet);
  command.keys = {};
  ByteWriter out;
  EXPECT_DEATH(add_command(out, command), "breaks its own rules");
}

TEST(AnswerTest, EveryAnswerComesBack) {
  ByteWriter out;
  begin_result(out, Status::kAnswered);
  add_outcome(out, Outcome::kStored);
  add_number(out, 1ull << 63);
  begin_items(out);
  add_item(out, FoundItem{"v", 7, 9});
  add_item(out, std::nullopt);
  end_items(out);
  const std::string bytes = out.take();
  const auto result = decode_result(bytes);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->answers.size(), 3u);
  EXPECT_EQ(result->answers[0].outcome, Outcome::kStored);
  EXPECT_EQ(result->answers[1].number, 1ull << 63);
  ASSERT_EQ(result->answers[2].items.size(), 2u);
  ASSERT_TRUE(result->answers[2].items[0]);
  EXPECT_EQ(result->answers[2].items[0]->value, "v");
  EXPECT_EQ(result->answers[2].items[0]->flags, 7u);
  EXPECT_EQ(result->answers[2].items[0]->cas, 9u);
  EXPECT_FALSE(result->answers[2].items[1]);
}

TEST(AnswerTest, WhatIsNoResultIsNothing) {
  EXPECT_FALSE(decode_result(""));
  EXPECT_FALSE(decode_result("\x04"));
  EXPECT_FALSE(decode_result(std::string_view("\x01\x00", 2)));
  EXPECT_FALSE(decode_result("\x01\x0c"));      // no such outcome
  EXPECT_FALSE(decode_result("\x01\x01"));      // items without an end
  EXPECT_FALSE(decode_result("\x01\x01\x03"));  // no such mark
  EXPECT_FALSE(decode_result("\x02\x02"));      // behind, and yet an answer
  EXPECT_TRUE(decode_result("\x02"));
}

}  // namespace
}  // namespace bmc::kv

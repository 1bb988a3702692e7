// SPDX-License-Identifier: Apache-2.0
// Each command's answers and effects; truth_test.cc asks memcached for more. Time has a file of its own.
#include "apps/paxos/kv/machine/kv_machine.h"

#include <gtest/gtest.h>

#include "apps/paxos/kv/tests/machine_client.h"

namespace bmc::kv {
namespace {

using test::kStart;
using test::MachineClient;

constexpr const char* kStored = "STORED\r\n";
constexpr const char* kEnd = "END\r\n";

class KvMachineTest : public testing::Test, protected MachineClient {};

TEST_F(KvMachineTest, SetAndGet) {
  EXPECT_EQ(ask("get a\r\n"), kEnd);
  EXPECT_EQ(ask("set a 7 0 2\r\nhi\r\n"), kStored);
  EXPECT_EQ(ask("get a\r\n"), "VALUE a 7 2\r\nhi\r\nEND\r\n");
  EXPECT_EQ(ask("set a 8 0 0\r\n\r\n"), kStored);
  EXPECT_EQ(ask("get a b a\r\n"), "VALUE a 8 0\r\n\r\nVALUE a 8 0\r\n\r\nEND\r\n");
}

TEST_F(KvMachineTest, AddOnlyWhereNothingIsReplaceOnlyWhereSomethingIs) {
  EXPECT_EQ(ask("replace a 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(ask("add a 0 0 1\r\n1\r\n"), kStored);
  EXPECT_EQ(ask("add a 0 0 1\r\n2\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(ask("get a\r\n"), "VALUE a 0 1\r\n1\r\nEND\r\n");
  EXPECT_EQ(ask("replace a 0 0 1\r\n3\r\n"), kStored);
  EXPECT_EQ(ask("get a\r\n"), "VALUE a 0 1\r\n3\r\nEND\r\n");
}

TEST_F(KvMachineTest, AppendAndPrependKeepFlags) {
  EXPECT_EQ(ask("append a 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(ask("prepend a 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  ask("set a 5 0 1\r\nm\r\n");
  EXPECT_EQ(ask("append a 9 0 1\r\nz\r\n"), kStored);
  EXPECT_EQ(ask("prepend a 9 0 1\r\na\r\n"), kStored);
  EXPECT_EQ(ask("get a\r\n"), "VALUE a 5 3\r\namz\r\nEND\r\n");
}

TEST_F(KvMachineTest, AnAppendThatWouldBeTooLargeIsNotStored) {
  const std::string half(kValueBytesMax / 2, 'v');
  const std::string bytes = std::to_string(half.size()) + "\r\n" + half + "\r\n";
  EXPECT_EQ(ask("set a 0 0 " + bytes), kStored);
  EXPECT_EQ(ask("append a 0 0 " + bytes), kStored);
  EXPECT_EQ(ask("append a 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
}

TEST_F(KvMachineTest, UniquesCountStoresAsMemcachedDoes) {
  ask("set a 0 0 1\r\n1\r\n");     // 1
  ask("set b 0 0 1\r\n1\r\n");     // 2
  ask("add b 0 0 1\r\n1\r\n");     // not stored: none
  ask("incr a 1\r\n");             // 3
  ask("incr a 99\r\n");            // 4
  ask("append b 0 0 1\r\nx\r\n");  // 5
  ask("touch a 0\r\n");            // none
  ask("delete none\r\n");          // none
  EXPECT_EQ(ask("gets a b\r\n"), "VALUE a 0 3 4\r\n101\r\nVALUE b 0 2 5\r\n1x\r\nEND\r\n");
  ask("flush_all\r\n");         // 6
  ask("set c 0 0 1\r\n1\r\n");  // 7
  EXPECT_EQ(ask("gats 0 c\r\n"), "VALUE c 0 1 7\r\n1\r\nEND\r\n");
}

TEST_F(KvMachineTest, CasStoresOnlyWhatWasRead) {
  EXPECT_EQ(ask("cas a 0 0 1 1\r\nx\r\n"), "NOT_FOUND\r\n");
  ask("set a 0 0 1\r\n1\r\n");
  EXPECT_EQ(ask("cas a 0 0 1 2\r\nx\r\n"), "EXISTS\r\n");
  EXPECT_EQ(ask("cas a 0 0 1 1\r\ny\r\n"), kStored);
  EXPECT_EQ(ask("cas a 0 0 1 1\r\nz\r\n"), "EXISTS\r\n");
  EXPECT_EQ(ask("gets a\r\n"), "VALUE a 0 1 2\r\ny\r\nEND\r\n");
}

TEST_F(KvMachineTest, Delete) {
  EXPECT_EQ(ask("delete a\r\n"), "NOT_FOUND\r\n");
  ask("set a 0 0 1\r\n1\r\n");
  EXPECT_EQ(ask("delete a\r\n"), "DELETED\r\n");
  EXPECT_EQ(ask("get a\r\n"), kEnd);
}

TEST_F(KvMachineTest, CountingWrapsUpwardsAndStopsDownwards) {
  EXPECT_EQ(ask("incr n 1\r\n"), "NOT_FOUND\r\n");
  ask("set n 3 0 20\r\n18446744073709551615\r\n");
  EXPECT_EQ(ask("incr n 2\r\n"), "1\r\n");
  EXPECT_EQ(ask("decr n 5\r\n"), "0\r\n");
}

TEST_F(KvMachineTest, CountingKeepsTheLengthWithSpaces) {
  ask("set n 3 0 2\r\n10\r\n");
  EXPECT_EQ(ask("decr n 1\r\n"), "9\r\n");
  EXPECT_EQ(ask("get n\r\n"), "VALUE n 3 2\r\n9 \r\nEND\r\n");
  EXPECT_EQ(ask("incr n 991\r\n"), "1000\r\n");
  EXPECT_EQ(ask("get n\r\n"), "VALUE n 3 4\r\n1000\r\nEND\r\n");
}

TEST_F(KvMachineTest, WhatIsNoNumberIsNotCounted) {
  for (const char* value : {"x", "1x", "-1", "+"}) {
    ask("set n 0 0 " + std::to_string(std::string(value).size()) + "\r\n" + value + "\r\n");
    EXPECT_EQ(ask("incr n 1\r\n"), "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n")
        << value;
  }
  ask("set n 0 0 0\r\n\r\n");
  EXPECT_EQ(ask("decr n 1\r\n"), "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

TEST_F(KvMachineTest, FlushAll) {
  ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n1\r\n");
  EXPECT_EQ(ask("flush_all\r\n"), "OK\r\n");
  EXPECT_EQ(ask("get a b\r\n"), kEnd);
  EXPECT_EQ(machine.gauges().items, 0u);
  EXPECT_EQ(machine.gauges().bytes, 0u);
}

TEST_F(KvMachineTest, ManyCommandsInOneOperationSeeEachOther) {
  EXPECT_EQ(ask_together("set a 0 0 1\r\n1\r\nincr a 4\r\nget a\r\ndelete a noreply\r\nget a\r\nversion\r\n"),
            "STORED\r\n5\r\nVALUE a 0 1\r\n5\r\nEND\r\nEND\r\nVERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n");
  EXPECT_EQ(rounds, 1);
}

TEST_F(KvMachineTest, ALargeAnswerComesInPiecesAndIsWhole) {
  std::string wanted, question = "get";
  for (int i = 0; i < 5; ++i) {
    const std::string key = "k" + std::to_string(i);
    const std::string value(400'000, static_cast<char>('a' + i));
    ask("set " + key + " 0 0 400000\r\n" + value + "\r\n");
    wanted += "VALUE " + key + " 0 400000\r\n" + value + "\r\n";
    question += " " + key + " none" + std::to_string(i);
  }
  EXPECT_EQ(ask(question + "\r\n"), wanted + "END\r\n");
  EXPECT_EQ(rounds, 3);  // two values fit into one result
  // In operations one value at a time, then what is between; and what stands behind is carried out once.
  EXPECT_EQ(ask_together("gat 0" + question.substr(3) + "\r\nset n 0 0 1\r\n1\r\nincr n 1\r\n"),
            wanted + "END\r\nSTORED\r\n2\r\n");
  EXPECT_EQ(rounds, 10);
}

TEST_F(KvMachineTest, TheLargestItemFitsIntoAResult) {
  const std::string key(kKeyBytesMax, 'k'), value(kValueBytesMax, 'v');
  EXPECT_EQ(ask("set " + key + " 4294967295 0 1048576\r\n" + value + "\r\n"), kStored);
  EXPECT_EQ(ask("get " + key + "\r\n").size(), value.size() + key.size() + 34);
}

class MemoryLimitTest : public KvMachineTest {
 protected:
  MemoryLimitTest() { memory_bytes_max = 3 * (kItemOverheadBytes + 2); }
};

TEST_F(MemoryLimitTest, NothingIsEvicted) {
  EXPECT_EQ(ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\nset c 0 0 1\r\n3\r\n"),
            "STORED\r\nSTORED\r\nSTORED\r\n");
  EXPECT_EQ(ask("set d 0 0 1\r\n4\r\n"), "SERVER_ERROR out of memory storing object\r\n");
  EXPECT_EQ(ask("get a b c d\r\n"), "VALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n2\r\nVALUE c 0 1\r\n3\r\nEND\r\n");
  EXPECT_EQ(ask("set b 0 0 1\r\n5\r\n"), kStored);  // in the same room
  EXPECT_EQ(ask("delete a\r\nset d 0 0 1\r\n4\r\n"), "DELETED\r\nSTORED\r\n");
  EXPECT_EQ(counters.store_no_memory, 1u);
}

TEST_F(MemoryLimitTest, ARefusedCommandChangesNothing) {
  ask("set a 5 0 1\r\n9\r\nset b 0 0 1\r\n2\r\nset c 0 0 1\r\n3\r\n");
  const std::string before = machine.snapshot_save();
  EXPECT_EQ(ask("set a 0 0 2\r\nxx\r\n"), "SERVER_ERROR out of memory storing object\r\n");
  EXPECT_EQ(ask("append a 0 0 1\r\nx\r\n"), "SERVER_ERROR out of memory storing object\r\n");
  EXPECT_EQ(ask("incr a 1\r\n"), "SERVER_ERROR out of memory in incr\r\n");
  EXPECT_EQ(machine.snapshot_save(), before);
  EXPECT_EQ(ask("decr a 1\r\n"), "8\r\n");
}

TEST_F(MemoryLimitTest, WhatIsOverGivesItsRoom) {
  ask("set a 0 1 1\r\n1\r\nset b 0 0 1\r\n2\r\nset c 0 0 1\r\n3\r\n");
  now_us += 2 * test::kSecond;
  EXPECT_EQ(ask("set d 0 0 1\r\n4\r\n"), kStored);
}

// The limit is in the operation: machines that get the same operations agree, whatever their hosts say.
TEST_F(MemoryLimitTest, TheLimitIsTheOperations) {
  ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\nset c 0 0 1\r\n3\r\n");
  memory_bytes_max *= 2;
  EXPECT_EQ(ask("set d 0 0 1\r\n4\r\n"), kStored);
  memory_bytes_max /= 2;
  EXPECT_EQ(ask("set e 0 0 1\r\n4\r\n"), "SERVER_ERROR out of memory storing object\r\n");
}

TEST(KvMachineInputTest, BytesThatAreNoOperationChangeNothing) {
  KvMachine machine;
  const std::string before = machine.snapshot_save();
  for (const std::string bytes : {"", "x", "O", "\x4f\x00\x03"}) {
    const auto result = decode_result(machine.apply(bytes, kStart));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, Status::kMalformed);
    EXPECT_EQ(decode_result(machine.read(bytes, kStart))->status, Status::kMalformed);
  }
  EXPECT_EQ(machine.snapshot_save(), before);
}

// One command that cannot be read, and none of the operation is carried out.
TEST(KvMachineInputTest, AnOperationIsReadWholeBeforeItBegins) {
  KvMachine machine;
  ByteWriter out;
  begin_operation(out, kMemoryBytesMax);
  Command set;
  set.verb = Verb::kSet;
  set.keys = {"a"};
  add_command(out, set);
  out.byte(99);
  EXPECT_EQ(decode_result(machine.apply(out.take(), kStart))->status, Status::kMalformed);
  EXPECT_EQ(machine.gauges().items, 0u);
}

}  // namespace
}  // namespace bmc::kv

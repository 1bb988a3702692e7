// SPDX-License-Identifier: Apache-2.0
// Snapshots: equal states give equal bytes, whatever way they came about; bytes that are none change nothing.
#include <gtest/gtest.h>

#include <random>

#include "apps/paxos/kv/tests/machine_client.h"

namespace bmc::kv {
namespace {

using test::kSecond;
using test::MachineClient;

std::string some_request(std::mt19937_64& dice) {
  const auto below = [&](std::uint64_t end) { return dice() % end; };
  const std::string key = "k" + std::to_string(below(20));
  switch (below(6)) {
    case 0:
      return "delete " + key + "\r\n";
    case 1:
      return "incr " + key + " " + std::to_string(below(1000)) + "\r\n";
    case 2:
      return "touch " + key + " " + std::to_string(below(4)) + "\r\n";
    case 3:
      return below(20) == 0 ? "flush_all " + std::to_string(below(3)) + "\r\n" : "gat 2 " + key + "\r\n";
    default:
      return "set " + key + " 1 " + std::to_string(below(4)) + " 1\r\n" + std::to_string(below(10)) + "\r\n";
  }
}

TEST(SnapshotTest, AnEmptyMachineLoadsItsOwn) {
  KvMachine one, two;
  EXPECT_TRUE(two.snapshot_load(one.snapshot_save()));
  EXPECT_EQ(two.snapshot_save(), one.snapshot_save());
}

// A machine that loaded a snapshot and one that applied everything stay equal for ever after.
TEST(SnapshotTest, TheLoadedGoesOnAsTheOriginal) {
  std::mt19937_64 dice(4);
  MachineClient whole, loaded;
  for (int i = 0; i < 3000; ++i) {
    const std::string request = some_request(dice);
    const std::string answer = whole.ask(request);
    if (i % 100 == 50) {
      ASSERT_TRUE(loaded.machine.snapshot_load(whole.machine.snapshot_save()));
    } else {
      ASSERT_EQ(loaded.ask(request), answer) << request;
    }
    ASSERT_EQ(loaded.machine.snapshot_save(), whole.machine.snapshot_save()) << request;
    ASSERT_EQ(loaded.machine.gauges().bytes, whole.machine.gauges().bytes);
    whole.now_us += dice() % kSecond;
    loaded.now_us = whole.now_us;
  }
}

TEST(SnapshotTest, TheOrderInWhichKeysCameDoesNotMatter) {
  MachineClient one, two;
  one.ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\nset c 0 0 1\r\n3\r\n");
  two.ask("set x 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\nset c 0 0 1\r\n3\r\n");
  EXPECT_NE(one.machine.snapshot_save(), two.machine.snapshot_save());
  MachineClient three, four;
  three.ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\ndelete a\r\n");
  four.ask("set z 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\ndelete z\r\n");
  EXPECT_EQ(three.machine.snapshot_save(), four.machine.snapshot_save());
}

TEST(SnapshotTest, WhatIsNoneChangesNothing) {
  MachineClient client;
  client.ask("set a 0 100 1\r\n1\r\nset b 7 0 3\r\nxyz\r\n");
  const std::string good = client.machine.snapshot_save();
  std::vector<std::string> bad = {"", "x", good + "x", good + good};
  for (std::size_t size = 0; size < good.size(); ++size) bad.push_back(good.substr(0, size));
  MachineClient other;
  other.ask("set c 0 0 1\r\n1\r\n");
  const std::string before = other.machine.snapshot_save();
  for (const std::string& bytes : bad) {
    EXPECT_FALSE(other.machine.snapshot_load(bytes));
    ASSERT_EQ(other.machine.snapshot_save(), before);
  }
  EXPECT_TRUE(other.machine.snapshot_load(good));
  EXPECT_EQ(other.machine.snapshot_save(), good);
}

TEST(SnapshotTest, KeysOutOfOrderAreNone) {
  MachineClient client;
  client.ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n1\r\n");
  std::string bytes = client.machine.snapshot_save();
  const auto place = bytes.find(
      "\x01"
      "b");
  ASSERT_NE(place, std::string::npos);
  bytes[place + 1] = 'a';
  EXPECT_FALSE(client.machine.snapshot_load(bytes));
}

}  // namespace
}  // namespace bmc::kv

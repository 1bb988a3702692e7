// SPDX-License-Identifier: Apache-2.0
// The user-space switch: what it does to packets, and that TCP heals over it. Run by ctest, label netns.
#include <gtest/gtest.h>

#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/memcached.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::lab {
namespace {

class FaultSwitchTest : public testing::Test {
 protected:
  FaultSwitchTest() { lab_.add_faulty_path(1); }

  /// How many of `count` UDP requests are answered (asked one after another).
  int answered(int count, int64_t timeout_ms) {
    UdpClient udp(lab_.writer(), lab_.faulty_link().server());
    int answers = 0;
    for (int i = 0; i < count; ++i) answers += udp.request("version\r\n", timeout_ms).has_value();
    return answers;
  }

  Lab lab_;
  Memcached memcached_{lab_.server()};
};

TEST_F(FaultSwitchTest, WithoutFaultsEverythingPasses) {
  EXPECT_EQ(answered(200, 1000), 200);
  const auto counts = lab_.fault_switch().counts(Direction::kToServer);
  EXPECT_GE(counts.forwarded, 200u);
  EXPECT_EQ(counts.dropped + counts.duplicated + counts.reordered + counts.delayed + counts.corrupted, 0u);
}

TEST_F(FaultSwitchTest, DropsWhatItIsToldAndOnlyInThatDirection) {
  lab_.fault_switch().set_faults(Direction::kToServer, {.drop = 1});
  EXPECT_EQ(answered(3, 20), 0);
  EXPECT_EQ(lab_.fault_switch().counts(Direction::kToServer).dropped, 3u);
  EXPECT_EQ(lab_.fault_switch().counts(Direction::kToWriter).dropped, 0u);
}

TEST_F(FaultSwitchTest, SparesUdpWhenAskedTo) {
  lab_.fault_switch().set_faults(Direction::kToServer, {.drop = 1, .udp = false});
  EXPECT_EQ(answered(20, 1000), 20);
}

TEST_F(FaultSwitchTest, DuplicatesUdpOnlyWhenAskedTo) {
  UdpClient udp(lab_.writer(), lab_.faulty_link().server());
  const auto replies = [&] {
    int count = 0;
    EXPECT_TRUE(udp.send(1, "version\r\n"));
    EXPECT_TRUE(udp.receive(Deadline::in_ms(1000)));
    EXPECT_TRUE(lab_.fault_switch().wait_drained(Deadline::in_ms(1000)));
    for (count = 1; udp.receive(Deadline::in_ms(30)); ++count) {
    }
    return count;
  };
  lab_.fault_switch().set_faults(Direction::kToServer, {.duplicate = 1});
  EXPECT_EQ(replies(), 1);
  lab_.fault_switch().set_faults(Direction::kToServer, {.duplicate = 1, .duplicate_udp = true});
  EXPECT_EQ(replies(), 2);
}

TEST_F(FaultSwitchTest, DelayedPacketsLeaveWithinTheirTimeAndDrainWaitsForThem) {
  lab_.fault_switch().set_faults(Direction::kToServer, {.delay = 1, .delay_ms_max = 40});
  UdpClient udp(lab_.writer(), lab_.faulty_link().server());
  for (uint16_t id = 0; id < 20; ++id) ASSERT_TRUE(udp.send(id, "version\r\n"));
  ASSERT_TRUE(lab_.fault_switch().wait_drained(Deadline::in_ms(2000)));
  EXPECT_EQ(lab_.fault_switch().counts(Direction::kToServer).delayed, 20u);
  EXPECT_GE(lab_.fault_switch().counts(Direction::kToServer).forwarded, 20u);
}

TEST_F(FaultSwitchTest, ReorderedDatagramsOvertakeEachOther) {
  lab_.fault_switch().set_faults(Direction::kToServer, {.reorder = 0.5});
  UdpClient udp(lab_.writer(), lab_.faulty_link().server());
  for (uint16_t id = 0; id < 100; ++id) ASSERT_TRUE(udp.send(id, "version\r\n"));
  int overtakings = 0;
  int last = -1;
  for (int i = 0; i < 100; ++i) {
    const auto reply = udp.receive(Deadline::in_ms(2000));
    ASSERT_TRUE(reply);
    overtakings += reply->id < last;
    last = reply->id;
  }
  EXPECT_GT(overtakings, 5);
}

TEST_F(FaultSwitchTest, TcpStreamsHealOverLossReorderingDuplicationAndCorruption) {
  lab_.fault_switch().set_faults(
      {.drop = 0.02, .duplicate = 0.05, .reorder = 0.05, .delay = 0.05, .corrupt = 0.01, .delay_ms_max = 5});
  TcpClient tcp(lab_.writer(), lab_.faulty_link().server());
  for (int i = 0; i < 40; ++i) {
    const std::string value(2500, static_cast<char>('a' + i % 26));
    ASSERT_EQ(tcp.command("set k 0 0 2500\r\n" + value + "\r\n", 60'000), "STORED\r\n") << i;
    ASSERT_EQ(tcp.get("get k\r\n", 60'000), "VALUE k 0 2500\r\n" + value + "\r\nEND\r\n") << i;
  }
  const auto counts = lab_.fault_switch().counts(Direction::kToServer);
  EXPECT_GT(counts.duplicated + counts.reordered + counts.delayed + counts.dropped, 0u);
  EXPECT_EQ(counts.refused, 0u) << "frames longer than the MTU entered the switch";
}

}  // namespace
}  // namespace bmc::lab

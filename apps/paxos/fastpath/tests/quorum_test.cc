// SPDX-License-Identifier: Apache-2.0
// Every row of "what arrives x what state the leader is in", and the scan against a plain count.
#include "apps/paxos/fastpath/quorum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "apps/paxos/fastpath/tests/fixture.h"

namespace bmc::paxos::test {
namespace {

constexpr ReplicaIndex kFirst = kBackup;
constexpr ReplicaIndex kSecond = (kLeader + 2) % kReplicas;

class QuorumTest : public testing::Test {
 protected:
  QuorumTest() {
    LeaderTerm term = leader_term();
    term.proposed = kBase + 10;
    EXPECT_TRUE(gate.arm(term));
  }
  void expect_untouched(Datagram datagram, paxos_fast_counter wanted) {
    const paxos_cells before = memory.cells();
    EXPECT_STREQ(name_of(wanted), name_of(memory.deliver(datagram)));
    EXPECT_EQ(std::memcmp(&before, &memory.cells(), sizeof(before)), 0);
  }
  static Datagram changed(const std::function<void(paxos_header&)>& change) {
    Datagram made = prepare_ok(kFirst, kBase + 1);
    change(made.header());
    return made.seal();
  }

  Memory memory;
  LeaderGate gate{memory.world()};
};

TEST_F(QuorumTest, TwoOfThreeCommit) {
  EXPECT_OUT(DROP_COUNTED, memory.deliver(prepare_ok(kFirst, kBase + 2)));
  EXPECT_EQ(gate.commit(), kBase);
  gate.acknowledge_self(kBase + 3);
  EXPECT_EQ(gate.commit(), kBase + 2);
  EXPECT_EQ(memory.cells().commit, PAXOS_POSITION(1ull, 2));
  EXPECT_OUT(DROP_COUNTED, memory.deliver(prepare_ok(kSecond, kBase + 3)));
  EXPECT_EQ(gate.commit(), kBase + 3);
  EXPECT_EQ(gate.acked(kFirst), kBase + 2);
  EXPECT_EQ(gate.acked(kSecond), kBase + 3);
}

// 2.4, step 4: the newer acknowledgement completes the older op.
TEST_F(QuorumTest, ANewerAcknowledgementCompletesAnOlderOp) {
  gate.acknowledge_self(kBase + 1);
  EXPECT_OUT(DROP_COUNTED, memory.deliver(prepare_ok(kFirst, kBase + 5)));
  EXPECT_EQ(memory.cells().commit, PAXOS_POSITION(1ull, 1));
}

TEST_F(QuorumTest, OldAndRepeatedSayNothing) {
  memory.deliver(prepare_ok(kFirst, kBase + 2));
  for (const Op op : {kBase + 2, kBase + 1, kBase, kBase - 1, Op{0}}) {
    expect_untouched(prepare_ok(kFirst, op), PAXOS_DROP_KNOWN);
  }
}

TEST_F(QuorumTest, OnlyWhatWasProposed) {
  for (const Op op : {kBase + 11, Op{kBase + PAXOS_REL_MAX + 1}, Op{1} << 32, Op{1} << 63, ~Op{0}}) {
    expect_untouched(prepare_ok(kFirst, op), PAXOS_PASS_IMPOSSIBLE);
  }
  EXPECT_TRUE(gate.propose(kBase + 11));
  EXPECT_OUT(DROP_COUNTED, memory.deliver(prepare_ok(kFirst, kBase + 11)));
  EXPECT_FALSE(gate.propose(kBase + PAXOS_REL_MAX + 1));
}

TEST_F(QuorumTest, ViewsClusterEpochLevel) {
  expect_untouched(prepare_ok(kFirst, kBase + 1, kView + 1), PAXOS_PASS_NEWER_VIEW_ACK);
  expect_untouched(prepare_ok(kFirst, kBase + 1, kView - 1), PAXOS_DROP_OLD_VIEW_ACK);
  expect_untouched(changed([](auto& header) { header.cluster_id ^= 1; }), PAXOS_PASS_CLUSTER_ACK);
  expect_untouched(changed([](auto& header) { ++header.epoch; }), PAXOS_PASS_CLUSTER_ACK);
  expect_untouched(changed([](auto& header) { header.ack_level = PAXOS_ACK_NONE; }), PAXOS_PASS_LOW_LEVEL);
  EXPECT_OUT(DROP_COUNTED,
             memory.deliver(changed([](auto& header) { header.ack_level = PAXOS_ACK_DURABLE; })));
}

TEST_F(QuorumTest, OnlyReplicasInThisLifeOfThem) {
  for (const unsigned sender : {unsigned{kLeader}, 3u, 8u, 9u, 15u, 254u, 255u}) {
    expect_untouched(changed([sender](auto& header) { header.sender = static_cast<std::uint8_t>(sender); }),
                     PAXOS_PASS_PEER);
  }
  expect_untouched(changed([](auto& header) { ++header.incarnation; }), PAXOS_PASS_PEER);
  expect_untouched(changed([](auto& header) { --header.incarnation; }), PAXOS_PASS_PEER);
  expect_untouched(prepare_ok(kFirst, kBase + 1).from(kSecond), PAXOS_PASS_PEER);
}

TEST_F(QuorumTest, DamagedOrWithABody) {
  Datagram damaged = prepare_ok(kFirst, kBase + 1);
  damaged.payload[33] ^= 1;
  expect_untouched(damaged, PAXOS_DROP_DAMAGED);
  Datagram longer = prepare_ok(kFirst, kBase + 1);
  longer.payload += 'x';
  expect_untouched(longer.seal_checksum(), PAXOS_PASS_LENGTH);
}

TEST_F(QuorumTest, FrozenPassesAll) {
  memory.deliver(prepare_ok(kFirst, kBase + 1));
  gate.acknowledge_self(kBase + 1);
  EXPECT_EQ(gate.freeze(), kBase + 1);
  expect_untouched(prepare_ok(kSecond, kBase + 2), PAXOS_PASS_NOT_LEADING);
  expect_untouched(prepare_ok(kSecond, kBase + 2, kView - 1), PAXOS_PASS_NOT_LEADING);
  Memory zeroed;
  zeroed.cells() = {};
  EXPECT_OUT(PASS_NOT_LEADING, zeroed.deliver(prepare_ok(kFirst, 1)));
}

TEST_F(QuorumTest, ConfigurationOfAnotherGeneration) {
  memory.cells().leader_config[1].generation = 3;
  expect_untouched(prepare_ok(kFirst, kBase + 1), PAXOS_PASS_STALE_ACK);
  memory.cells().leader_config[1].generation = 1;
  memory.cells().proposed = PAXOS_POSITION(2ull, 10);
  expect_untouched(prepare_ok(kFirst, kBase + 1), PAXOS_PASS_STALE_ACK);
}

TEST_F(QuorumTest, ArmedAnewItKnowsWhatItIsTold) {
  memory.deliver(prepare_ok(kFirst, kBase + 4));
  gate.acknowledge_self(kBase + 4);
  gate.freeze();
  LeaderTerm term = leader_term(kBase + 4);
  term.proposed = kBase + 12;
  term.acked = {kBase + 6, kBase + 6, kBase + 99};
  EXPECT_TRUE(gate.arm(term));
  EXPECT_EQ(gate.commit(), kBase + 6);
  EXPECT_EQ(gate.acked(2), kBase + 12);
  EXPECT_EQ(memory.cells().leader_gate, PAXOS_ARMED | PAXOS_POSITION(2ull, 0));
}

TEST_F(QuorumTest, WakesWhoSleeps) {
  gate.acknowledge_self(kBase + 1);
  EXPECT_TRUE(gate.may_sleep(kBase));
  memory.deliver(prepare_ok(kFirst, kBase + 1));
  ASSERT_EQ(memory.rings().size(), 1u);
  EXPECT_EQ(memory.rings()[0].kind, PAXOS_DOORBELL_COMMITTED);
  EXPECT_EQ(memory.rings()[0].position, PAXOS_POSITION(1ull, 1));
  EXPECT_FALSE(gate.may_sleep(kBase)) << "there is news";
  memory.deliver(prepare_ok(kSecond, kBase + 1));
  EXPECT_EQ(memory.rings().size(), 1u);
}

using QuorumDeathTest = QuorumTest;
TEST_F(QuorumDeathTest, AWrongCommitCellEndsTheProcess) {
  memory.cells().commit = PAXOS_POSITION(1ull, 1);
  EXPECT_DEATH(gate.commit(), "commit_is_counted");
}

TEST(QuorumScan, IsTheNthLargest) {
  std::mt19937_64 random(20240607);
  for (int round = 0; round < 20000; ++round) {
    Memory memory;
    const __u64 generation = 5;
    const auto count = static_cast<std::uint32_t>(random() % PAXOS_REPLICAS_MAX + 1);
    const auto quorum = static_cast<std::uint32_t>(random() % count + 1);
    std::vector<__u64> mine;
    for (std::uint32_t i = 0; i < PAXOS_REPLICAS_MAX; ++i) {
      const __u64 of = random() % 8 == 0 ? generation - 1 + random() % 3 : generation;
      const __u64 rel = random() % 2 == 0 ? random() % 4 : random() & PAXOS_REL_MAX;
      if (i >= count) continue;
      memory.cells().acked[i].position = PAXOS_POSITION(of, rel);
      mine.push_back(of == generation ? rel : 0);
    }
    std::sort(mine.rbegin(), mine.rend());
    const __u64 expected = PAXOS_POSITION(generation, mine[quorum - 1]);
    const __u64 floor = PAXOS_POSITION(generation, 0);
    EXPECT_EQ(quorum_position(&memory.world(), generation, quorum, floor), expected);
    // Whatever is known already: what was committed is never taken back.
    for (const __u64 known : {floor + random() % 4, floor + (random() & PAXOS_REL_MAX), expected,
                              expected + 1, std::max(expected - 1, floor)})
      EXPECT_EQ(quorum_position(&memory.world(), generation, quorum, known), std::max(known, expected));
  }
}

}  // namespace
}  // namespace bmc::paxos::test

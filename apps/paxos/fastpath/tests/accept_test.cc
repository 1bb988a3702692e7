// SPDX-License-Identifier: Apache-2.0
// Every row of "what arrives x what state the backup is in", one after another on one CPU.
#include "apps/paxos/fastpath/accept.h"

#include <gtest/gtest.h>

#include <functional>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/fastpath/tests/fixture.h"

namespace bmc::paxos::test {
namespace {

class AcceptTest : public testing::Test {
 protected:
  AcceptTest() { EXPECT_TRUE(gate.arm(backup_term())); }

  // Nothing changed but hints.
  void expect_untouched(Datagram datagram, paxos_fast_counter wanted) {
    const __u64 before = memory.cells().gate;
    std::vector<__u64> tags;
    for (std::uint64_t i = 0; i < memory.world().slot_count; ++i) tags.push_back(memory.slot(i).tag);
    EXPECT_STREQ(name_of(wanted), name_of(memory.deliver(datagram)));
    EXPECT_EQ(memory.cells().gate, before);
    for (std::uint64_t i = 0; i < tags.size(); ++i) EXPECT_EQ(memory.slot(i).tag, tags[i]);
  }
  static Datagram changed(const std::function<void(paxos_header&)>& change) {
    Datagram made = prepare(kBase + 1);
    change(made.header());
    return made.seal();
  }

  Memory memory;
  BackupGate gate{memory.world()};
};

TEST_F(AcceptTest, NextOpIsStoredAcceptedAndAcknowledged) {
  Datagram sent = prepare(kBase + 1);
  EXPECT_OUT(TX_ACKED, memory.deliver(sent));
  EXPECT_EQ(memory.cells().gate, PAXOS_ARMED | PAXOS_POSITION(1ull, 1));
  EXPECT_EQ(memory.slot(1).tag, PAXOS_SLOT_READY | PAXOS_POSITION(1ull, 1));
  EXPECT_EQ(gate.take(), std::vector<std::string>{sent.payload});

  const auto decoded = decode(bytes_of(memory.ack()), kCluster, kEpoch, kReplicas);
  ASSERT_TRUE(std::holds_alternative<Message>(decoded));
  const Message& ack = std::get<Message>(decoded);
  EXPECT_EQ(ack.type, MessageType::kPrepareOk);
  EXPECT_EQ(ack.flags, PAXOS_FLAG_KERNEL_ACK_OK);
  EXPECT_EQ(ack.sender, kBackup);
  EXPECT_EQ(ack.ack_level, PAXOS_ACK_MEMORY);
  EXPECT_EQ(ack.incarnation, kIncarnation + kBackup);
  EXPECT_EQ(ack.echo, sent.header().echo);
  EXPECT_EQ(ack.view, kView);
  EXPECT_EQ(ack.op, kBase + 1);
  EXPECT_EQ(ack.commit, 0u);
  EXPECT_EQ(ack.chain, sent.header().chain);
}

TEST_F(AcceptTest, AcceptedOpIsAcknowledgedAgainUpToTheEnd) {
  for (Op op = kBase + 1; op <= kBase + 3; ++op) EXPECT_OUT(TX_ACKED, memory.deliver(prepare(op)));
  for (const Op op : {kBase + 3, kBase + 1, kBase, kBase - 50, Op{1}}) {
    EXPECT_OUT(TX_ACKED_AGAIN, memory.deliver(prepare(op)));
    EXPECT_EQ(memory.ack().op, kBase + 3);
    EXPECT_EQ(memory.ack().chain, 0u);
    EXPECT_EQ(memory.ack().hdr_hash, paxos_header_hash(&memory.ack()));
  }
  EXPECT_EQ(gate.take().size(), 3u);
}

TEST_F(AcceptTest, WalAbsorbs) {
  Memory wal;
  BackupGate wal_gate(wal.world());
  BackupTerm term = backup_term();
  term.ack_level = PAXOS_ACK_DURABLE;
  wal_gate.arm(term);
  Datagram sent = prepare(kBase + 1);
  EXPECT_OUT(PASS_NOT_ASKED, wal.deliver(sent));
  sent.header().ack_level = PAXOS_ACK_DURABLE;
  EXPECT_TRUE(wal_gate.may_sleep());
  EXPECT_OUT(DROP_ABSORBED, wal.deliver(sent.seal()));
  ASSERT_EQ(wal.rings().size(), 1u);
  EXPECT_EQ(wal.rings()[0].kind, PAXOS_DOORBELL_ACCEPTED);
  EXPECT_EQ(wal.rings()[0].position, PAXOS_POSITION(1ull, 1));
  EXPECT_EQ(wal_gate.take().size(), 1u);
  EXPECT_TRUE(wal_gate.may_sleep());
  EXPECT_OUT(DROP_ASKED_AGAIN, wal.deliver(sent));
  EXPECT_EQ(wal_gate.asked_again(), 1u);
  ASSERT_EQ(wal.rings().size(), 2u);
  EXPECT_EQ(wal.rings()[1].kind, PAXOS_DOORBELL_ASKED_AGAIN);
  EXPECT_OUT(DROP_ASKED_AGAIN, wal.deliver(sent));
  EXPECT_EQ(wal.rings().size(), 2u) << "nobody sleeps";
}

TEST_F(AcceptTest, GapsPass) {
  for (const Op op :
       {kBase + 2, kBase + 100, Op{kBase + PAXOS_REL_MAX + 1}, Op{1} << 32, Op{1} << 63, ~Op{0}}) {
    expect_untouched(prepare(op), PAXOS_PASS_GAP);
  }
}

TEST_F(AcceptTest, ViewsAndTheirLeaders) {
  expect_untouched(prepare(kBase + 1, kView + 1), PAXOS_PASS_NEWER_VIEW);
  expect_untouched(prepare(kBase + 1, kView + kReplicas), PAXOS_PASS_NEWER_VIEW);
  expect_untouched(prepare(kBase + 1, ~View{0}), PAXOS_PASS_NEWER_VIEW);
  expect_untouched(prepare(kBase + 1, kView - 1), PAXOS_DROP_OLD_VIEW);
  expect_untouched(prepare(kBase + 1, 0), PAXOS_DROP_OLD_VIEW);
}

TEST_F(AcceptTest, OnlyTheLeaderInThisLifeOfIt) {
  expect_untouched(changed([](auto& header) { header.sender = kBackup; }), PAXOS_PASS_SENDER);
  expect_untouched(changed([](auto& header) { ++header.incarnation; }), PAXOS_PASS_SENDER);
  expect_untouched(changed([](auto& header) { --header.incarnation; }), PAXOS_PASS_SENDER);
  expect_untouched(prepare(kBase + 1).from(kBackup), PAXOS_PASS_SENDER);
  Datagram other_port = prepare(kBase + 1);
  other_port.packet.remote_port_be = bpf_htons(7001);
  expect_untouched(other_port, PAXOS_PASS_SENDER);
  for (int i = 0; i < 4; ++i) {
    Datagram other_address = prepare(kBase + 1);
    other_address.packet.remote_be[i] ^= bpf_htonl(1);
    expect_untouched(other_address, PAXOS_PASS_SENDER);
  }
}

TEST_F(AcceptTest, ClusterEpochAndWhatIsAskedFor) {
  expect_untouched(changed([](auto& header) { header.cluster_id ^= 1; }), PAXOS_PASS_CLUSTER);
  expect_untouched(changed([](auto& header) { ++header.epoch; }), PAXOS_PASS_CLUSTER);
  expect_untouched(changed([](auto& header) { --header.epoch; }), PAXOS_PASS_CLUSTER);
  expect_untouched(changed([](auto& header) { header.flags = PAXOS_FLAG_BODY_CRC; }), PAXOS_PASS_NOT_ASKED);
  for (const unsigned level : {PAXOS_ACK_NONE, PAXOS_ACK_DURABLE, 3u, 255u}) {
    expect_untouched(changed([level](auto& header) { header.ack_level = static_cast<std::uint8_t>(level); }),
                     PAXOS_PASS_NOT_ASKED);
  }
}

TEST_F(AcceptTest, HeadersThatAreNotForPrograms) {
  expect_untouched(changed([](auto& header) { header.version = 2; }), PAXOS_PASS_VERSION);
  expect_untouched(changed([](auto& header) { header.hdr_words = 12; }), PAXOS_PASS_VERSION);
  expect_untouched(changed([](auto& header) { header.hdr_words = 9; }), PAXOS_PASS_VERSION);
  expect_untouched(changed([](auto& header) { header.frag_cnt = 2; }), PAXOS_PASS_FRAGMENT);
  expect_untouched(changed([](auto& header) { header.frag_cnt = 0; }), PAXOS_PASS_FRAGMENT);
  expect_untouched(changed([](auto& header) { header.frag_idx = 1; }), PAXOS_PASS_FRAGMENT);
  for (int type = 0; type < 256; ++type) {
    if (type == PAXOS_PREPARE || type == PAXOS_PREPARE_OK) continue;
    expect_untouched(changed([type](auto& header) { header.type = static_cast<std::uint8_t>(type); }),
                     PAXOS_PASS_TYPE);
  }
  for (const int bit : {0x10, 0x20, 0x40, 0x80}) {
    expect_untouched(changed([bit](auto& header) { header.flags |= static_cast<std::uint8_t>(bit); }),
                     PAXOS_PASS_FLAGS);
  }
  expect_untouched(changed([](auto& header) { ++header.body_len; }), PAXOS_PASS_LENGTH);
  expect_untouched(changed([](auto& header) { --header.body_len; }), PAXOS_PASS_LENGTH);
  Datagram longer = prepare(kBase + 1);
  longer.payload += 'x';
  expect_untouched(longer.seal_checksum(), PAXOS_PASS_LENGTH);
}

TEST_F(AcceptTest, EveryBitOfTheHeaderIsCovered) {
  for (std::size_t bit = 0; bit < 8 * sizeof(paxos_header); ++bit) {
    const std::size_t byte = bit / 8;
    if (byte < 8 && byte != 6) continue;     // magic, version, type, hdr_words: judged before the hash
    if (byte == 22 || byte == 23) continue;  // so are the fragment's fields
    Datagram damaged = prepare(kBase + 1);
    damaged.payload[byte] = static_cast<char>(damaged.payload[byte] ^ 1 << bit % 8);
    expect_untouched(damaged.seal_checksum(), PAXOS_DROP_DAMAGED);
  }
}

TEST_F(AcceptTest, ADamagedBodyIsNotKept) {
  Datagram damaged = prepare(kBase + 1);
  damaged.payload.back() ^= 1;
  expect_untouched(damaged, PAXOS_PASS_CHECKSUM);
  EXPECT_OUT(TX_ACKED, memory.deliver(prepare(kBase + 1)));
  Datagram without = prepare(kBase + 2);
  without.packet.udp_checksum = 0;
  expect_untouched(without, PAXOS_PASS_NO_CHECKSUM);
}

TEST_F(AcceptTest, SizesThatFit) {
  const std::size_t body_max = PAXOS_MESSAGE_MAX - PAXOS_HEADER_BYTES;
  expect_untouched(prepare(kBase + 1, kView, ""), PAXOS_PASS_TOO_LARGE);
  expect_untouched(prepare(kBase + 1, kView, std::string(body_max + 1, 'x')), PAXOS_PASS_TOO_LARGE);
  Op op = kBase;
  for (const std::size_t size : {body_max, body_max - 1, std::size_t{1}, std::size_t{7}, std::size_t{8}}) {
    Datagram sent = prepare(++op, kView, std::string(size, 'y'));
    EXPECT_OUT(TX_ACKED, memory.deliver(sent)) << size;
    EXPECT_EQ(gate.take(), std::vector<std::string>{sent.payload});
  }
}

TEST_F(AcceptTest, FullUntilTaken) {
  for (Op op = kBase + 1; op <= kBase + 4; ++op) EXPECT_OUT(TX_ACKED, memory.deliver(prepare(op)));
  expect_untouched(prepare(kBase + 5), PAXOS_PASS_FULL);
  EXPECT_OUT(TX_ACKED_AGAIN, memory.deliver(prepare(kBase + 4)));
  EXPECT_EQ(gate.take().size(), 4u);
  EXPECT_OUT(TX_ACKED, memory.deliver(prepare(kBase + 5)));
}

TEST_F(AcceptTest, SlotsOfOthers) {
  const __u64 next = PAXOS_POSITION(1ull, 1);
  memory.slot(1).tag = PAXOS_SLOT_WRITING | next;
  expect_untouched(prepare(kBase + 1), PAXOS_PASS_BUSY);
  memory.slot(1).tag = PAXOS_SLOT_WRITING | PAXOS_POSITION(0ull, 9);
  expect_untouched(prepare(kBase + 1), PAXOS_PASS_BUSY);
  memory.slot(1).tag = PAXOS_SLOT_READY | PAXOS_POSITION(2ull, 1);
  expect_untouched(prepare(kBase + 1), PAXOS_PASS_STALE);
  memory.slot(1).tag = PAXOS_SLOT_READY | PAXOS_POSITION(1ull, 5);
  expect_untouched(prepare(kBase + 1), PAXOS_PASS_FULL);
  memory.slot(1).tag = PAXOS_SLOT_READY | PAXOS_POSITION(0ull, 9);
  EXPECT_OUT(TX_ACKED, memory.deliver(prepare(kBase + 1)));
}

TEST_F(AcceptTest, StoredByAnotherCpuIsAccepted) {
  Datagram sent = prepare(kBase + 1);
  memory.deliver(sent);
  memory.cells().gate -= 1;          // as if that CPU had not yet come to it
  memory.world().message = nullptr;  // not looked at
  paxos_header ack{};
  EXPECT_EQ(accept_prepare(&memory.world(), &sent.packet, &sent.header(), &ack), PAXOS_TX_ACKED);
  EXPECT_EQ(gate.take(), std::vector<std::string>{sent.payload});
}

TEST_F(AcceptTest, FrozenPassesAll) {
  memory.deliver(prepare(kBase + 1));
  EXPECT_EQ(gate.freeze().size(), 1u);
  expect_untouched(prepare(kBase + 2), PAXOS_PASS_FROZEN);
  expect_untouched(prepare(kBase + 1), PAXOS_PASS_FROZEN);
  expect_untouched(prepare(kBase + 1, kView - 1), PAXOS_PASS_FROZEN);
  expect_untouched(prepare(kBase + 1, kView + 1), PAXOS_PASS_FROZEN);
  Datagram damaged = prepare(kBase + 2);
  damaged.payload[40] ^= 1;
  expect_untouched(damaged, PAXOS_DROP_DAMAGED);
}

TEST_F(AcceptTest, ZeroedMemoryPassesAll) {
  Memory zeroed;
  zeroed.cells() = {};
  EXPECT_OUT(PASS_FROZEN, zeroed.deliver(prepare(1)));
  zeroed.cells().gate = PAXOS_ARMED;
  EXPECT_OUT(PASS_LEASE, zeroed.deliver(prepare(1)));
}

TEST_F(AcceptTest, LeaseOfAProcessThatHangs) {
  memory.cells().alive_ns = kNow - kLease;
  EXPECT_OUT(TX_ACKED, memory.deliver(prepare(kBase + 1)));
  memory.cells().alive_ns = kNow - kLease - 1;
  expect_untouched(prepare(kBase + 2), PAXOS_PASS_LEASE);
  expect_untouched(prepare(kBase + 1), PAXOS_PASS_LEASE);
  memory.cells().alive_ns = kNow + 5'000'000;  // of the finer clock
  EXPECT_OUT(TX_ACKED, memory.deliver(prepare(kBase + 2)));
  memory.cells().alive_ns = 0;
  expect_untouched(prepare(kBase + 3), PAXOS_PASS_LEASE);
}

TEST_F(AcceptTest, ConfigurationOfAnotherGeneration) {
  memory.cells().backup_config[1].generation = 3;
  expect_untouched(prepare(kBase + 1), PAXOS_PASS_STALE);
  memory.cells().backup_config[1].generation = 1;
  memory.cells().tail = PAXOS_POSITION(2ull, 0);
  expect_untouched(prepare(kBase + 1), PAXOS_PASS_STALE);
}

TEST_F(AcceptTest, TheLastOpOfAGeneration) {
  memory.cells().gate = PAXOS_ARMED | PAXOS_POSITION(1ull, PAXOS_REL_MAX - 1);
  memory.cells().tail = PAXOS_POSITION(1ull, PAXOS_REL_MAX - 1);
  EXPECT_OUT(TX_ACKED, memory.deliver(prepare(kBase + PAXOS_REL_MAX)));
  EXPECT_EQ(memory.cells().gate, PAXOS_ARMED | PAXOS_POSITION(1ull, PAXOS_REL_MAX));
  expect_untouched(prepare(kBase + PAXOS_REL_MAX + 1), PAXOS_PASS_EXHAUSTED);
}

TEST_F(AcceptTest, Hints) {
  Datagram sent = prepare(kBase + 1);
  sent.header().commit = kBase - 1;
  memory.deliver(sent.seal());
  EXPECT_EQ(gate.last_heard_ns(), kNow);
  EXPECT_EQ(gate.commit_hint(), 0u);
  sent = prepare(kBase + 2);
  sent.header().commit = kBase + 1;
  memory.deliver(sent.seal());
  EXPECT_EQ(gate.commit_hint(), kBase) << "not beyond what was taken";
  gate.take();
  EXPECT_EQ(gate.commit_hint(), kBase + 1);
  sent = prepare(kBase + 3);
  sent.header().commit = ~Op{0};
  memory.deliver(sent.seal());
  gate.take();
  EXPECT_EQ(gate.commit_hint(), kBase + 3);
}

}  // namespace
}  // namespace bmc::paxos::test

// SPDX-License-Identifier: Apache-2.0
// paxos_fast as a network sees it: what is answered, absorbed, counted, and what passes; each beside the
// packet with one thing changed that does not.
#include "apps/paxos/fastpath/tests/xdp_paxos_fixture.h"

namespace bmc::paxos::test {
namespace {

constexpr View kOwnView = kView + 1;
constexpr ReplicaIndex kPeer = (kBackup + 1) % kReplicas;

class XdpPaxosVia : public XdpPaxos, public testing::WithParamInterface<Via> {};

TEST_P(XdpPaxosVia, APrepareIsAcknowledged) {
  ASSERT_TRUE(gate.arm(term(GetParam())));
  const Datagram first = prepare(kBase + 1);
  expect_ack(to_backup(first, GetParam()),
             ack_frame(ack_of(first, kBase + 1, 0xc0ffee00 + kBase + 1), kBase + 1, GetParam()));
  EXPECT_EQ(group().cells().gate, PAXOS_ARMED | PAXOS_POSITION(1ull, 1));
  expect_ack(to_backup(first, GetParam()), ack_frame(ack_of(first, kBase + 1, 0), kBase + 1, GetParam()),
             PAXOS_TX_ACKED_AGAIN);
  EXPECT_EQ(gate.take(), std::vector<std::string>{first.payload});
  expect_out(to_backup(prepare(kBase + 3), GetParam()), PAXOS_PASS_GAP);
  gate.freeze();
  expect_out(to_backup(prepare(kBase + 2), GetParam()), PAXOS_PASS_FROZEN);
}

TEST_P(XdpPaxosVia, BodiesOfAllSizes) {
  ASSERT_TRUE(gate.arm(term(GetParam())));
  Op op = kBase;
  std::vector<std::string> sent;
  const std::size_t body_max = PAXOS_MESSAGE_MAX - PAXOS_HEADER_BYTES;
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{8}, std::size_t{9},
        std::size_t{511}, std::size_t{1372}, body_max - 1, body_max}) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 37 + size);
    const Datagram each = prepare(++op, kView, body);
    expect_ack(to_backup(each, GetParam()), ack_frame(ack_of(each, op, 0xc0ffee00 + op), op, GetParam()));
    sent.push_back(each.payload);
    Bytes damaged = to_backup(prepare(op + 1, kView, body), GetParam());
    damaged[damaged.size() - 1 - GetParam().trailer] ^= 4;
    expect_out(damaged, PAXOS_PASS_CHECKSUM);
  }
  expect_out(to_backup(prepare(op + 1, kView, std::string(body_max + 1, 'x')), GetParam()),
             PAXOS_PASS_TOO_LARGE);
  EXPECT_EQ(gate.take(), sent);
}

TEST_P(XdpPaxosVia, AcknowledgementsAreCounted) {
  ASSERT_TRUE(leader.arm(lead(5, GetParam())));
  leader.acknowledge_self(kBase + 2);
  EXPECT_TRUE(leader.may_sleep(kBase));
  expect_out(to_backup(prepare_ok(kPeer, kBase + 3, kOwnView), GetParam()), PAXOS_DROP_COUNTED);
  EXPECT_EQ(leader.acked(kPeer), kBase + 3);
  EXPECT_EQ(leader.commit(), kBase + 2);
  const auto rings = group().rings();
  ASSERT_EQ(rings.size(), 1u);
  EXPECT_EQ(rings[0].kind, PAXOS_DOORBELL_COMMITTED);
  EXPECT_EQ(rings[0].position, PAXOS_POSITION(1ull, 2));
  expect_out(to_backup(prepare_ok(kPeer, kBase + 3, kOwnView), GetParam()), PAXOS_DROP_KNOWN);
  expect_out(to_backup(prepare_ok(kPeer, kBase + 6, kOwnView), GetParam()), PAXOS_PASS_IMPOSSIBLE);
  expect_out(to_backup(prepare_ok(kPeer, kBase + 4, kView), GetParam()), PAXOS_DROP_OLD_VIEW_ACK);
  EXPECT_EQ(leader.freeze(), kBase + 2);
  expect_out(to_backup(prepare_ok(kPeer, kBase + 4, kOwnView), GetParam()), PAXOS_PASS_NOT_LEADING);
}

INSTANTIATE_TEST_SUITE_P(, XdpPaxosVia,
                         testing::Values(Via{}, Via{.ipv6 = true}, Via{.vlan = true},
                                         Via{.ipv6 = true, .vlan = true}, Via{.trailer = 9},
                                         Via{.ipv6 = true, .trailer = 4}));

TEST_F(XdpPaxos, WalAbsorbs) {
  BackupTerm wal = term();
  wal.ack_level = PAXOS_ACK_DURABLE;
  gate.arm(wal);
  Datagram sent = prepare(kBase + 1);
  sent.header().ack_level = PAXOS_ACK_DURABLE;
  const Bytes frame = to_backup(sent.seal());
  EXPECT_TRUE(gate.may_sleep());
  const Outcome outcome = run(frame);
  EXPECT_STREQ(name_of(outcome.counter), "DROP_ABSORBED");
  EXPECT_EQ(outcome.run.frame, frame);
  const auto rings = group().rings();
  ASSERT_EQ(rings.size(), 1u);
  EXPECT_EQ(rings[0].kind, PAXOS_DOORBELL_ACCEPTED);
  EXPECT_EQ(gate.take(), std::vector<std::string>{sent.payload});
  expect_out(frame, PAXOS_DROP_ASKED_AGAIN);
  EXPECT_EQ(gate.asked_again(), 1u);
}

// Each offload by itself.
TEST_F(XdpPaxos, OffloadsAreSwitchedOff) {
  gate.arm(term());
  leader.arm(lead(1));
  const Bytes asked = to_backup(prepare(kBase + 1)), told = to_backup(prepare_ok(kPeer, kBase + 1, kOwnView));
  PaxosProgram::get().offload(0);
  expect_out(asked, PAXOS_PASS_OFF);
  expect_out(told, PAXOS_PASS_OFF);
  Datagram damaged = prepare(kBase + 1);
  damaged.header().op ^= 1;
  expect_out(to_backup(damaged.seal_checksum()), PAXOS_PASS_OFF);
  PaxosProgram::get().offload(PAXOS_OFFLOAD_QUORUM);
  expect_out(asked, PAXOS_PASS_OFF);
  PaxosProgram::get().offload(PAXOS_OFFLOAD_ACK);
  expect_out(told, PAXOS_PASS_OFF);
  PaxosProgram::get().offload(PAXOS_OFFLOAD_ACK, PAXOS_FAST_ABI_VERSION + 1);
  expect_out(asked, PAXOS_PASS_OFF);
  PaxosProgram::get().offload(PAXOS_OFFLOAD_ACK | PAXOS_OFFLOAD_QUORUM);
  EXPECT_STREQ(name_of(run(told).counter), "DROP_COUNTED");
  EXPECT_STREQ(name_of(run(asked).counter), "TX_ACKED");
}

// Two replicas on one host see nothing of each other.
TEST_F(XdpPaxos, ReplicasAreFoundByAddressAndPort) {
  Group other;
  other.clear();
  BackupGate other_gate(other.world());
  const paxos_address where = address_of(ip4_of(kBackup), kPort + 1);
  PaxosProgram::get().serve(where, other);
  gate.arm(term());
  other_gate.arm(term());
  const Datagram sent = prepare(kBase + 1);
  const Bytes to_other = frame_between(kLeader, kBackup, sent.payload, {}, {.from = kPort, .to = kPort + 1});
  EXPECT_STREQ(name_of(run(to_other).counter), "TX_ACKED");
  EXPECT_EQ(PAXOS_REL(group().cells().gate), 0u);
  EXPECT_EQ(other_gate.take().size(), 1u);
  PaxosProgram::get().forget(where);
  expect_out(to_other, PAXOS_PASS_NO_GROUP);
  expect_out(frame_between(kLeader, kPeer, sent.payload), PAXOS_PASS_NO_GROUP);
  EXPECT_STREQ(name_of(run(to_backup(sent)).counter), "TX_ACKED");
}

TEST_F(XdpPaxos, ADoorbellMayBeMissingOrFull) {
  gate.arm(term());
  const paxos_address where = address_of(ip4_of(kBackup), kPort);
  PaxosProgram::get().forget(where);
  PaxosProgram::get().serve(where, group(), false);
  EXPECT_TRUE(gate.may_sleep());
  EXPECT_STREQ(name_of(run(to_backup(prepare(kBase + 1))).counter), "TX_ACKED");
  EXPECT_TRUE(group().rings().empty());
  PaxosProgram::get().serve(where, group());
  for (Op op = kBase + 2; op < kBase + 200; ++op) {
    gate.take();
    EXPECT_TRUE(gate.may_sleep());
    EXPECT_STREQ(name_of(run(to_backup(prepare(op))).counter), "TX_ACKED") << op;
  }
}

TEST_F(XdpPaxos, AllSlotsAreUsedBeforeItIsFull) {
  gate.arm(term());
  std::vector<std::string> sent;
  for (Op op = kBase + 1; op <= kBase + PAXOS_SLOTS; ++op) {
    const Datagram each = prepare(op);
    ASSERT_STREQ(name_of(run(to_backup(each)).counter), "TX_ACKED");
    sent.push_back(each.payload);
  }
  expect_out(to_backup(prepare(kBase + PAXOS_SLOTS + 1)), PAXOS_PASS_FULL);
  EXPECT_EQ(gate.take(), sent);
  EXPECT_STREQ(name_of(run(to_backup(prepare(kBase + PAXOS_SLOTS + 1))).counter), "TX_ACKED");
}

TEST_F(XdpPaxos, OpsAtTheEdges) {
  for (const Op base : {(Op{1} << 32) - 1, Op{1} << 32, (Op{1} << 63) - 1, Op{1} << 63}) {
    group().clear();
    gate.arm(term({}, base));
    EXPECT_STREQ(name_of(run(to_backup(prepare(base))).counter), "TX_ACKED_AGAIN");
    expect_out(to_backup(prepare(base + 2)), PAXOS_PASS_GAP);
    const Datagram next = prepare(base + 1);
    expect_ack(to_backup(next), ack_frame(ack_of(next, base + 1, 0xc0ffee00 + base + 1), base + 1));
  }
}

// What is not ours in a way that only the frame knows.
TEST_F(XdpPaxos, FramesThatPass) {
  gate.arm(term());
  const std::string payload = prepare(kBase + 1).payload;
  const auto of_ip = [&payload](const IPv4& ip) {
    return bmc::test::frame(Ethernet{} / ip / UDP{.from = kPort, .to = kPort} / Text{payload});
  };
  const IPv4 right{.from = ip4_of(kLeader), .to = ip4_of(kBackup)};
  IPv4 wrong = right;
  wrong.fragment = 0x2000;
  expect_out(of_ip(wrong), PAXOS_PASS_NOT_PAXOS);
  wrong.fragment = 0x0001;
  expect_out(of_ip(wrong), PAXOS_PASS_NOT_PAXOS);
  wrong = right;
  wrong.first_byte = 0x46;
  wrong.options = {1, 1, 1, 0};
  expect_out(of_ip(wrong), PAXOS_PASS_NOT_PAXOS);
  wrong = right;
  wrong.protocol = 6;
  expect_out(of_ip(wrong), PAXOS_PASS_NOT_PAXOS);
  wrong = right;
  wrong.checksum = 0x1234;
  expect_out(of_ip(wrong), PAXOS_PASS_NOT_PAXOS);
  expect_out(bmc::test::frame(Ethernet{.to = {1, 0, 0x5e, 0, 0, 1}} / right /
                              UDP{.from = kPort, .to = kPort} / Text{payload}),
             PAXOS_PASS_NOT_PAXOS);
  expect_out(frame_between(kLeader, kBackup, payload, {}, {.from = kPort, .to = kPort, .checksum = 0}),
             PAXOS_PASS_NO_CHECKSUM);
  expect_out(frame_between(kLeader, kBackup, payload, {}, {.from = kPort + 1, .to = kPort}),
             PAXOS_PASS_SENDER);
  expect_out(frame_between(kPeer, kBackup, payload), PAXOS_PASS_SENDER);
  expect_out(frame_between(kLeader, kBackup, payload.substr(0, PAXOS_HEADER_BYTES - 1)),
             PAXOS_PASS_NOT_PAXOS);
  expect_out(frame_between(kLeader, kBackup, "EPX2" + payload.substr(4)), PAXOS_PASS_NOT_PAXOS);
  EXPECT_STREQ(name_of(run(of_ip(right)).counter), "TX_ACKED");
}

// IPv4 in IPv6's clothes is not the IPv4 address.
TEST_F(XdpPaxos, MappedAddressesAreNobodys) {
  gate.arm(term());
  expect_out(bmc::test::frame(Ethernet{} /
                              IPv6{.from = "::ffff:" + ip4_of(kLeader), .to = "::ffff:" + ip4_of(kBackup)} /
                              UDP{.from = kPort, .to = kPort} / Text{prepare(kBase + 1).payload}),
             PAXOS_PASS_NO_GROUP);
}

}  // namespace
}  // namespace bmc::paxos::test

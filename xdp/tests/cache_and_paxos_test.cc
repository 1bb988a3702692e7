// SPDX-License-Identifier: Apache-2.0
// cache_and_paxos with both apps on: each datagram is its own app's, and counts in the other's exactly as
// where that is alone. What each app answers in all its cases is for its own tests, which run against this
// program too.
#include <optional>

#include "apps/memcached-cache/tests/xdp_fixture.h"
#include "apps/paxos/fastpath/tests/xdp_paxos_fixture.h"

namespace bmc::test {
namespace {

using paxos::test::ack_frame;
using paxos::test::ack_of;
using paxos::test::kBackup;
using paxos::test::kBase;
using paxos::test::kLeader;
using paxos::test::kView;
using paxos::test::PaxosProgram;
using paxos::test::prepare;
using paxos::test::prepare_ok;

constexpr auto kPeer = static_cast<std::uint8_t>((kBackup + 1) % paxos::test::kReplicas);

// memcached at kServerIp4, and replica kBackup at its own address.
class CacheAndPaxos : public paxos::test::XdpPaxos {
 protected:
  void SetUp() override {
    XdpPaxos::SetUp();
    store().reset();
    store().serve(0, kServerIp4, kServerPort);
    ASSERT_TRUE(gate.arm(term()));
  }

  static CacheStore& store() { return XdpProgram::get().store(); }

  // Unset: not counted, so the packet did not come so far.
  struct Seen {
    RunResult run;
    std::optional<cache_counter> cache;
    paxos_fast_counter paxos;
  };
  static Seen send(const Bytes& frame) {
    const Counters before = store().counters();
    const Outcome outcome = run_paxos(frame);
    Seen seen{outcome.run, std::nullopt, outcome.counter};
    std::uint64_t sum = 0;
    for (const auto& [counter, value] : store().counters()) {
      const auto old = before.find(counter);
      if (old != before.end() && old->second == value) continue;
      sum += value - (old == before.end() ? 0 : old->second);
      seen.cache = counter;
    }
    EXPECT_LE(sum, 1u);
    return seen;
  }

  // Answered with this by the cache.
  static void expect_hit(const Bytes& frame, const Bytes& reply,
                         paxos_fast_counter paxos = PAXOS_PASS_NOT_PAXOS) {
    const Seen seen = send(frame);
    EXPECT_EQ(seen.run.verdict, static_cast<std::uint32_t>(XDP_TX));
    EXPECT_EQ(dump(seen.run.frame), dump(reply));
    EXPECT_EQ(seen.cache, CACHE_TX_HIT);
    EXPECT_STREQ(paxos::test::name_of(seen.paxos), paxos::test::name_of(paxos));
  }
  // Decided by the replica's part, so the cache does not see it.
  static void expect_taken(const Bytes& frame, paxos_fast_counter paxos, const Bytes& after) {
    const Seen seen = send(frame);
    EXPECT_EQ(seen.run.verdict, paxos::test::xdp_verdict(paxos));
    EXPECT_EQ(dump(seen.run.frame), dump(after));
    EXPECT_EQ(seen.cache, std::nullopt);
    EXPECT_STREQ(paxos::test::name_of(seen.paxos), paxos::test::name_of(paxos));
  }
  // Passed untouched by both, for these reasons.
  static void expect_pass(const Bytes& frame, paxos_fast_counter paxos, cache_counter cache) {
    const Seen seen = send(frame);
    EXPECT_EQ(seen.run.verdict, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(dump(seen.run.frame), dump(frame));
    ASSERT_TRUE(seen.cache);
    EXPECT_STREQ(counter_reason(*seen.cache), counter_reason(cache));
    EXPECT_STREQ(paxos::test::name_of(seen.paxos), paxos::test::name_of(paxos));
  }
  static Bytes acknowledgement(const paxos::test::Datagram& sent, paxos::Op op) {
    return ack_frame(ack_of(sent, op, 0xc0ffee00 + op), op);
  }

 private:
  // As XdpPaxos::run(), whose verdict is that of its own part: a hit is a datagram that this passed.
  static Outcome run_paxos(const Bytes& frame) {
    const auto before = PaxosProgram::get().counters();
    Outcome outcome{run_xdp(PaxosProgram::get().fd(), frame), PAXOS_GO_ON};
    const auto after = PaxosProgram::get().counters();
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (after[i] != before[i]) outcome.counter = static_cast<paxos_fast_counter>(i);
      sum += after[i] - before[i];
    }
    EXPECT_EQ(sum, 1u) << "every packet counts exactly once";
    return outcome;
  }
};

TEST_F(CacheAndPaxos, GetsAreAnswered) {
  const std::string one = store().place({.key = "k", .data = "1"}).text;
  const std::string two = one + store().place({.key = "other", .data = std::string(1000, '2')}).text;
  expect_hit(request_frame(get_line("k")), reply_frame(one + "END\r\n"));
  expect_hit(request_frame(get_line("k other")), reply_frame(two + "END\r\n"));
  expect_pass(request_frame(get_line("l")), PAXOS_PASS_NOT_PAXOS, CACHE_PASS_MISS);
  expect_pass(request_frame(get_line("k l")), PAXOS_PASS_NOT_PAXOS, CACHE_PASS_MISS);
}

TEST_F(CacheAndPaxos, PreparesAreAcknowledged) {
  const auto first = prepare(kBase + 1), second = prepare(kBase + 2);
  expect_taken(to_backup(first), PAXOS_TX_ACKED, acknowledgement(first, kBase + 1));
  EXPECT_EQ(group().cells().gate, PAXOS_ARMED | PAXOS_POSITION(1ull, 1));
  Bytes damaged = to_backup(second);
  damaged.back() ^= 1;
  expect_pass(damaged, PAXOS_PASS_CHECKSUM, CACHE_PASS_NOT_SERVED);
  EXPECT_EQ(gate.take(), std::vector<std::string>{first.payload});
  gate.freeze();
  expect_pass(to_backup(second), PAXOS_PASS_FROZEN, CACHE_PASS_NOT_SERVED);
}

TEST_F(CacheAndPaxos, AcknowledgementsAreCounted) {
  ASSERT_TRUE(leader.arm(lead(5)));
  leader.acknowledge_self(kBase + 2);
  const Bytes told = to_backup(prepare_ok(kPeer, kBase + 2, kView + 1));
  expect_taken(told, PAXOS_DROP_COUNTED, told);
  EXPECT_EQ(leader.commit(), kBase + 2);
  const Bytes impossible = to_backup(prepare_ok(kPeer, kBase + 6, kView + 1));
  expect_pass(impossible, PAXOS_PASS_IMPOSSIBLE, CACHE_PASS_NOT_SERVED);
}

TEST_F(CacheAndPaxos, EverythingElsePassesBoth) {
  const auto tcp = frame(Ethernet{} / IPv4{.protocol = 6} / Text{std::string(40, 't')});
  expect_pass(tcp, PAXOS_PASS_NOT_PAXOS, CACHE_PASS_NOT_UDP);
  expect_pass(Bytes(60, 0xff), PAXOS_PASS_NOT_PAXOS, CACHE_PASS_NOT_IP);
  expect_pass(frame(Ethernet{} / IPv4{} / UDP{.to = 53} / Text{"a question"}), PAXOS_PASS_NOT_PAXOS,
              CACHE_PASS_NOT_SERVED);
  const auto sent = prepare(kBase + 1);
  expect_pass(paxos::test::frame_between(kLeader, kPeer, sent.payload), PAXOS_PASS_NO_GROUP,
              CACHE_PASS_NOT_SERVED);
}

// What is sent to one address and port is told apart by what it says.
TEST_F(CacheAndPaxos, AtOneAddress) {
  const auto where = paxos::test::address_of(kServerIp4, kServerPort);
  PaxosProgram::get().serve(where, group());
  const std::string text = store().place({.key = "k", .data = "v"}).text;
  const auto sent = prepare(kBase + 1);
  const auto to_server = frame(Ethernet{} / IPv4{.from = paxos::test::ip4_of(kLeader), .to = kServerIp4} /
                               UDP{.from = paxos::test::kPort, .to = kServerPort} / Text{sent.payload});
  const Seen seen = send(to_server);
  EXPECT_EQ(seen.run.verdict, static_cast<std::uint32_t>(XDP_TX));
  EXPECT_EQ(seen.cache, std::nullopt);
  EXPECT_EQ(gate.take(), std::vector<std::string>{sent.payload});
  expect_hit(request_frame(get_line("k")), reply_frame(text + "END\r\n"));
  gate.freeze();
  expect_pass(to_server, PAXOS_PASS_FROZEN, CACHE_PASS_FRAME);
  expect_hit(request_frame(get_line("k")), reply_frame(text + "END\r\n"));
  PaxosProgram::get().forget(where);
}

TEST_F(CacheAndPaxos, EachIsSwitchedOffByItself) {
  const std::string text = store().place({.key = "k", .data = "v"}).text;
  const Bytes get = request_frame(get_line("k"));
  const auto first = prepare(kBase + 1), second = prepare(kBase + 2);
  store().control().mode = CACHE_MODE_BYPASS;
  expect_pass(get, PAXOS_PASS_NOT_PAXOS, CACHE_PASS_BYPASS);
  expect_taken(to_backup(first), PAXOS_TX_ACKED, acknowledgement(first, kBase + 1));
  store().control().mode = CACHE_MODE_SERVE;
  PaxosProgram::get().offload(0);
  expect_hit(get, reply_frame(text + "END\r\n"));
  expect_pass(to_backup(second), PAXOS_PASS_OFF, CACHE_PASS_NOT_SERVED);
  PaxosProgram::get().offload(PAXOS_OFFLOAD_ACK);
  expect_taken(to_backup(second), PAXOS_TX_ACKED, acknowledgement(second, kBase + 2));
}

}  // namespace
}  // namespace bmc::test

// SPDX-License-Identifier: Apache-2.0
// Every way out of paxos_fast is reached: for each counter of PAXOS_FAST_COUNTERS there must be a packet here
// that ends with it, or it needs two CPUs (xdp_paxos_parallel_test.cc). A new way out without one fails.
#include <functional>
#include <map>
#include <set>

#include "apps/paxos/fastpath/tests/xdp_paxos_fixture.h"

namespace bmc::paxos::test {
namespace {

constexpr View kOwnView = kView + 1;
constexpr ReplicaIndex kPeer = (kBackup + 1) % kReplicas;

class XdpPaxosCounters : public XdpPaxos {
 protected:
  using Reach = std::function<Bytes()>;  // the packet, after whatever it takes
  using Table = std::map<paxos_fast_counter, Reach>;

  static Bytes changed(Datagram datagram, const std::function<void(paxos_header&)>& change) {
    change(datagram.header());
    return to_backup(datagram.seal());
  }
  static Bytes next(const std::function<void(paxos_header&)>& change = [](auto&) {}) {
    return changed(prepare(kBase + 1), change);
  }
  static Bytes told(const std::function<void(paxos_header&)>& change = [](auto&) {}) {
    return changed(prepare_ok(kPeer, kBase + 1, kOwnView), change);
  }
  // After another one.
  static Bytes again(const Bytes& frame) {
    run(frame);
    return frame;
  }
  Bytes absorbed() {
    gate.freeze();
    BackupTerm wal = term();
    wal.ack_level = PAXOS_ACK_DURABLE;
    gate.arm(wal);
    return next([](auto& header) { header.ack_level = PAXOS_ACK_DURABLE; });
  }

  Table prepares();
  Table acknowledgements();
  Table datagrams();
};

XdpPaxosCounters::Table XdpPaxosCounters::prepares() {
  return {
      {PAXOS_TX_ACKED, [] { return next(); }},
      {PAXOS_TX_ACKED_AGAIN, [] { return again(next()); }},
      {PAXOS_DROP_ABSORBED, [this] { return absorbed(); }},
      {PAXOS_DROP_ASKED_AGAIN, [this] { return again(absorbed()); }},
      {PAXOS_DROP_OLD_VIEW, [] { return to_backup(prepare(kBase + 1, kView - 1)); }},
      {PAXOS_PASS_FROZEN,
       [this] {
         gate.freeze();
         return next();
       }},
      {PAXOS_PASS_STALE,
       [] {
         group().cells().backup_config[1].generation = 7;
         return next();
       }},
      {PAXOS_PASS_LEASE,
       [] {
         group().cells().alive_ns = 0;
         return next();
       }},
      {PAXOS_PASS_CLUSTER, [] { return next([](auto& header) { ++header.epoch; }); }},
      {PAXOS_PASS_NEWER_VIEW, [] { return to_backup(prepare(kBase + 1, kView + kReplicas)); }},
      {PAXOS_PASS_SENDER, [] { return next([](auto& header) { ++header.incarnation; }); }},
      {PAXOS_PASS_NOT_ASKED, [] { return next([](auto& header) { header.flags = 0; }); }},
      {PAXOS_PASS_GAP, [] { return to_backup(prepare(kBase + 2)); }},
      {PAXOS_PASS_EXHAUSTED,
       [] {
         group().cells().gate = PAXOS_ARMED | PAXOS_POSITION(1ull, PAXOS_REL_MAX);
         return to_backup(prepare(kBase + PAXOS_REL_MAX + 1));
       }},
      {PAXOS_PASS_TOO_LARGE, [] { return to_backup(prepare(kBase + 1, kView, "")); }},
      {PAXOS_PASS_NO_CHECKSUM,
       [] {
         return frame_between(kLeader, kBackup, prepare(kBase + 1).payload, {},
                              {.from = kPort, .to = kPort, .checksum = 0});
       }},
      {PAXOS_PASS_CHECKSUM,
       [] {
         return frame_between(kLeader, kBackup, prepare(kBase + 1).payload, {},
                              {.from = kPort, .to = kPort, .checksum = 1});
       }},
      {PAXOS_PASS_FULL,
       [] {
         group().cells().gate = PAXOS_ARMED | PAXOS_POSITION(1ull, PAXOS_SLOTS);
         return to_backup(prepare(kBase + PAXOS_SLOTS + 1));
       }},
      {PAXOS_PASS_BUSY,
       [] {
         group().slot(1).tag = PAXOS_SLOT_WRITING | PAXOS_POSITION(1ull, 1);
         return next();
       }},
  };
}

XdpPaxosCounters::Table XdpPaxosCounters::acknowledgements() {
  return {
      {PAXOS_DROP_COUNTED, [] { return told(); }},
      {PAXOS_DROP_KNOWN, [] { return again(told()); }},
      {PAXOS_DROP_OLD_VIEW_ACK, [] { return to_backup(prepare_ok(kPeer, kBase + 1, kView)); }},
      {PAXOS_PASS_NOT_LEADING,
       [this] {
         leader.freeze();
         return told();
       }},
      {PAXOS_PASS_STALE_ACK,
       [] {
         group().cells().leader_config[1].generation = 7;
         return told();
       }},
      {PAXOS_PASS_CLUSTER_ACK, [] { return told([](auto& header) { ++header.cluster_id; }); }},
      {PAXOS_PASS_NEWER_VIEW_ACK, [] { return to_backup(prepare_ok(kPeer, kBase + 1, kOwnView + 1)); }},
      {PAXOS_PASS_PEER, [] { return told([](auto& header) { header.sender = 200; }); }},
      {PAXOS_PASS_LOW_LEVEL, [] { return told([](auto& header) { header.ack_level = PAXOS_ACK_NONE; }); }},
      {PAXOS_PASS_IMPOSSIBLE, [] { return to_backup(prepare_ok(kPeer, kBase + 9, kOwnView)); }},
  };
}

XdpPaxosCounters::Table XdpPaxosCounters::datagrams() {
  return {
      {PAXOS_PASS_NOT_PAXOS, [] { return frame_between(kLeader, kBackup, std::string(200, 'x')); }},
      {PAXOS_PASS_NO_GROUP, [] { return frame_between(kLeader, kPeer, prepare(kBase + 1).payload); }},
      {PAXOS_PASS_VERSION, [] { return next([](auto& header) { header.hdr_words = 12; }); }},
      {PAXOS_PASS_FRAGMENT, [] { return next([](auto& header) { header.frag_cnt = 2; }); }},
      {PAXOS_PASS_TYPE, [] { return next([](auto& header) { header.type = PAXOS_COMMIT; }); }},
      {PAXOS_PASS_FLAGS, [] { return next([](auto& header) { header.flags |= 0x80; }); }},
      {PAXOS_PASS_LENGTH, [] { return next([](auto& header) { ++header.body_len; }); }},
      {PAXOS_PASS_OFF,
       [] {
         PaxosProgram::get().offload(0);
         return next();
       }},
      {PAXOS_DROP_DAMAGED,
       [] {
         Datagram damaged = prepare(kBase + 1);
         damaged.header().op ^= 1;
         return to_backup(damaged.seal_checksum());
       }},
  };
}

TEST_F(XdpPaxosCounters, EveryWayOutIsReached) {
  Table table = prepares();
  table.merge(acknowledgements());
  table.merge(datagrams());
  // A slot, the gate or a cell that changes in the midst of a run; a frame that cannot be cut.
  const std::set<paxos_fast_counter> unreached{PAXOS_PASS_OVERTAKEN, PAXOS_PASS_CONTENDED, PAXOS_DROP_UNSENT};
  for (std::uint32_t i = 1; i < PAXOS_FAST_COUNTER_COUNT; ++i) {
    const auto counter = static_cast<paxos_fast_counter>(i);
    SCOPED_TRACE(name_of(counter));
    if (unreached.count(counter) != 0) continue;
    ASSERT_EQ(table.count(counter), 1u) << "no packet for this way out";
    SetUp();
    gate.arm(term());
    leader.arm(lead(3));
    EXPECT_STREQ(name_of(run(table[counter]()).counter), name_of(counter));
  }
}

}  // namespace
}  // namespace bmc::paxos::test

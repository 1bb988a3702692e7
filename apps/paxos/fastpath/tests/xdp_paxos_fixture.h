// SPDX-License-Identifier: Apache-2.0
// The tested program with one replica's memory, one packet at a time: verdict, every byte of the frame,
// counter, cells. Used by the xdp_paxos_*_test.cc.
#ifndef BMC_PAXOS_FASTPATH_TESTS_XDP_PAXOS_FIXTURE_H
#define BMC_PAXOS_FASTPATH_TESTS_XDP_PAXOS_FIXTURE_H

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/memcached-cache/tests/bpf_run.h"
#include "apps/memcached-cache/tests/packet_builder.h"
#include "apps/paxos/fastpath/tests/fixture.h"
#include "apps/paxos/fastpath/tests/group.h"
#include "xdp/tests/tested_program.h"

namespace bmc::paxos::test {

using bmc::test::Bytes;
using bmc::test::Ethernet;
using bmc::test::IPv4;
using bmc::test::IPv6;
using bmc::test::Layers;
using bmc::test::RunResult;
using bmc::test::TestedProgram;
using bmc::test::Text;
using bmc::test::Trailer;
using bmc::test::UDP;
using bmc::test::Vlan;

inline constexpr std::uint16_t kPort = 7000;

// Replica i: as address_of() in fixture.h, and the same in IPv6.
inline std::string ip4_of(ReplicaIndex replica) { return "192.0.2." + std::to_string(1 + replica); }
inline std::string ip6_of(ReplicaIndex replica) { return "2001:db8::" + std::to_string(1 + replica); }

inline paxos_address address_of(const std::string& ip, std::uint16_t port) {
  paxos_address address{};
  const auto bytes = bmc::test::address_bytes(ip);
  std::memcpy(address.addr_be, bytes.data(), bytes.size());
  address.port_be = bpf_htons(port);
  return address;
}

// The tested program's maps, written as bmcd does.
class PaxosProgram {
 public:
  static PaxosProgram& get() {
    static PaxosProgram program;
    return program;
  }

  int fd() const { return TestedProgram::get().fd(); }
  void offload(std::uint32_t offloads, std::uint32_t version = PAXOS_FAST_ABI_VERSION) {
    const std::uint32_t zero = 0;
    const paxos_control control{version, offloads};
    put("paxos_control", &zero, &control);
  }
  void serve(const paxos_address& address, const Group& group, bool with_doorbell = true) {
    const int fd = group.fd(), ring = group.ring_fd();
    put("paxos_groups", &address, &fd);
    if (with_doorbell) put("paxos_doorbells", &address, &ring);
  }
  void forget(const paxos_address& address) {
    bpf_map_delete_elem(TestedProgram::get().map_fd("paxos_groups"), &address);
    bpf_map_delete_elem(TestedProgram::get().map_fd("paxos_doorbells"), &address);
  }
  std::vector<std::uint64_t> counters() {
    std::vector<std::uint64_t> sums(PAXOS_FAST_COUNTER_COUNT), cpus(libbpf_num_possible_cpus());
    for (std::uint32_t i = 0; i < sums.size(); ++i) {
      bpf_map_lookup_elem(TestedProgram::get().map_fd("paxos_counters"), &i, cpus.data());
      for (const std::uint64_t each : cpus) sums[i] += each;
    }
    return sums;
  }

 private:
  static void put(const char* map, const void* key, const void* value) {
    if (bpf_map_update_elem(TestedProgram::get().map_fd(map), key, value, BPF_ANY) != 0)
      throw std::runtime_error(std::string(map) + ": " + std::strerror(errno));
  }
};

inline std::uint32_t xdp_verdict(paxos_fast_counter counter) {
  static constexpr const char* kVerdicts[] = {"pass",
#define BMC_TEST_VERDICT(name, where, verdict, reason, text) verdict,
                                              PAXOS_FAST_COUNTERS(BMC_TEST_VERDICT)
#undef BMC_TEST_VERDICT
  };
  const std::string verdict = kVerdicts[counter];
  return verdict == "tx" ? XDP_TX : verdict == "drop" ? XDP_DROP : XDP_PASS;
}

// How a datagram travels.
struct Via {
  bool ipv6 = false;
  bool vlan = false;
  std::size_t trailer = 0;  // bytes behind the IP packet
};

inline Bytes frame_between(ReplicaIndex from, ReplicaIndex to, const std::string& payload, Via via = {},
                           UDP udp = {.from = kPort, .to = kPort}) {
  Layers link = via.vlan ? Ethernet{} / Vlan{} : Layers{{Ethernet{}}};
  Layers network = via.ipv6 ? std::move(link) / IPv6{.from = ip6_of(from), .to = ip6_of(to)}
                            : std::move(link) / IPv4{.from = ip4_of(from), .to = ip4_of(to)};
  return bmc::test::frame(std::move(network) / udp / Text{payload} / Trailer{Bytes(via.trailer, 0xee)});
}

// The acknowledgement that must answer it. Built anew from the outside in.
inline Bytes ack_frame(const std::string& ack, Op op, Via via = {}) {
  const Ethernet ethernet{.to = bmc::test::kClientMac, .from = bmc::test::kServerMac};
  Layers link = via.vlan ? ethernet / Vlan{} : Layers{{ethernet}};
  const IPv4 ip4{.from = ip4_of(kBackup),
                 .to = ip4_of(kLeader),
                 .ttl = 64,
                 .id = bpf_htons(static_cast<std::uint16_t>(op)),
                 .fragment = 0};
  const IPv6 ip6{.from = ip6_of(kBackup), .to = ip6_of(kLeader), .hop_limit = 64};
  Layers network = via.ipv6 ? std::move(link) / ip6 : std::move(link) / ip4;
  return bmc::test::frame(std::move(network) / UDP{.from = kPort, .to = kPort} / Text{ack});
}

// Its header, field by field as PROTOCOL.md says.
inline std::string ack_of(const Datagram& prepare, Op op, std::uint64_t chain) {
  paxos_header header{};
  std::memcpy(&header, prepare.payload.data(), sizeof(header));
  Datagram ack = prepare_ok(kBackup, op, header.view);
  ack.header().echo = header.echo;
  ack.header().chain = chain;
  return ack.seal().payload;
}

// Replica kBackup in one process: the backup of kView, or, armed so, the leader.
class XdpPaxos : public testing::Test {
 protected:
  void SetUp() override {
    group().clear();
    PaxosProgram::get().offload(PAXOS_OFFLOAD_ACK | PAXOS_OFFLOAD_QUORUM);
    PaxosProgram::get().serve(address_of(ip4_of(kBackup), kPort), group());
    PaxosProgram::get().serve(address_of(ip6_of(kBackup), kPort), group());
  }
  static Group& group() {
    static Group group;
    return group;
  }

  BackupTerm term(Via via = {}, Op base = kBase) const {
    BackupTerm term = backup_term(base);
    term.lease_ns = kHour;
    if (via.ipv6) term.leader_address = address_of(ip6_of(kLeader), kPort);
    return term;
  }
  // As leader of kBackup's own view, in which all `ops` are proposed.
  LeaderTerm lead(Op ops, Via via = {}) const {
    LeaderTerm term = leader_term(kBase, kReplicas, kView + 1);
    term.self = kBackup;
    term.proposed = kBase + ops;
    for (ReplicaIndex i = 0; via.ipv6 && i < kReplicas; ++i)
      term.peers[i].address = address_of(ip6_of(i), kPort);
    return term;
  }

  struct Outcome {
    RunResult run;
    paxos_fast_counter counter;
  };
  static Outcome run(const Bytes& frame) {
    const auto before = PaxosProgram::get().counters();
    Outcome outcome{bmc::test::run_xdp(PaxosProgram::get().fd(), frame), PAXOS_GO_ON};
    const auto after = PaxosProgram::get().counters();
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (after[i] != before[i]) outcome.counter = static_cast<paxos_fast_counter>(i);
      sum += after[i] - before[i];
    }
    EXPECT_EQ(sum, 1u) << "every packet counts exactly once";
    EXPECT_EQ(outcome.run.verdict, xdp_verdict(outcome.counter)) << name_of(outcome.counter);
    return outcome;
  }

  // Passed or dropped for this reason; untouched, and nothing accepted.
  static void expect_out(const Bytes& frame, paxos_fast_counter wanted) {
    const __u64 gate = group().cells().gate;
    const Outcome outcome = run(frame);
    EXPECT_STREQ(name_of(outcome.counter), name_of(wanted));
    EXPECT_EQ(outcome.run.frame, frame);
    EXPECT_EQ(group().cells().gate, gate);
  }
  static void expect_ack(const Bytes& frame, const Bytes& answer,
                         paxos_fast_counter wanted = PAXOS_TX_ACKED) {
    const Outcome outcome = run(frame);
    EXPECT_STREQ(name_of(outcome.counter), name_of(wanted));
    EXPECT_EQ(outcome.run.frame, answer);
  }
  static Bytes to_backup(const Datagram& datagram, Via via = {}) {
    paxos_header header{};
    std::memcpy(&header, datagram.payload.data(), sizeof(header));
    return frame_between(header.sender < kReplicas ? header.sender : kLeader, kBackup, datagram.payload, via);
  }

  BackupGate gate{group().world()};
  LeaderGate leader{group().world()};
};

}  // namespace bmc::paxos::test

#endif

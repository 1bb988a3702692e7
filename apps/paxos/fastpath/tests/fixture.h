// SPDX-License-Identifier: Apache-2.0
// One replica's cells in plain memory, and datagrams for it. Used by the tests of the fast path.
#ifndef BMC_PAXOS_FASTPATH_TESTS_FIXTURE_H
#define BMC_PAXOS_FASTPATH_TESTS_FIXTURE_H

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "apps/paxos/fastpath/accept.h"
#include "apps/paxos/fastpath/backup_gate.h"
#include "apps/paxos/fastpath/leader_gate.h"
#include "apps/paxos/fastpath/quorum.h"

namespace bmc::paxos::test {

inline constexpr std::uint64_t kCluster = 0x1234567890abcdef;
inline constexpr std::uint32_t kEpoch = 3;
inline constexpr View kView = 7;
inline constexpr Op kBase = 100;
inline constexpr std::uint64_t kNow = 1'000'000'000'000;
inline constexpr std::uint64_t kLease = 1'000'000'000;
inline constexpr std::uint32_t kIncarnation = 20;  // of replica i: 20 + i
inline constexpr ReplicaIndex kReplicas = 3;
inline constexpr ReplicaIndex kLeader = kView % kReplicas;
inline constexpr ReplicaIndex kBackup = (kLeader + 1) % kReplicas;

// 192.0.2.(1 + i):7000
inline paxos_address address_of(ReplicaIndex replica) {
  return {.addr_be = {0, 0, bpf_htonl(0xffff), bpf_htonl(0xc0000201u + replica)},
          .port_be = bpf_htons(7000),
          .reserved = 0};
}

inline BackupTerm backup_term(Op base = kBase, View view = kView) {
  BackupTerm term;
  term.view = view;
  term.base = base;
  term.cluster_id = kCluster;
  term.lease_ns = kLease;
  term.epoch = kEpoch;
  term.leader = static_cast<ReplicaIndex>(view % kReplicas);
  term.leader_incarnation = kIncarnation + term.leader;
  term.self = kBackup;
  term.own_incarnation = kIncarnation + kBackup;
  term.ack_level = PAXOS_ACK_MEMORY;
  term.leader_address = address_of(term.leader);
  return term;
}

inline LeaderTerm leader_term(Op base = kBase, std::uint8_t replicas = kReplicas, View view = kView) {
  LeaderTerm term;
  term.view = view;
  term.base = base;
  term.proposed = base;
  term.cluster_id = kCluster;
  term.epoch = kEpoch;
  term.self = kLeader;
  term.replica_count = replicas;
  term.quorum = static_cast<std::uint8_t>(replicas / 2 + 1);
  term.ack_level = PAXOS_ACK_MEMORY;
  for (ReplicaIndex i = 0; i < replicas; ++i) term.peers[i] = {address_of(i), kIncarnation + i};
  return term;
}

inline std::string bytes_of(const paxos_header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof(header)};
}

// A datagram as the parser leaves it: payload, and what the steps know of the packet around it.
struct Datagram {
  std::string payload;
  struct packet packet {};

  paxos_header& header() { return *reinterpret_cast<paxos_header*>(payload.data()); }

  // After a change: hash and checksum are right again.
  Datagram& seal() {
    header().hdr_hash = paxos_header_hash(&header());
    return seal_checksum();
  }
  Datagram& seal_checksum() {
    packet.payload_bytes = static_cast<std::uint32_t>(payload.size());
    packet.fixed_sum = 0x1234567;
    packet.udp_checksum = 0;
    std::string padded = payload + std::string(8, '\0');
    std::uint64_t sum = udp_header_sum(&packet);
    for (std::size_t i = 0; i < payload.size(); i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, padded.data() + i, 8);
      sum = checksum_add(sum, word);
    }
    packet.udp_checksum = checksum_udp(sum);
    return *this;
  }
  Datagram& from(ReplicaIndex replica) {
    const paxos_address address = address_of(replica);
    std::memcpy(packet.remote_be, address.addr_be, sizeof(packet.remote_be));
    packet.remote_port_be = address.port_be;
    return *this;
  }
};

inline Datagram datagram(std::uint8_t type, ReplicaIndex sender, View view, Op op, const std::string& body) {
  Datagram made;
  made.payload = std::string(sizeof(paxos_header), '\0') + body;
  paxos_header& header = made.header();
  header.magic = PAXOS_MAGIC;
  header.version = PAXOS_WIRE_VERSION;
  header.type = type;
  header.flags =
      static_cast<std::uint8_t>(PAXOS_FLAG_KERNEL_ACK_OK | (body.empty() ? 0 : PAXOS_FLAG_BODY_CRC));
  header.hdr_words = PAXOS_HEADER_WORDS;
  header.cluster_id = kCluster;
  header.epoch = kEpoch;
  header.sender = sender;
  header.ack_level = PAXOS_ACK_MEMORY;
  header.frag_cnt = 1;
  header.view = view;
  header.op = op;
  header.incarnation = kIncarnation + sender;
  header.body_len = static_cast<std::uint32_t>(body.size());
  made.from(sender);
  return made.seal();
}

inline Datagram prepare(Op op, View view = kView, const std::string& body = "a batch") {
  Datagram made = datagram(PAXOS_PREPARE, static_cast<ReplicaIndex>(view % kReplicas), view, op, body);
  made.header().chain = 0xc0ffee00 + op;
  made.header().echo = 0xec00 + static_cast<std::uint32_t>(op);
  return made.seal();
}

inline Datagram prepare_ok(ReplicaIndex sender, Op op, View view = kView) {
  return datagram(PAXOS_PREPARE_OK, sender, view, op, "");
}

inline const char* name_of(paxos_fast_counter counter) {
  static constexpr const char* kNames[] = {"GO_ON",
#define BMC_TEST_NAME(name, where, verdict, reason, text) #name,
                                           PAXOS_FAST_COUNTERS(BMC_TEST_NAME)
#undef BMC_TEST_NAME
  };
  return counter < PAXOS_FAST_COUNTER_COUNT ? kNames[counter] : "?";
}

// The memory of one replica, zeroed; `slots` of them.
class Memory {
 public:
  explicit Memory(std::uint64_t slots = 4) : slots_(slots) {
    world_.cells = cells_.get();
    world_.slots = slots_.data();
    world_.slot_count = slots;
    world_.now_ns = kNow;
    world_.ring = [](void* rings, __u32 kind, __u64 position) {
      static_cast<std::vector<paxos_doorbell>*>(rings)->push_back({kind, 0, position});
    };
    world_.ring_context = &rings_;
    cells_->alive_ns = kNow;
  }

  fast_world& world() { return world_; }
  paxos_cells& cells() { return *cells_; }
  paxos_slot& slot(std::uint64_t rel) { return *world_slot(&world_, rel); }
  std::vector<paxos_doorbell>& rings() { return rings_; }

  // Header checks and decision, as the XDP program makes them.
  paxos_fast_counter deliver(Datagram& datagram) {
    world_.message = reinterpret_cast<const std::uint8_t*>(datagram.payload.data());
    world_.message_bytes = datagram.packet.payload_bytes;
    const paxos_header& header = datagram.header();
    const paxos_fast_counter out = check_header(&header, datagram.packet.payload_bytes);
    if (out != PAXOS_GO_ON) return out;
    return header.type == PAXOS_PREPARE ? accept_prepare(&world_, &datagram.packet, &header, &ack_)
                                        : count_prepare_ok(&world_, &datagram.packet, &header);
  }
  paxos_fast_counter deliver(Datagram&& datagram) { return deliver(datagram); }
  const paxos_header& ack() const { return ack_; }

 private:
  std::unique_ptr<paxos_cells> cells_ = std::make_unique<paxos_cells>();
  std::vector<paxos_slot> slots_;
  std::vector<paxos_doorbell> rings_;
  fast_world world_{};
  paxos_header ack_{};
};

#define EXPECT_OUT(wanted, got) EXPECT_STREQ(name_of(PAXOS_##wanted), name_of(got))

}  // namespace bmc::paxos::test

#endif

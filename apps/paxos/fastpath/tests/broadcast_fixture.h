// SPDX-License-Identifier: Apache-2.0
// The broadcast program in a network namespace of its own: an interface whose far end shows what left,
// neighbours, a group; single packets run through it (BPF_PROG_TEST_RUN). Used by the broadcast_*_test.cc.
#ifndef BMC_PAXOS_FASTPATH_TESTS_BROADCAST_FIXTURE_H
#define BMC_PAXOS_FASTPATH_TESTS_BROADCAST_FIXTURE_H

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/memcached-cache/tests/packet_builder.h"
#include "apps/paxos/fastpath/broadcast_program.h"

namespace bmc::paxos::fastpath {

using namespace bmc::test;  // the packet builder

inline constexpr std::uint32_t kGroup = 3;
inline constexpr std::uint16_t kReplicaPort = 7400;
inline constexpr std::uint16_t kToken = 0x1234;
inline constexpr Mac kOwnMac{2, 0, 0, 0, 1, 0};
inline constexpr Mac kGroupMac{1, 0, 0x5e, 0x70, 0, 0};
inline constexpr std::uint32_t kMark = 0xb5030000;  // of that group

// That means these recipients.
inline std::string group_ip(std::uint32_t recipients, bool v6) {
  char text[40];
  if (v6)
    std::snprintf(text, sizeof(text), "ff05::7078:%x", recipients);
  else
    std::snprintf(text, sizeof(text), "239.112.%u.%u", recipients >> 8, recipients & 0xff);
  return text;
}

inline void ip(const std::string& arguments) {
  if (std::system(("ip " + arguments).c_str()) != 0) throw std::runtime_error("ip " + arguments);
}

// Of recipient i: 10.97.0.(i + 10), fd97::(i + 10) and a MAC address that ends in i.
inline std::string peer_ip(unsigned i, bool v6) {
  return (v6 ? "fd97::" : "10.97.0.") + std::to_string(i + 10);
}
inline Mac peer_mac(unsigned i) { return {2, 0, 0, 0, 2, static_cast<std::uint8_t>(i)}; }
inline std::uint16_t peer_port(unsigned i) { return static_cast<std::uint16_t>(7500 + i); }

struct Outcome {
  std::uint32_t verdict;
  Bytes frame;         // as the program left it
  std::uint32_t mark;  // likewise
  std::vector<Bytes> copies;
  std::map<broadcast_counter, std::uint64_t> counted;
  std::optional<std::uint16_t> undelivered;  // of a report with the packet's token; none: there was none
};

using Counted = std::map<broadcast_counter, std::uint64_t>;

class BroadcastTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (unshare(CLONE_NEWNET) != 0) throw std::runtime_error("unshare (as root?)");
    ip("link set lo up");
    make_interface("out", "far");
    ip("addr add 10.97.0.1/24 dev out");
    ip("addr add fd97::1/64 dev out nodad");
    auto loaded = BroadcastProgram::load();
    if (!loaded) throw std::runtime_error(loaded.error().what);
    program_ = new BroadcastProgram(*std::move(loaded));
    set_forwarding(true);
  }

  static void TearDownTestSuite() {
    delete program_;
    ip("link del out");
  }

  // The far end hears everything and says nothing.
  static void make_interface(const std::string& near, const std::string& far) {
    ip("link add " + near + " type veth peer name " + far);
    ip("link set " + far + " up addrgenmode none arp off");
    ip("link set " + near + " up addrgenmode none address 02:00:00:00:01:00");
  }

  static void set_forwarding(bool on) {
    for (const char* family : {"ipv4", "ipv6"})
      std::ofstream("/proc/sys/net/" + std::string(family) + "/conf/lo/forwarding") << (on ? 1 : 0);
  }

  void SetUp() override {
    group_ = {};
    group_.version = BROADCAST_ABI_VERSION;
    group_.source_port_be = htons(kReplicaPort);
    write_group();
    listen_at("far");
  }

  void TearDown() override {
    close(far_);
    ip("neigh flush dev out nud all");
  }

  static BroadcastProgram& program() { return *program_; }

  void write_group(std::uint32_t slot = kGroup) {
    bpf_map_update_elem(program().groups(), &slot, &group_, BPF_ANY);
  }

  void listen_at(const std::string& interface) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    far_ = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(far_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
      throw std::runtime_error("packet socket at " + interface);
  }

  // An entry of the table, and a neighbour whose address is known.
  void add_peer(unsigned i, bool v6 = false, std::uint32_t seq = 2) {
    know_neighbour(i, v6);
    add_stranger(i, peer_ip(i, v6), seq);
  }

  static void know_neighbour(unsigned i, bool v6, const Mac& mac) {
    char text[18];
    std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                  mac[5]);
    ip("neigh replace " + peer_ip(i, v6) + " lladdr " + text + " dev out nud permanent");
  }
  static void know_neighbour(unsigned i, bool v6) { know_neighbour(i, v6, peer_mac(i)); }

  // An entry of the table alone.
  void add_stranger(unsigned i, const std::string& address, std::uint32_t seq = 2) {
    broadcast_peer& peer = group_.peer[i];
    // Never a seq that was there before: what was learned of an earlier test's peer is forgotten.
    peer.seq = seq == 0 ? 0 : (next_seq_ += 2) + (seq & 1);
    std::memcpy(peer.addr_be, address_bytes(address).data(), sizeof(peer.addr_be));
    peer.port_be = htons(peer_port(i));
    write_group();
  }

  static IPv4 ipv4() { return {.from = "10.97.0.1", .to = group_ip(3, false), .ttl = 1, .id = 0}; }
  static IPv6 ipv6() { return {.from = "fd97::1", .to = group_ip(3, true), .hop_limit = 1}; }
  static UDP udp() { return {.from = kReplicaPort, .to = kToken}; }
  static Ethernet ethernet() { return {.to = kGroupMac, .from = kOwnMac}; }

  // What recipient i shall receive.
  static Bytes copy(unsigned i, const std::string& payload, bool v6 = false) {
    const Ethernet outer{.to = peer_mac(i), .from = kOwnMac};
    const UDP inner{.from = kReplicaPort, .to = peer_port(i)};
    if (v6) {
      auto to = ipv6();
      to.to = peer_ip(i, true), to.hop_limit = 64;
      return test::frame(outer / to / inner / Text{payload});
    }
    auto to = ipv4();
    to.to = peer_ip(i, false), to.ttl = 64;
    return test::frame(outer / to / inner / Text{payload});
  }
  static Bytes asking(const std::string& payload, std::uint32_t recipients, bool v6 = false) {
    auto to4 = ipv4();
    auto to6 = ipv6();
    to4.to = group_ip(recipients, false), to6.to = group_ip(recipients, true);
    return v6 ? test::frame(ethernet() / to6 / udp() / Text{payload})
              : test::frame(ethernet() / to4 / udp() / Text{payload});
  }

  // `heard`: how many copies the far end is to hear; unset: all but the last.
  Outcome run(const Bytes& packet, std::uint32_t mark, std::uint32_t gso_size = 0,
              std::optional<std::size_t> heard = {}) {
    Counted before = counters();
    const std::uint64_t reported = report(mark >> 16 & 0xff);
    Outcome outcome{0, Bytes(packet.size() + 64), 0, {}, {}, {}};
    __sk_buff context{}, after{};
    context.mark = mark;
    context.gso_size = gso_size;
    context.ifindex = if_nametoindex("out");
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_out = outcome.frame.data(),
                .data_size_in = static_cast<std::uint32_t>(packet.size()),
                .data_size_out = static_cast<std::uint32_t>(outcome.frame.size()), .ctx_in = &context,
                .ctx_out = &after, .ctx_size_in = sizeof context, .ctx_size_out = sizeof after, .repeat = 1);
    if (const int error = bpf_prog_test_run_opts(program().program(), &options); error != 0)
      throw std::runtime_error(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(-error));
    outcome.verdict = options.retval;
    outcome.frame.resize(options.data_size_out);
    outcome.mark = after.mark;
    outcome.counted = counters();
    for (const auto& [counter, value] : before)
      if ((outcome.counted[counter] -= value) == 0) outcome.counted.erase(counter);
    const std::uint64_t sent = outcome.counted[BROADCAST_COPY_SENT];
    if (sent == 0) outcome.counted.erase(BROADCAST_COPY_SENT);
    outcome.copies = receive(heard.value_or(sent > 0 ? sent - 1 : 0));
    const std::uint64_t word = report(mark >> 16 & 0xff);
    if (word != reported && broadcast_report_token(word) == kToken)
      outcome.undelivered = broadcast_report_undelivered(word);
    return outcome;
  }

  std::uint64_t report(std::uint32_t slot) {
    broadcast_report report{};
    bpf_map_lookup_elem(program().reports(), &slot, &report);
    return report.word;
  }

  static void expect_untouched(const Outcome& outcome, const Bytes& packet, std::uint32_t mark) {
    EXPECT_EQ(outcome.verdict, static_cast<std::uint32_t>(TC_ACT_UNSPEC));
    EXPECT_EQ(outcome.frame, packet);
    EXPECT_EQ(outcome.mark, mark);
    EXPECT_TRUE(outcome.copies.empty());
    EXPECT_FALSE(outcome.undelivered.has_value());
  }

  // IPv6 itself speaks on a new interface: router solicitations and multicast reports.
  static bool is_of_the_kernel(const Bytes& frame) {
    return frame.size() > 20 && frame[12] == 0x86 && frame[13] == 0xdd && (frame[20] == 58 || frame[20] == 0);
  }

  // What has come to the far end: `wanted` frames, and what more is there.
  std::vector<Bytes> receive(std::size_t wanted) {
    std::vector<Bytes> frames;
    for (;;) {
      pollfd entry{far_, POLLIN, 0};
      if (poll(&entry, 1, frames.size() < wanted ? 2000 : 0) <= 0) return frames;
      Bytes frame(70000);
      const auto bytes = recv(far_, frame.data(), frame.size(), 0);
      frame.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
      if (!frame.empty() && !is_of_the_kernel(frame)) frames.push_back(std::move(frame));
    }
  }

  static Counted counters() {
    Counted all;
    for (std::uint32_t i = 0; i < BROADCAST_COUNTER_COUNT; ++i)
      if (const auto value = program().counter(static_cast<broadcast_counter>(i)); value != 0)
        all[static_cast<broadcast_counter>(i)] = value;
    return all;
  }

  broadcast_group group_{};
  int far_ = -1;

 private:
  static inline BroadcastProgram* program_ = nullptr;
  static inline std::uint32_t next_seq_ = 0;
};

}  // namespace bmc::paxos::fastpath

#endif

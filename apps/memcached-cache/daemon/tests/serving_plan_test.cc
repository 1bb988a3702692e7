// SPDX-License-Identifier: Apache-2.0
// Which ports are watched and which addresses answered: for each way of starting memcached.
#include "apps/memcached-cache/daemon/serving_plan.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <cstring>

#include "apps/memcached-cache/abi/cache_hash.h"

namespace bmc::cache {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::make_address;

SocketInfo socket(Transport transport, const char* local, std::uint16_t port, std::uint64_t cookie) {
  SocketInfo info;
  info.transport = transport;
  info.state = transport == Transport::kTcp ? TCP_LISTEN : TCP_CLOSE;
  info.local = make_address(local);
  info.local_port = port;
  info.cookie = cookie;
  return info;
}

// A host with 10.0.0.1, fd00::1 and a memcached.
struct Host {
  ServerFacts facts;
  Endpoint reached = {make_address("127.0.0.1"), 11211};
  std::vector<address> wanted;
  std::vector<address> interfaces = {make_address("10.0.0.1"), make_address("fd00::1")};
  std::vector<SocketInfo> tcp;
  std::vector<SocketInfo> udp;

  // As after `memcached -U 11211` and a list of addresses.
  explicit Host(const std::vector<const char*>& listens) {
    facts.tcp_port = facts.udp_port = 11211;
    std::uint64_t cookie = 100;
    for (const char* one : listens) {
      const address at = make_address(one);
      facts.listens.push_back({at.is_unspecified() ? std::nullopt : std::optional(at), 0});
      tcp.push_back(socket(Transport::kTcp, one, 11211, cookie++));
      udp.push_back(socket(Transport::kUdp, one, 11211, cookie++));
    }
  }
  ServingPlan plan() const { return make_plan({facts, reached, wanted, interfaces, tcp, udp}); }
  std::string addresses() const {
    std::string text;
    for (const Endpoint& one : plan().addresses) text += to_string(one) + " ";
    return text;
  }
};

TEST(ServingPlan, EveryAddressOfTheInterfaces) {
  Host host({"0.0.0.0", "::"});
  const ServingPlan plan = host.plan();
  EXPECT_EQ(plan.refusal, "");
  EXPECT_EQ(plan.hint, "");
  EXPECT_EQ(plan.ports, std::vector<std::uint16_t>{11211});
  EXPECT_EQ(plan.sockets, (std::vector<std::uint64_t>{100, 101, 102, 103}));
  EXPECT_EQ(host.addresses(), "10.0.0.1:11211 [fd00::1]:11211 ");
  ASSERT_EQ(plan.barriers.size(), 2u);
  EXPECT_EQ(to_string(plan.barriers[0]), "127.0.0.1:11211");
  EXPECT_EQ(to_string(plan.barriers[1]), "[::1]:11211");
}

TEST(ServingPlan, OnlyWhereMemcachedListens) {
  Host host({"10.0.0.1", "127.0.0.1"});
  EXPECT_EQ(host.addresses(), "10.0.0.1:11211 ");
  EXPECT_EQ(host.plan().hint, "");
  Host elsewhere({"127.0.0.1"});
  EXPECT_EQ(elsewhere.addresses(), "");
  EXPECT_NE(elsewhere.plan().hint, "");
  EXPECT_EQ(elsewhere.plan().refusal, "");
}

TEST(ServingPlan, OnlyTheAddressesAsked) {
  Host host({"0.0.0.0", "::"});
  host.wanted = {make_address("10.0.0.1")};
  EXPECT_EQ(host.addresses(), "10.0.0.1:11211 ");
  host.wanted = {make_address("127.0.0.1")};  // only says how to reach it
  EXPECT_EQ(host.addresses(), "10.0.0.1:11211 [fd00::1]:11211 ");
  Host narrow({"127.0.0.1"});
  narrow.wanted = {make_address("10.0.0.1")};
  EXPECT_EQ(narrow.addresses(), "");
  EXPECT_NE(narrow.plan().hint.find("10.0.0.1"), std::string::npos);
}

TEST(ServingPlan, OtherPortsOfTheSameMemcachedAreWatchedToo) {
  Host host({"0.0.0.0"});
  host.facts.listens.push_back({make_address("127.0.0.2"), 22001});
  host.tcp.push_back(socket(Transport::kTcp, "127.0.0.2", 22001, 7));
  host.udp.push_back(socket(Transport::kUdp, "127.0.0.2", 22001, 8));
  EXPECT_EQ(candidate_ports(host.facts, host.reached), (std::vector<std::uint16_t>{11211, 22001}));
  EXPECT_EQ(host.plan().ports, (std::vector<std::uint16_t>{11211, 22001}));
  EXPECT_EQ(host.addresses(), "10.0.0.1:11211 ");
}

TEST(ServingPlan, PortsThatNoListenUsesAreNotLookedAt) {
  ServerFacts facts;
  facts.tcp_port = 11211;  // what -p would have been
  facts.listens = {{make_address("10.0.0.1"), 11300}};
  EXPECT_EQ(candidate_ports(facts, {make_address("10.0.0.1"), 11300}), std::vector<std::uint16_t>{11300});
}

TEST(ServingPlan, UdpOff) {
  Host host({"0.0.0.0", "::"});
  host.facts.udp_port = 0;
  host.udp.clear();
  const ServingPlan plan = host.plan();
  EXPECT_EQ(plan.refusal, "");
  EXPECT_NE(plan.hint.find("-U 11211"), std::string::npos);
  EXPECT_TRUE(plan.ports.empty());
  EXPECT_TRUE(plan.addresses.empty());
}

TEST(ServingPlan, StrangersOnThePort) {
  Host other_memcached({"10.0.0.1"});
  other_memcached.reached.address = make_address("10.0.0.1");
  EXPECT_EQ(other_memcached.plan().refusal, "");
  other_memcached.tcp.push_back(socket(Transport::kTcp, "10.0.0.2", 11211, 9));
  EXPECT_NE(other_memcached.plan().refusal.find("10.0.0.2:11211"), std::string::npos);
  EXPECT_TRUE(other_memcached.plan().ports.empty());

  Host some_udp_program({"0.0.0.0"});
  some_udp_program.udp.push_back(socket(Transport::kUdp, "10.0.0.1", 11211, 9));
  EXPECT_NE(some_udp_program.plan().refusal, "");
}

TEST(ServingPlan, NotOnThisHost) {
  Host host({"0.0.0.0"});
  host.tcp.clear();
  host.udp.clear();
  host.reached.address = make_address("192.0.2.9");
  EXPECT_NE(host.plan().refusal.find("namespace"), std::string::npos);
}

TEST(ServingPlan, RefusedServersAreNotWatched) {
  Host host({"0.0.0.0"});
  host.facts.tls = true;
  EXPECT_NE(host.plan().refusal, "");
  EXPECT_TRUE(host.plan().ports.empty());
}

TEST(AddressTable, EveryAddressIsFoundAtItsSlot) {
  std::vector<PlacedAddress> addresses;
  for (unsigned i = 0; i < kServedAddressesMax + 3; i++) {
    const std::string text = i % 2 ? "10.0.0." + std::to_string(i) : "fd00::" + std::to_string(i);
    addresses.push_back({{make_address(text), 11211}, static_cast<std::uint8_t>(i % 8)});
  }
  const AddressTable table = place_addresses(addresses);
  std::size_t used = 0;
  for (const served_address& slot : table.slot) used += slot.used;
  EXPECT_EQ(used, kServedAddressesMax);
  for (std::size_t i = 0; i < kServedAddressesMax; i++) {
    std::uint32_t words[4];
    to_words(addresses[i].endpoint.address, words);
    const served_address& slot =
        table.slot[cache_address_slot(words, htons(11211), table.seed, CACHE_ADDRESSES_MAX)];
    EXPECT_EQ(slot.used, 1);
    EXPECT_EQ(slot.server, addresses[i].server);
    EXPECT_EQ(slot.port_be, htons(11211));
    EXPECT_EQ(std::memcmp(slot.addr_be, words, sizeof words), 0);
  }
}

TEST(AddressTable, Ipv4IsMapped) {
  std::uint32_t words[4];
  to_words(make_address("10.1.2.3"), words);
  EXPECT_EQ(words[0], 0u);
  EXPECT_EQ(words[1], 0u);
  EXPECT_EQ(words[2], htonl(0xffff));
  EXPECT_EQ(words[3], htonl(0x0a010203));
}

}  // namespace
}  // namespace bmc::cache

// SPDX-License-Identifier: Apache-2.0
// The maps behind the join socket: what outlives a process, and bmcd; what is frozen when; who gets a group.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include "apps/paxos/host/broadcast_table.h"
#include "apps/paxos/host/group_maps.h"
#include "apps/paxos/host/members.h"
#include "apps/paxos/host/programs.h"
#include "apps/paxos/host/tests/join_client.h"
#include "control-plane/bpf_object.h"
#include "control-plane/tests/network.h"

namespace bmc::paxos::host {
namespace {

using test::address_of;
using test::request_of;

const paxos_address kOne = address_of("10.0.0.1", 7400), kTwo = address_of("fd00::1", 7400);

bool nobody(const paxos_address&) { return false; }

// One bmcd, without interfaces and socket.
struct Life {
  explicit Life(const std::string& directory, std::uint32_t abi = 1, uid_t allowed = 0)
      : allow{{allowed, 1, 65535}},
        root(Pins::open(directory, 1)),
        pins(root->open_below("paxos", abi)),
        programs(*pins, config) {
    Result<void> done = programs.load();
    if (done) maps.emplace(*pins, programs.groups(), programs.doorbells());
    if (done) done = maps->start(programs.adopted(), allow);
    if (!done) throw std::runtime_error(done.error().what);
    broadcasts = BroadcastTable(*programs.broadcast_groups());
    groups = *programs.broadcast_groups();
  }

  GroupMap& map(const paxos_address& address, uid_t uid = 0) {
    auto found = maps->find_or_make(address, uid, nobody);
    if (!found) throw std::runtime_error(found.error().what);
    return **found;
  }
  // Of what the programs find there; 0: nothing.
  std::uint32_t found_id(const paxos_address& address) {
    std::uint32_t id = 0;
    return bpf_map_lookup_elem(programs.groups(), &address, &id) == 0 ? id : 0;
  }

  std::vector<PortGrant> allow;
  Config config;
  Result<Pins> root, pins;
  Programs programs;
  std::optional<GroupMaps> maps;
  BroadcastTable broadcasts;
  MappedArray<broadcast_group> groups;
};

class PaxosMapsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { route_bpf_messages_to_log(); }
  bmc::test::PinDirectory directory_;
};

TEST_F(PaxosMapsTest, AReplicasMemoryOutlivesBmcdAndIsFrozenByTheNext) {
  std::uint32_t id = 0, bell = 0;
  {
    Life first(directory_.path());
    GroupMap& map = first.map(kOne);
    id = *map_id(map.group.get());
    bell = *map_id(map.doorbell.get());
    EXPECT_EQ(first.found_id(kOne), id);
    map.cells().gate = PAXOS_ARMED | PAXOS_POSITION(7ull, 3ull);
    map.cells().leader_gate = PAXOS_ARMED | PAXOS_POSITION(8ull, 0ull);
    map.memory[0].slot[5].tag = 4711;
    first.map(kTwo);
  }
  Life second(directory_.path());
  EXPECT_TRUE(second.programs.adopted());
  EXPECT_EQ(second.maps->all().size(), 2u);
  EXPECT_EQ(second.maps->all().at(kOne).cells().gate, PAXOS_POSITION(7ull, 3ull));
  EXPECT_EQ(second.maps->all().at(kOne).cells().leader_gate, PAXOS_POSITION(8ull, 0ull));
  GroupMap& map = second.map(kOne);
  EXPECT_EQ(*map_id(map.group.get()), id);
  EXPECT_EQ(*map_id(map.doorbell.get()), bell);
  EXPECT_EQ(second.found_id(kOne), id);
  EXPECT_EQ(map.memory[0].slot[5].tag, 4711u);
}

TEST_F(PaxosMapsTest, OfAnotherVersionNothingIsFoundAnyMore) {
  std::uint32_t id = 0;
  Fd old_groups, old_control;
  {
    Life first(directory_.path());
    id = *map_id(first.map(kOne).group.get());
    first.programs.set_offloads(PAXOS_OFFLOAD_ACK);
    old_groups = *first.pins->open_map("paxos_groups");
    old_control = *first.pins->open_map("paxos_control");
  }
  Life second(directory_.path(), 2);
  EXPECT_FALSE(second.programs.adopted());
  EXPECT_TRUE(second.maps->all().empty());
  std::uint32_t found = 0;
  const std::uint32_t zero = 0;
  EXPECT_NE(bpf_map_lookup_elem(old_groups.get(), &kOne, &found), 0) << "programs of the first bmcd find it";
  paxos_control control = {1, 1};
  ASSERT_EQ(bpf_map_lookup_elem(old_control.get(), &zero, &control), 0);
  EXPECT_EQ(control.abi_version, 0u);
  EXPECT_EQ(control.offloads, 0u);
  EXPECT_NE(*map_id(second.map(kOne).group.get()), id);
}

TEST_F(PaxosMapsTest, AKillBetweenPinAndEntryIsMended) {
  std::uint32_t id = 0;
  {
    Life first(directory_.path());
    id = *map_id(first.map(kOne).group.get());
    first.map(kTwo);
    ASSERT_EQ(bpf_map_delete_elem(first.programs.groups(), &kOne), 0);
    ASSERT_EQ(::unlink(first.pins->path("groups/" + pin_name(kTwo) + "_0").c_str()), 0);
  }
  Life second(directory_.path());
  EXPECT_EQ(second.found_id(kOne), id);
  EXPECT_EQ(second.found_id(kTwo), 0u) << "nobody could freeze it";
  second.map(kTwo);
  EXPECT_NE(second.found_id(kTwo), 0u);
}

TEST_F(PaxosMapsTest, NobodyGetsTheMemoryThatAnotherUserMayHaveMapped) {
  std::uint32_t id = 0;
  {
    Life first(directory_.path());
    id = *map_id(first.map(kOne).group.get());
    const std::uint32_t others = *map_id(first.map(kOne, 1000).group.get());
    EXPECT_NE(others, id);
    EXPECT_EQ(first.found_id(kOne), others);
    EXPECT_EQ(names_in(first.pins->path("groups")), std::vector<std::string>{pin_name(kOne) + "_1000"});
    id = *map_id(first.map(kOne).group.get());
  }
  {
    Life second(directory_.path());
    EXPECT_EQ(*map_id(second.map(kOne).group.get()), id);
  }
  Life third(directory_.path(), 1, 1000);
  EXPECT_TRUE(third.programs.adopted());
  EXPECT_EQ(third.found_id(kOne), 0u) << "its user may not have the port any more";
  EXPECT_TRUE(names_in(third.pins->path("groups")).empty());
}

TEST_F(PaxosMapsTest, WithoutRoomTheOneLongestUnusedGoes) {
  Life life(directory_.path());
  const auto numbered = [](std::uint16_t i) {
    return address_of("10.0.0.1", static_cast<std::uint16_t>(1000 + i));
  };
  for (std::uint16_t i = 0; i < PAXOS_ADDRESSES_MAX; i++) life.map(numbered(i));
  const auto first_is_used = [&](const paxos_address& each) { return same(each, numbered(0)); };
  ASSERT_TRUE(life.maps->find_or_make(kOne, 0, first_is_used));
  EXPECT_EQ(life.maps->all().size(), std::size_t{PAXOS_ADDRESSES_MAX});
  EXPECT_NE(life.found_id(numbered(0)), 0u);
  EXPECT_EQ(life.found_id(numbered(1)), 0u);
  EXPECT_EQ(names_in(life.pins->path("groups")).size(), std::size_t{PAXOS_ADDRESSES_MAX});
  const auto full = life.maps->find_or_make(kTwo, 0, [](const paxos_address&) { return true; });
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ENOSPC);
}

TEST_F(PaxosMapsTest, ABroadcastGroupIsWrittenWholeAndUsedAgainLast) {
  Life life(directory_.path());
  const paxos_address replicas[] = {kOne, kTwo};
  ASSERT_EQ(life.broadcasts.allot(), 0u);
  life.broadcasts.write(0, replicas, kOne.port_be);
  const broadcast_group& group = life.groups[0];
  EXPECT_EQ(group.version, 0u) << "not before it is enabled";
  EXPECT_EQ(group.source_port_be, kOne.port_be);
  for (int i : {0, 1}) {
    EXPECT_EQ(std::memcmp(group.peer[i].addr_be, replicas[i].addr_be, 16), 0);
    EXPECT_EQ(group.peer[i].port_be, replicas[i].port_be);
    EXPECT_EQ(group.peer[i].seq % 2, 0u);
    EXPECT_NE(group.peer[i].seq, 0u);
  }
  EXPECT_EQ(group.peer[2].seq % 2, 1u);
  life.broadcasts.enable(0, true);
  EXPECT_EQ(group.version, BROADCAST_ABI_VERSION);
  const std::uint32_t before = group.peer[0].seq;
  life.broadcasts.release(0);
  EXPECT_EQ(group.version, 0u);
  for (std::uint32_t i = 1; i < BROADCAST_GROUPS_MAX; i++) EXPECT_EQ(life.broadcasts.allot(), i);
  EXPECT_EQ(life.broadcasts.allot(), 0u);
  EXPECT_FALSE(life.broadcasts.allot());
  life.broadcasts.write(0, replicas, kOne.port_be);
  EXPECT_GT(group.peer[0].seq, before) << "routes that were learned would stay";
}

class PaxosMembersTest : public PaxosMapsTest {
 protected:
  PaxosMembersTest()
      : life_(directory_.path()),
        members_(*life_.maps, life_.broadcasts, life_.programs.broadcast_reports(),
                 [](const paxos_address&) { return "something is missing"; }) {
    members_.set_switches(PAXOS_OFFLOADS_ALL, tell_);
  }

  Result<Grant> join(const paxos_address& address, std::uint32_t wanted = PAXOS_OFFLOADS_ALL) {
    return members_.join(
        {{4711, 0, 0}, request_of({address, address_of("10.0.0.9", 1)}, 0, wanted), udp_.get()});
  }
  std::uint32_t mark() const {
    std::uint32_t value = 0;
    socklen_t bytes = sizeof value;
    ::getsockopt(udp_.get(), SOL_SOCKET, SO_MARK, &value, &bytes);
    return value;
  }

  Life life_;
  Members members_;
  std::vector<std::pair<std::uint16_t, std::uint32_t>> told_;
  std::function<void(const paxos_address&, std::uint32_t)> tell_ =
      [this](const auto& address, std::uint32_t now) { told_.emplace_back(ntohs(address.port_be), now); };
  std::uint16_t port_ = 0;
  Fd udp_ = test::udp_socket("127.0.0.1", port_);
};

TEST_F(PaxosMembersTest, OneProcessAtAnAddressAndItsMapIsFrozenAtBothEnds) {
  life_.map(kOne).cells().gate = PAXOS_ARMED | 5;
  const auto grant = join(kOne);
  ASSERT_TRUE(grant) << grant.error().what;
  GroupMap& map = life_.map(kOne);
  EXPECT_EQ(map.cells().gate, 5u);
  EXPECT_EQ(grant->descriptors,
            (std::vector<int>{map.group.get(), map.doorbell.get(), life_.programs.broadcast_reports()}));
  EXPECT_EQ(grant->reply.offloads, PAXOS_OFFLOADS_ALL);
  EXPECT_EQ(grant->reply.broadcast_group, 0u);
  EXPECT_STREQ(grant->reply.text, "something is missing");
  EXPECT_EQ(mark(), broadcast_mark(0));
  EXPECT_EQ(life_.groups[0].version, BROADCAST_ABI_VERSION);
  const auto second = join(kOne);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EBUSY);
  EXPECT_NE(second.error().what.find("pid 4711"), std::string::npos) << second.error().what;
  map.cells().gate = PAXOS_ARMED | 6;
  map.cells().leader_gate = PAXOS_ARMED | 7;
  members_.leave(kOne);
  EXPECT_EQ(map.cells().gate, 6u);
  EXPECT_EQ(map.cells().leader_gate, 7u);
  EXPECT_EQ(life_.groups[0].version, 0u);
  EXPECT_TRUE(join(kOne));
}

TEST_F(PaxosMembersTest, SwitchesReachThoseWhomTheyConcern) {
  ASSERT_TRUE(join(address_of("10.0.0.1", 1), PAXOS_OFFLOAD_ACK));
  ASSERT_TRUE(join(address_of("10.0.0.1", 2), PAXOS_OFFLOAD_BROADCAST | PAXOS_OFFLOAD_QUORUM));
  members_.set_switches(PAXOS_OFFLOAD_QUORUM | PAXOS_OFFLOAD_ACK, tell_);
  EXPECT_EQ(told_, (std::vector<std::pair<std::uint16_t, std::uint32_t>>{{2, PAXOS_OFFLOAD_QUORUM}}));
  EXPECT_EQ(life_.groups[0].version, 0u);
  told_.clear();
  members_.set_switches(PAXOS_OFFLOAD_QUORUM | PAXOS_OFFLOAD_ACK, tell_);
  EXPECT_TRUE(told_.empty());
  members_.set_switches(PAXOS_OFFLOAD_BROADCAST, tell_);
  EXPECT_EQ(told_,
            (std::vector<std::pair<std::uint16_t, std::uint32_t>>{{1, 0}, {2, PAXOS_OFFLOAD_BROADCAST}}));
  EXPECT_EQ(life_.groups[0].version, BROADCAST_ABI_VERSION);
}

TEST_F(PaxosMembersTest, WithoutABroadcastGroupTheRestIsGranted) {
  for (std::uint16_t i = 1; i <= BROADCAST_GROUPS_MAX; i++) ASSERT_TRUE(join(address_of("10.0.0.1", i)));
  const auto grant = join(kOne);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->reply.broadcast_group, PAXOS_JOIN_NO_GROUP);
  EXPECT_EQ(grant->reply.offloads, PAXOS_OFFLOAD_ACK | PAXOS_OFFLOAD_QUORUM);
  EXPECT_EQ(grant->descriptors.size(), 2u);
  EXPECT_NE(std::string(grant->reply.text).find("broadcast groups"), std::string::npos);
  members_.leave(kOne);
  const auto without = join(kOne, PAXOS_OFFLOAD_ACK);
  ASSERT_TRUE(without);
  EXPECT_EQ(without->descriptors.size(), 2u) << "it does not want any";
}

}  // namespace
}  // namespace bmc::paxos::host

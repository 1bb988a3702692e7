// SPDX-License-Identifier: Apache-2.0
// The switch between replicas: who hears whom, and that cuts go one way. Run by ctest, label netns.
#include "netns-tests/paxos/cluster/mesh.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "netns-tests/lib/lab_error.h"

namespace bmc::cluster {
namespace {

using lab::Deadline;

constexpr std::uint16_t kPort = 7400;
constexpr std::size_t kReplicas = 3;

enum class Switch { kFaulty, kBridge, kXdp };

// A UDP socket at each member, the clients last.
class MeshTest : public testing::TestWithParam<Switch> {
 protected:
  MeshTest()
      : mesh_(kReplicas, GetParam() == Switch::kFaulty ? std::optional<std::uint64_t>(1) : std::nullopt,
              GetParam() == Switch::kXdp) {
    for (std::size_t i = 0; i <= kReplicas; ++i) {
      const lab::ScopedNetns inside(i < kReplicas ? mesh_.replica(i) : mesh_.clients());
      sockets_.emplace_back(lab::checked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
      socklen_t length = 0;
      const auto own = to_sockaddr(mesh_.address(i, kPort), length);
      lab::checked(bind(sockets_[i].get(), reinterpret_cast<const sockaddr*>(&own), length), "bind");
    }
  }

  void say(std::size_t from, std::size_t to, char word) {
    socklen_t length = 0;
    const auto address = to_sockaddr(mesh_.address(to, kPort), length);
    lab::checked(
        sendto(sockets_[from].get(), &word, 1, 0, reinterpret_cast<const sockaddr*>(&address), length),
        "send");
  }
  // The next word that arrives at `to`.
  char hear(std::size_t to) {
    char word = 0;
    if (lab::wait_fd(sockets_[to].get(), POLLIN, Deadline::in_ms(5000)))
      recv(sockets_[to].get(), &word, 1, 0);
    return word;
  }

  Mesh mesh_;
  std::vector<lab::Fd> sockets_;
};

TEST_P(MeshTest, EveryoneHearsEveryone) {
  for (std::size_t from = 0; from <= kReplicas; ++from)
    for (std::size_t to = 0; to <= kReplicas; ++to) {
      if (from == to) continue;
      const char word = static_cast<char>('a' + from);
      say(from, to, word);
      EXPECT_EQ(hear(to), word) << from << " to " << to;
    }
}

TEST_P(MeshTest, AnAddressThatChangesIsStillHeard) {
  mesh_.change_mac(1, 7);
  say(0, 1, 'm');
  EXPECT_EQ(hear(1), 'm');
  say(1, 0, 'n');
  EXPECT_EQ(hear(0), 'n');
}

INSTANTIATE_TEST_SUITE_P(Switches, MeshTest, testing::Values(Switch::kFaulty, Switch::kBridge, Switch::kXdp),
                         [](const auto& kind) {
                           return kind.param == Switch::kFaulty   ? "FaultSwitch"
                                  : kind.param == Switch::kBridge ? "Bridge"
                                                                  : "XdpSwitch";
                         });

using FaultyMeshTest = MeshTest;
INSTANTIATE_TEST_SUITE_P(Switches, FaultyMeshTest, testing::Values(Switch::kFaulty));

TEST_P(FaultyMeshTest, ACutGoesOneWayAndHeals) {
  mesh_.fault_switch().set_blocked(0, 1, true);
  say(0, 1, 'x');
  say(2, 1, 'y');
  EXPECT_EQ(hear(1), 'y') << "the words of others still arrive, that of 0 does not";
  say(1, 0, 'z');
  EXPECT_EQ(hear(0), 'z') << "the way back is open";
  mesh_.fault_switch().set_blocked(0, 1, false);
  say(0, 1, 'w');
  EXPECT_EQ(hear(1), 'w');
  EXPECT_EQ(mesh_.fault_switch().counts(0).blocked, 1u);
}

TEST_P(FaultyMeshTest, FaultsAreOfThePortWherePacketsComeIn) {
  mesh_.fault_switch().set_faults(0, {.drop = 1});
  say(0, 1, 'x');
  say(2, 1, 'y');
  EXPECT_EQ(hear(1), 'y');
  ASSERT_TRUE(mesh_.fault_switch().wait_drained(Deadline::in_ms(1000)));
  EXPECT_EQ(mesh_.fault_switch().counts(0).dropped, 1u);
  EXPECT_EQ(mesh_.fault_switch().counts(2).dropped, 0u);
}

}  // namespace
}  // namespace bmc::cluster

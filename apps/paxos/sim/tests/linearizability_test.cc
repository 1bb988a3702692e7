// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/linearizability.h"

#include <gtest/gtest.h>

#include <string>

#include "apps/paxos/sim/random.h"

namespace bmc::paxos {
namespace {

using Register = RegisterModel<std::uint64_t>;
using Operation = HistoryOperation<Register>;

Operation write(std::uint64_t value, std::uint64_t invoked, std::uint64_t returned) {
  return {{Register::Verb::kWrite, value, 0}, Register::Output{}, invoked, returned};
}
Operation lost_write(std::uint64_t value, std::uint64_t invoked) {
  return {{Register::Verb::kWrite, value, 0}, std::nullopt, invoked, 0};
}
Operation read(std::uint64_t value, std::uint64_t invoked, std::uint64_t returned) {
  return {{Register::Verb::kRead, 0, 0}, Register::Output{value, true}, invoked, returned};
}
Operation swap(std::uint64_t expected, std::uint64_t value, bool done, std::uint64_t invoked,
               std::uint64_t returned) {
  return {{Register::Verb::kCompareAndSwap, value, expected}, Register::Output{0, done}, invoked, returned};
}

TEST(LinearizabilityTest, AnEmptyHistoryIsRight) {
  EXPECT_EQ(check_linearizable<Register>({}), Linearizability::kYes);
}

TEST(LinearizabilityTest, AReadAfterAWriteSeesIt) {
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 1), read(1, 2, 3)}), Linearizability::kYes);
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 1), read(0, 2, 3)}), Linearizability::kNo);
}

TEST(LinearizabilityTest, AReadThatOverlapsAWriteMayOrMayNotSeeIt) {
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 4), read(1, 2, 3)}), Linearizability::kYes);
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 4), read(0, 2, 3)}), Linearizability::kYes);
}

TEST(LinearizabilityTest, TwoReadsDoNotSeeAWriteComeAndGo) {
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 9), read(0, 2, 3), read(1, 4, 5)}),
            Linearizability::kYes);
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 9), read(1, 2, 3), read(0, 4, 5)}),
            Linearizability::kNo);
}

TEST(LinearizabilityTest, AWriteOfUnknownOutcomeMayHappenAtAnyTimeOrNever) {
  EXPECT_EQ(check_linearizable<Register>({lost_write(1, 0), read(0, 2, 3)}), Linearizability::kYes);
  EXPECT_EQ(check_linearizable<Register>({lost_write(1, 0), read(0, 2, 3), read(1, 4, 5)}),
            Linearizability::kYes);
  EXPECT_EQ(check_linearizable<Register>({lost_write(1, 0), read(1, 2, 3), read(0, 4, 5)}),
            Linearizability::kNo);
  EXPECT_EQ(check_linearizable<Register>({read(1, 2, 3), lost_write(1, 4)}), Linearizability::kNo)
      << "it had not been asked for";
}

TEST(LinearizabilityTest, ACompareAndSwapIsHeldAgainstTheValue) {
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 1), swap(1, 2, true, 2, 3), read(2, 4, 5)}),
            Linearizability::kYes);
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 1), swap(3, 2, true, 2, 3)}), Linearizability::kNo);
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 1), swap(1, 2, false, 2, 3)}), Linearizability::kNo);
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 1), swap(1, 2, true, 2, 5), swap(1, 3, true, 2, 5)}),
            Linearizability::kNo)
      << "only one of two may win";
}

TEST(LinearizabilityTest, ASearchThatIsTooLongIsGivenUp) {
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 1), read(1, 2, 3)}, 1), Linearizability::kUnknown);
}

TEST(LinearizabilityTest, ListsAreReadAsAWhole) {
  using List = ListModel<std::string>;
  using Step = HistoryOperation<List>;
  const auto append = [](const char* element, std::uint64_t at) {
    return Step{{element}, List::Output{}, at, at + 1};
  };
  const auto look = [](std::vector<std::string> list, std::uint64_t at) {
    return Step{{std::nullopt}, List::Output{std::move(list)}, at, at + 1};
  };
  EXPECT_EQ(check_linearizable<List>({append("a", 0), append("b", 2), look({"a", "b"}, 4)}),
            Linearizability::kYes);
  EXPECT_EQ(check_linearizable<List>({append("a", 0), append("b", 2), look({"b", "a"}, 4)}),
            Linearizability::kNo);
  EXPECT_EQ(check_linearizable<List>({append("a", 0), append("b", 2), look({"a"}, 4)}), Linearizability::kNo);
}

// Histories of a real register, with clients that overlap: always right; with one answer changed to a value
// that was never there: always wrong.
TEST(LinearizabilityTest, HistoriesOfARealRegisterAreRightAndChangedOnesAreNot) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    sim::Random random(seed);
    std::vector<Operation> history;
    std::uint64_t value = 0;
    for (std::uint64_t step = 1; step <= 40; ++step) {
      const std::uint64_t instant = step * 10;  // it takes effect here
      const std::uint64_t invoked = instant - random.below(35) % instant;
      const std::uint64_t returned = instant + random.below(35);
      if (random.chance(0.5)) {
        value = step;
        history.push_back(random.chance(0.2) ? lost_write(value, invoked) : write(value, invoked, returned));
      } else {
        history.push_back(read(value, invoked, returned));
      }
    }
    EXPECT_EQ(check_linearizable<Register>(history), Linearizability::kYes) << "seed " << seed;
    history.push_back(read(1000, 500, 501));
    EXPECT_EQ(check_linearizable<Register>(history), Linearizability::kNo) << "seed " << seed;
  }
}

}  // namespace
}  // namespace bmc::paxos

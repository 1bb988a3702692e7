// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/linearizability.h"

#include <gtest/gtest.h>

#include <string>

#include "apps/paxos/sim/random.h"
#include "apps/paxos/sim/register_model.h"

namespace bmc::paxos {
namespace {

using Register = RegisterModel<std::uint64_t>;
using Operation = Register::Operation;

Operation write(std::uint64_t value, std::int64_t invoked, std::int64_t returned) {
  return {Register::Verb::kWrite, value, 0, Register::Output{}, invoked, returned};
}
Operation lost_write(std::uint64_t value, std::int64_t invoked) {
  return {Register::Verb::kWrite, value, 0, std::nullopt, invoked, 0};
}
Operation read(std::uint64_t value, std::int64_t invoked, std::int64_t returned) {
  return {Register::Verb::kRead, 0, 0, Register::Output{value, true}, invoked, returned};
}
Operation swap(std::uint64_t expected, std::uint64_t value, bool done, std::int64_t invoked,
               std::int64_t returned) {
  return {Register::Verb::kCompareAndSwap, value, expected, Register::Output{0, done}, invoked, returned};
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
  EXPECT_EQ(check_linearizable<Register>({write(1, 0, 1), read(1, 2, 3)}, 1), Linearizability::kUndecided);
}

// A list to which elements are appended and that is read as a whole; as text, a space behind each element.
struct ListModel {
  struct Operation {
    std::string text;
    bool appends = false;
    std::int64_t invoked = 0;

    friend Lifespan lifespan_of(const Operation& operation) {
      return {operation.invoked, operation.invoked + 1};
    }
  };
  using State = std::string;

  State initial() const { return {}; }
  std::optional<State> step(const State& state, const Operation& operation) const {
    if (operation.appends) return state + operation.text + " ";
    return operation.text == state ? std::optional(state) : std::nullopt;
  }
};

TEST(LinearizabilityTest, ListsAreReadAsAWhole) {
  const auto append = [](const char* element, std::int64_t at) {
    return ListModel::Operation{element, true, at};
  };
  const auto look = [](const char* list, std::int64_t at) { return ListModel::Operation{list, false, at}; };
  EXPECT_EQ(check_linearizable<ListModel>({append("a", 0), append("b", 2), look("a b ", 4)}),
            Linearizability::kYes);
  EXPECT_EQ(check_linearizable<ListModel>({append("a", 0), append("b", 2), look("b a ", 4)}),
            Linearizability::kNo);
  EXPECT_EQ(check_linearizable<ListModel>({append("a", 0), append("b", 2), look("a ", 4)}),
            Linearizability::kNo);
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
      const auto invoked = static_cast<std::int64_t>(instant - random.below(35) % instant);
      const auto returned = static_cast<std::int64_t>(instant + random.below(35));
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

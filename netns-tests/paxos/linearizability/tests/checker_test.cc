// SPDX-License-Identifier: Apache-2.0
// Histories that are linearizable, each beside its twin that is not.
#include "netns-tests/paxos/linearizability/checker.h"

#include <gtest/gtest.h>

#include "netns-tests/paxos/linearizability/history_file.h"
#include "netns-tests/paxos/linearizability/tests/history_builder.h"

namespace bmc::linearizability {
namespace {

void expect_yes(const History& history) {
  const Finding finding = check(history);
  EXPECT_TRUE(finding.linearizable()) << finding.wrong.front().explanation;
}

void expect_no(const History& history) {
  const Finding finding = check(history);
  ASSERT_FALSE(finding.linearizable());
  EXPECT_EQ(finding.wrong.front().verdict, Linearizability::kNo);
}

TEST(Linearizability, NothingIsLinearizable) { expect_yes({}); }

TEST(Linearizability, AReadSeesTheWriteBeforeIt) {
  expect_yes({set(1, 2, "a"), get(3, 4, "a")});
  expect_no({set(1, 2, "a"), get(3, 4, "b")});
  expect_no({set(1, 2, "a"), get(3, 4, std::nullopt)});
}

TEST(Linearizability, AnEmptyKeyHasNoValue) {
  expect_yes({get(1, 2, std::nullopt)});
  expect_no({get(1, 2, "a")});
}

TEST(Linearizability, AConcurrentReadSeesOldOrNew) {
  expect_yes({set(1, 2, "a"), set(3, 10, "b"), get(4, 5, "a")});
  expect_yes({set(1, 2, "a"), set(3, 10, "b"), get(4, 5, "b")});
  expect_no({set(1, 2, "a"), set(3, 10, "b"), get(11, 12, "a")});
}

TEST(Linearizability, TimeDoesNotRunBackBetweenReads) {
  expect_yes({set(1, 2, "a"), set(3, 20, "b"), get(4, 5, "a"), get(6, 7, "b")});
  expect_no({set(1, 2, "a"), set(3, 20, "b"), get(4, 5, "b"), get(6, 7, "a")});
}

TEST(Linearizability, OperationsThatTouchInTimeAreConcurrent) {
  expect_yes({set(1, 5, "a"), get(5, 6, std::nullopt)});
  expect_no({set(1, 5, "a"), get(6, 7, std::nullopt)});
}

TEST(Linearizability, CasNeedsWhatItExpects) {
  expect_yes({set(1, 2, "a"), cas(3, 4, "a", "b"), get(5, 6, "b")});
  expect_no({set(1, 2, "a"), cas(3, 4, "x", "b")});
  expect_yes({set(1, 2, "a"), refused(cas(3, 4, "x", "b")), get(5, 6, "a")});
  expect_no({set(1, 2, "a"), refused(cas(3, 4, "a", "b"))});
}

TEST(Linearizability, OnlyOneOfTwoCasCanWin) {
  expect_yes({set(1, 2, "a"), cas(3, 9, "a", "b"), refused(cas(3, 9, "a", "c")), get(10, 11, "b")});
  expect_no({set(1, 2, "a"), cas(3, 9, "a", "b"), cas(3, 9, "a", "c")});
}

TEST(Linearizability, AddAndDeleteTellWhetherSomethingWasThere) {
  expect_yes({put(Action::kAdd, 1, 2, "a"), refused(put(Action::kAdd, 3, 4, "b")), remove(5, 6),
              refused(remove(7, 8)), get(9, 10, std::nullopt)});
  expect_no({put(Action::kAdd, 1, 2, "a"), put(Action::kAdd, 3, 4, "b")});
  expect_no({refused(put(Action::kAdd, 1, 2, "a"))});
  expect_no({remove(1, 2)});
  expect_no({set(1, 2, "a"), refused(remove(3, 4))});
}

TEST(Linearizability, AnUnknownWriteMayHappenLaterOrNever) {
  expect_yes({set(1, 2, "a"), set(3, kNever, "b"), get(4, 5, "a"), get(6, 7, "a")});
  expect_yes({set(1, 2, "a"), set(3, kNever, "b"), get(4, 5, "a"), get(6, 7, "b")});
  expect_no({set(1, 2, "a"), set(3, kNever, "b"), get(4, 5, "b"), get(6, 7, "a")});
}

TEST(Linearizability, AnUnknownWriteDoesNotHappenBeforeItsInvocation) {
  expect_no({set(1, 2, "a"), get(3, 4, "b"), set(5, kNever, "b")});
}

TEST(Linearizability, AnUnknownWriteHappensOnce) {
  expect_yes({set(1, kNever, "a"), get(2, 3, "a"), set(4, 5, "b"), get(6, 7, "b")});
  expect_no({set(1, kNever, "a"), get(2, 3, "a"), set(4, 5, "b"), get(6, 7, "a")});
}

TEST(Linearizability, AnUnknownDeleteExplainsAMissingValue) {
  expect_yes({set(1, 2, "a"), remove(3, kNever), get(4, 5, "a"), get(6, 7, std::nullopt)});
  expect_no({set(1, 2, "a"), remove(3, kNever), get(4, 5, std::nullopt), get(6, 7, "a")});
}

TEST(Linearizability, AnUnknownCasIsBoundByItsCondition) {
  expect_yes({set(1, 2, "a"), cas(3, kNever, "a", "b"), get(4, 5, "b")});
  expect_no({set(1, 2, "a"), cas(3, kNever, "x", "b"), get(4, 5, "b")});
}

TEST(Linearizability, KeysAreIndependent) {
  Operation other = set(1, 2, "a");
  other.key = "other";
  expect_yes({other, get(3, 4, std::nullopt)});
  other.action = Action::kGet;
  other.found = "lost";
  const Finding finding = check({set(1, 2, "a"), get(3, 4, "a"), other});
  ASSERT_EQ(finding.wrong.size(), 1u);
  EXPECT_EQ(finding.wrong[0].key, "other");
  EXPECT_EQ(finding.keys, 2u);
  EXPECT_EQ(finding.operations, 3u);
}

TEST(Linearizability, AListKeepsItsOrder) {
  expect_yes({append(1, 2, "1"), append(3, 4, "2"), get(5, 6, "1 2 ")});
  expect_no({append(1, 2, "1"), append(3, 4, "2"), get(5, 6, "2 1 ")});
  expect_yes({append(1, 9, "1"), append(1, 9, "2"), get(10, 11, "2 1 ")});
  expect_no({append(1, 9, "1"), append(1, 9, "2"), get(10, 11, "2 1 "), get(12, 13, "1 2 ")});
}

TEST(Linearizability, AListLosesAndRepeatsNothing) {
  expect_no({append(1, 2, "1"), append(3, 4, "2"), get(5, 6, "1 ")});
  expect_no({append(1, 2, "1"), append(3, 4, "2"), get(5, 6, "1 2 2 ")});
  expect_no({append(1, 2, "1"), get(3, 4, std::nullopt)});
  expect_no({append(1, kNever, "1"), get(2, 3, "1 1 ")});
}

TEST(Linearizability, AnUnknownAppendMayBeAnywhereAfterItsInvocation) {
  const auto history = [](std::string end) {
    return History{append(1, kNever, "u"), append(2, 3, "1"), get(4, 5, "1 "), append(6, 7, "2"),
                   get(8, 9, std::move(end))};
  };
  expect_yes(history("1 2 "));
  expect_yes(history("1 u 2 "));
  expect_yes(history("1 2 u "));
  expect_no(history("u 1 2 "));
}

// 300 writes without an answer would be 2^300 subsets; what nobody sees must cost nothing.
TEST(Linearizability, ManyUnknownWritesAreCheap) {
  constexpr int kWrites = 300;
  constexpr std::size_t kFewConfigurations = 200'000;
  History history;
  for (int i = 0; i < kWrites; ++i) {
    const std::string value = std::to_string(i);
    history.push_back(set(10 * i, kNever, "unknown " + value));
    history.push_back(set(10 * i + 1, 10 * i + 2, value));
    history.push_back(get(10 * i + 3, 10 * i + 4, i % 7 == 0 ? "unknown " + value : value));
    history.push_back(refused(cas(10 * i + 5, 10 * i + 6, "never there", "x")));
  }
  EXPECT_TRUE(check(history, kFewConfigurations).linearizable());
  history.push_back(get(10 * kWrites, 10 * kWrites + 1, "unknown 7"));  // was seen and overwritten
  const Finding finding = check(history, kFewConfigurations);
  ASSERT_EQ(finding.wrong.size(), 1u);
  EXPECT_EQ(finding.wrong[0].verdict, Linearizability::kNo);
}

TEST(Linearizability, ManyUnknownAppendsAreCheap) {
  constexpr int kAppends = 60;
  constexpr std::size_t kFewConfigurations = 100'000;
  History history;
  std::string list;
  for (int i = 0; i < kAppends; ++i) {
    const std::string value = std::to_string(i);
    history.push_back(append(i, kNever, value));
    if (i % 2 == 0) list += value + " ";
  }
  history.push_back(get(1000, 1001, list));
  EXPECT_TRUE(check(history, kFewConfigurations).linearizable());
  history.push_back(get(1002, 1003, "1 " + list));
  EXPECT_EQ(check(history, kFewConfigurations).wrong.at(0).verdict, Linearizability::kNo);
}

TEST(Linearizability, SaysThatItGaveUp) {
  History history;
  for (int i = 0; i < 8; ++i) history.push_back(set(1, 100, std::to_string(i)));
  history.push_back(get(101, 102, "never written"));
  EXPECT_EQ(check(history, 10).wrong.at(0).verdict, Linearizability::kUndecided);
  EXPECT_EQ(check(history).wrong.at(0).verdict, Linearizability::kNo);
}

TEST(Linearizability, TheExplanationNamesWhatDoesNotFit) {
  const Finding finding = check({set(1, 2, "a"), get(3, 4, "b"), set(5, kNever, "c")});
  const std::string& text = finding.wrong.at(0).explanation;
  EXPECT_NE(text.find("places 1 of 3"), std::string::npos) << text;
  EXPECT_NE(text.find("get k: 'b'"), std::string::npos) << text;
  EXPECT_NE(text.find("set k 'c': unknown"), std::string::npos) << text;
}

TEST(LinearizabilityDeathTest, AnImpossibleHistoryAborts) {
  EXPECT_DEATH(check({set(2, 1, "a")}), "impossible operation");
  EXPECT_DEATH(check({set(1, 2, "a"), append(3, 4, "b")}), "impossible operation");
}

TEST(HistoryFile, GivesBackWhatWasWritten) {
  const std::string path = testing::TempDir() + "bmc-t-history." + std::to_string(getpid());
  const History history{set(1, 2, "a b\"\n"),   get(3, 4, std::nullopt),      get(3, 4, ""),
                        append(5, kNever, "x"), refused(cas(6, 7, "a", "b")), remove(8, 9)};
  ASSERT_TRUE(write_history(path, history).ok());
  const auto read = read_history(path);
  ASSERT_TRUE(read.ok()) << read.error().what;
  EXPECT_EQ(*read, history);
  std::remove(path.c_str());
  EXPECT_EQ(read_history(path).error().code, ENOENT);
}

TEST(HistoryFile, NamesTheLineThatIsNoOperation) {
  const std::string path = testing::TempDir() + "bmc-t-bad-history." + std::to_string(getpid());
  ASSERT_TRUE(write_history(path, {set(1, 2, "a")}).ok());
  FILE* file = std::fopen(path.c_str(), "a");
  std::fputs("{\"client\":1}\n", file);
  std::fclose(file);
  const auto read = read_history(path);
  std::remove(path.c_str());
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().what.find(":2 is no operation"), std::string::npos) << read.error().what;
}

}  // namespace
}  // namespace bmc::linearizability

// SPDX-License-Identifier: Apache-2.0
// The checker against trying every order: thousands of small random histories, with a specification of its
// own.
#include <gtest/gtest.h>

#include "netns-tests/lib/random.h"
#include "netns-tests/paxos/linearizability/checker.h"
#include "netns-tests/paxos/linearizability/tests/history_builder.h"

namespace bmc::linearizability {
namespace {

using lab::Random;

// What a real store does: carries `operation` out on `value`, and writes down the result.
void carry_out(std::optional<std::string>& value, Operation& operation) {
  bool holds = true;
  switch (operation.action) {
    case Action::kGet:
      operation.found = value;
      break;
    case Action::kSet:
      value = operation.value;
      break;
    case Action::kAdd:
      holds = !value.has_value();
      if (holds) value = operation.value;
      break;
    case Action::kCas:
      holds = value && *value == operation.expected;
      if (holds) value = operation.value;
      break;
    case Action::kDelete:
      holds = value.has_value();
      value.reset();
      break;
    case Action::kAppend:
      value = value.value_or("") + operation.value + " ";
      break;
  }
  operation.outcome = holds ? Outcome::kDone : Outcome::kRefused;
}

// Tries all orders and all subsets of the unknown ones.
bool some_order_fits(const History& history, std::vector<bool>& used,
                     const std::optional<std::string>& value) {
  std::int64_t first_return = kNever;
  bool complete = true;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (used[i] || history[i].outcome == Outcome::kUnknown) continue;
    complete = false;
    first_return = std::min(first_return, history[i].returned_ns);
  }
  if (complete) return true;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (used[i] || history[i].invoked_ns > first_return) continue;
    std::optional<std::string> next = value;
    Operation result = history[i];
    carry_out(next, result);
    const bool fits = history[i].outcome == Outcome::kUnknown || result == history[i];
    if (!fits) continue;
    used[i] = true;
    if (some_order_fits(history, used, next)) return true;
    used[i] = false;
  }
  return false;
}

bool brute_force(const History& history) {
  std::vector<bool> used(history.size(), false);
  return some_order_fits(history, used, std::nullopt);
}

// A few clients, one operation after the other each; results as some order gives them, now and then a wrong
// one.
History random_history(Random& random, bool list) {
  static constexpr Action kRegister[] = {Action::kGet, Action::kGet, Action::kSet,
                                         Action::kAdd, Action::kCas, Action::kDelete};
  static constexpr Action kList[] = {Action::kGet, Action::kAppend};
  static constexpr const char* kValues[] = {"a", "b", "c"};
  const std::size_t clients = 1 + random.below(4);
  std::vector<std::int64_t> free_at(clients, 0);
  std::optional<std::string> value;
  History history;
  const std::size_t count = 2 + random.below(6);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t client = random.below(clients);
    const std::int64_t invoked = free_at[client] + random.between(0, 4);
    Operation made = operation(list ? random.pick(kList) : random.pick(kRegister), invoked,
                               invoked + random.between(1, 12));
    made.client = static_cast<std::uint32_t>(client);
    const bool writes = made.action != Action::kGet && made.action != Action::kDelete;
    if (writes) made.value = list ? std::to_string(i) : random.pick(kValues);
    if (made.action == Action::kCas) made.expected = random.pick(kValues);
    free_at[client] = made.returned_ns + 1;
    carry_out(value, made);
    history.push_back(made);
  }
  for (Operation& made : history) {
    if (made.action != Action::kGet && random.chance(0.25)) {
      made.outcome = Outcome::kUnknown;
      made.returned_ns = kNever;
    } else if (random.chance(0.1)) {
      if (made.action == Action::kGet) made.found = list ? "1 " : random.pick(kValues);
      const bool refusable = !list && made.action != Action::kGet && made.action != Action::kSet;
      if (refusable) made.outcome = made.outcome == Outcome::kDone ? Outcome::kRefused : Outcome::kDone;
    }
  }
  return history;
}

void compare(bool list, std::uint64_t seed, std::size_t count) {
  std::size_t yes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Random random(seed + i);
    const History history = random_history(random, list);
    const bool expected = brute_force(history);
    yes += expected;
    std::string text;
    for (const Operation& each : history) text += describe(each) + "\n";
    ASSERT_EQ(check(history).linearizable(), expected) << "seed " << seed + i << "\n" << text;
  }
  // Both answers must occur often, or the comparison says nothing.
  EXPECT_GT(yes, count / 10);
  EXPECT_LT(yes, count - count / 10);
}

constexpr std::size_t kHistories = 20'000;

TEST(LinearizabilityBruteForce, RegistersAgree) { compare(false, 1'000'000, kHistories); }
TEST(LinearizabilityBruteForce, ListsAgree) { compare(true, 2'000'000, kHistories); }

}  // namespace
}  // namespace bmc::linearizability

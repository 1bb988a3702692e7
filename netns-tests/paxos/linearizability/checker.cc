// SPDX-License-Identifier: Apache-2.0
// Splitting by key, searching, explaining; see checker.h.
#include "netns-tests/paxos/linearizability/checker.h"

#include <cstdio>
#include <cstdlib>
#include <map>

#include "netns-tests/paxos/linearizability/model.h"

namespace bmc::linearizability {
namespace {

constexpr std::size_t kShownMax = 8;

std::string text_of(const std::optional<std::string>& value) {
  return value ? "'" + *value + "'" : std::string("nothing");
}

void must_be_possible(const Operation& operation, bool is_list) {
  const bool list_action = operation.action == Action::kAppend || operation.action == Action::kGet;
  const bool known = operation.outcome != Outcome::kUnknown;
  const bool possible = known == (operation.returned_ns != kNever) &&
                        operation.returned_ns >= operation.invoked_ns && (!is_list || list_action);
  if (possible) return;
  std::fprintf(stderr, "linearizability: an impossible operation: %s\n", describe(operation).c_str());
  std::abort();
}

template <class Model>
std::string explain(const paxos::LinearizabilitySearch<Model>& search, Linearizability verdict,
                    std::span<const Operation> operations) {
  const std::int64_t start = operations.front().invoked_ns;
  std::string text = verdict == Linearizability::kUndecided ? "undecided: too many orders are possible"
                                                            : "no order is possible";
  text += "; the longest one places " + std::to_string(search.placed_max()) + " of " +
          std::to_string(operations.size()) + " operations and ends with " + text_of(search.deepest_state()) +
          "; then one of these would have to come:\n";
  std::size_t shown = 0;
  for (const std::size_t next : search.stuck_on())
    if (shown++ < kShownMax) text += "    " + describe(operations[next], start) + "\n";
  text += "  operations of unknown outcome on this key:\n";
  shown = 0;
  for (const Operation& operation : operations)
    if (operation.outcome == Outcome::kUnknown && shown++ < kShownMax)
      text += "    " + describe(operation, start) + "\n";
  return text;
}

template <class Model>
KeyFinding search_key(const Model& model, std::span<const Operation> operations, std::size_t maximum) {
  paxos::LinearizabilitySearch<Model> search(model, operations, maximum);
  KeyFinding finding{operations.front().key, search.run(), {}};
  if (finding.verdict != Linearizability::kYes)
    finding.explanation = explain(search, finding.verdict, operations);
  return finding;
}

KeyFinding check_key(std::span<const Operation> operations, std::size_t maximum) {
  bool is_list = false;
  for (const Operation& operation : operations) is_list |= operation.action == Action::kAppend;
  for (const Operation& operation : operations) must_be_possible(operation, is_list);
  return is_list ? search_key(ListModel(operations), operations, maximum)
                 : search_key(RegisterModel(), operations, maximum);
}

}  // namespace

Finding check(const History& history, std::size_t configurations_max) {
  std::map<std::string, History> by_key;
  Finding finding;
  for (const Operation& operation : history) {
    by_key[operation.key].push_back(operation);
    if (operation.outcome == Outcome::kUnknown) ++finding.unknown;
  }
  finding.keys = by_key.size();
  finding.operations = history.size();
  for (auto& [key, operations] : by_key) {
    std::stable_sort(operations.begin(), operations.end(),
                     [](const Operation& a, const Operation& b) { return a.invoked_ns < b.invoked_ns; });
    KeyFinding of_key = check_key(operations, configurations_max);
    if (of_key.verdict != Linearizability::kYes) finding.wrong.push_back(std::move(of_key));
  }
  return finding;
}

std::string describe(const Operation& operation, std::int64_t start_ns) {
  static constexpr const char* kActions[] = {"get", "set", "add", "cas", "delete", "append"};
  static constexpr const char* kOutcomes[] = {"done", "refused", "unknown"};
  std::string text = "client " + std::to_string(operation.client) + ": " +
                     kActions[static_cast<std::size_t>(operation.action)] + " " + operation.key;
  if (operation.action == Action::kCas) text += " '" + operation.expected + "' ->";
  if (operation.action != Action::kGet && operation.action != Action::kDelete)
    text += " '" + operation.value + "'";
  const bool read = operation.action == Action::kGet && operation.outcome == Outcome::kDone;
  text += ": " + (read ? text_of(operation.found) : kOutcomes[static_cast<std::size_t>(operation.outcome)]);
  char times[80];
  const double invoked = static_cast<double>(operation.invoked_ns - start_ns) / 1e6;
  const double returned = static_cast<double>(operation.returned_ns - start_ns) / 1e6;
  if (operation.returned_ns == kNever)
    std::snprintf(times, sizeof(times), " [%.3f ms, -]", invoked);
  else
    std::snprintf(times, sizeof(times), " [%.3f ms, %.3f ms]", invoked, returned);
  return text + times;
}

}  // namespace bmc::linearizability

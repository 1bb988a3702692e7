// SPDX-License-Identifier: Apache-2.0
// Short names for hand-written histories; times are small numbers. Used by the checker's tests.
#ifndef BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_TESTS_HISTORY_BUILDER_H
#define BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_TESTS_HISTORY_BUILDER_H

#include <string>
#include <utility>

#include "netns-tests/paxos/linearizability/operation.h"

namespace bmc::linearizability {

inline Operation operation(Action action, std::int64_t invoked, std::int64_t returned) {
  Operation made;
  made.action = action;
  made.key = "k";
  made.outcome = returned == kNever ? Outcome::kUnknown : Outcome::kDone;
  made.invoked_ns = invoked;
  made.returned_ns = returned;
  return made;
}

inline Operation get(std::int64_t invoked, std::int64_t returned, std::optional<std::string> found) {
  Operation made = operation(Action::kGet, invoked, returned);
  made.found = std::move(found);
  return made;
}

// set, add or append; `returned` kNever: unknown.
inline Operation put(Action action, std::int64_t invoked, std::int64_t returned, std::string value) {
  Operation made = operation(action, invoked, returned);
  made.value = std::move(value);
  return made;
}

inline Operation set(std::int64_t invoked, std::int64_t returned, std::string value) {
  return put(Action::kSet, invoked, returned, std::move(value));
}

inline Operation append(std::int64_t invoked, std::int64_t returned, std::string value) {
  return put(Action::kAppend, invoked, returned, std::move(value));
}

inline Operation cas(std::int64_t invoked, std::int64_t returned, std::string expected, std::string value) {
  Operation made = put(Action::kCas, invoked, returned, std::move(value));
  made.expected = std::move(expected);
  return made;
}

inline Operation remove(std::int64_t invoked, std::int64_t returned) {
  return operation(Action::kDelete, invoked, returned);
}

inline Operation refused(Operation made) {
  made.outcome = Outcome::kRefused;
  return made;
}

}  // namespace bmc::linearizability

#endif

// SPDX-License-Identifier: Apache-2.0
// One operation of a client on one key, as the client saw it. A history is a vector of them in any order.
// Made by the nemesis' clients and by the tests, judged by checker.h.
#ifndef BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_OPERATION_H
#define BMC_NETNS_TESTS_PAXOS_LINEARIZABILITY_OPERATION_H

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace bmc::linearizability {

enum class Action : std::uint8_t {
  kGet,     // what is there
  kSet,     // value, whatever was there
  kAdd,     // value, if nothing is there
  kCas,     // value, if `expected` is there
  kDelete,  // nothing, if something is there
  kAppend,  // `value` behind the list. A key that is appended to knows no action but this and kGet
};

enum class Outcome : std::uint8_t {
  kDone,     // the server said so
  kRefused,  // the server said that the condition does not hold and nothing was changed
  kUnknown,  // no answer: it took effect once, or never, at any time after its invocation
};

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

struct Operation {
  std::uint32_t client = 0;
  Action action = Action::kGet;
  Outcome outcome = Outcome::kDone;
  std::string key{};
  std::string value{};     // kAppend: without spaces
  std::string expected{};  // kCas
  // What a kGet found; nothing: no value. The value of a list is its elements, a space behind each.
  std::optional<std::string> found{};
  std::int64_t invoked_ns = 0;
  std::int64_t returned_ns = kNever;  // kNever exactly if kUnknown

  bool operator==(const Operation&) const = default;
};

using History = std::vector<Operation>;

}  // namespace bmc::linearizability

#endif

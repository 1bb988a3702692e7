// SPDX-License-Identifier: Apache-2.0
// The sequential specification of one value that is read, written, and compared and swapped. Used by
// ClientHistory.
#ifndef BMC_PAXOS_SIM_REGISTER_MODEL_H
#define BMC_PAXOS_SIM_REGISTER_MODEL_H

#include <cstdint>
#include <optional>

#include "apps/paxos/sim/linearizability.h"

namespace bmc::paxos {

/// For LinearizabilitySearch. Value: ==, std::hash; Value{} is there at the beginning.
template <typename Value>
class RegisterModel {
 public:
  enum class Verb : std::uint8_t { kRead, kWrite, kCompareAndSwap };
  struct Output {
    Value value{};     // read
    bool done = true;  // compare-and-swap
  };
  struct Operation {
    Verb verb = Verb::kRead;
    Value value{};                 // to be written
    Value expected{};              // compare-and-swap
    std::optional<Output> output;  // nothing: the outcome is unknown
    std::int64_t invoked = 0;
    std::int64_t returned = 0;  // only where there is an output

    friend Lifespan lifespan_of(const Operation& operation) {
      if (!operation.output) return {operation.invoked, std::nullopt};
      return {operation.invoked, operation.returned};
    }
  };
  using State = Value;

  State initial() const { return Value{}; }
  std::optional<State> step(const State& state, const Operation& operation) const {
    const std::optional<Output>& output = operation.output;
    if (operation.verb == Verb::kRead) {
      if (output && output->value != state) return std::nullopt;
      return std::optional<State>(std::in_place, state);
    }
    const bool done = operation.verb == Verb::kWrite || state == operation.expected;
    if (output && output->done != done) return std::nullopt;
    return std::optional<State>(std::in_place, done ? operation.value : state);
  }
};

}  // namespace bmc::paxos

#endif

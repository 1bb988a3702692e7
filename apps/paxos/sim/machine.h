// SPDX-License-Identifier: Apache-2.0
// The replicated state machine of the simulator: registers, append lists and counters, by key. Every change
// gives its key a new version, and every answer tells the version, so that a history can be judged exactly.
#ifndef BMC_PAXOS_SIM_MACHINE_H
#define BMC_PAXOS_SIM_MACHINE_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/paxos/include/bmc/paxos/state_machine.h"

namespace bmc::paxos::sim {

enum class Verb : std::uint8_t { kWrite, kCompareAndSwap, kAppend, kAdd, kRead };

// The payload of a request.
struct Command {
  Verb verb = Verb::kRead;
  std::uint8_t key = 0;
  std::uint64_t id = 0;        // of this request in the whole run, never 0; what is written or appended
  std::uint64_t argument = 0;  // compare-and-swap: the value that is expected; add: what is added
  std::uint32_t padding = 0;   // bytes without a meaning

  std::string encoded() const;
  static std::optional<Command> decoded(std::string_view payload);
};

// The result of one.
struct Answer {
  std::uint64_t version = 0;  // of the key, after the command
  std::uint64_t value = 0;    // of the key, after the command; of a list: the hash of its elements
  std::uint8_t done = 1;      // 0: a compare-and-swap found another value

  std::string encoded() const;
  static std::optional<Answer> decoded(std::string_view result);
  bool operator==(const Answer&) const = default;
};

class Machine : public StateMachine {
 public:
  // One operation as it was applied. `position` counts the operations from 1.
  struct Applied {
    std::uint64_t position;
    std::string_view operation;
    std::uint64_t time_us;
    Answer answer;
  };
  // `on_applied` is called for each; for the checkers.
  explicit Machine(std::function<void(const Applied&)> on_applied) : on_applied_(std::move(on_applied)) {}

  std::string apply(std::string_view operation, std::uint64_t time_us) override;
  std::string read(std::string_view query, std::uint64_t time_us) const override;
  std::string snapshot_save() const override;
  bool snapshot_load(std::string_view snapshot) override;

 private:
  struct Cell {
    std::uint64_t version = 0;
    std::uint64_t value = 0;
    std::vector<std::uint64_t> elements;
  };

  Answer carry_out(const Command& command);

  std::function<void(const Applied&)> on_applied_;
  std::uint64_t applied_ = 0;
  std::map<std::uint8_t, Cell> cells_;
};

}  // namespace bmc::paxos::sim

#endif

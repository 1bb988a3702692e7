// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/client_history.h"

#include <algorithm>

#include "apps/paxos/sim/observation.h"
#include "apps/paxos/sim/register_model.h"

namespace bmc::paxos::sim {
namespace {

using Register = RegisterModel<std::uint64_t>;

// Beyond it the search is given up: the versions have already told.
constexpr std::size_t kConfigurationsMax = 20'000;

}  // namespace

ClientHistory::Number ClientHistory::on_invoked(Micros now, const Command& command, bool stale) {
  calls_.push_back({command, stale, now, known_[command.key % kKeysMax], false, 0, {}});
  return calls_.size() - 1;
}

void ClientHistory::on_answered(Micros now, Number number, const Answer& answer) {
  Call& call = calls_[number];
  call.answered = true;
  call.returned = now;
  call.answer = answer;
  ++answered_;
  check_content(call);
  check_time(call);
  std::uint64_t& known = known_[call.command.key % kKeysMax];
  if (answer.version >= known) last_values_[call.command.key % kKeysMax] = answer.value;
  known = std::max(known, answer.version);
}

void ClientHistory::check_content(const Call& call) {
  if (call.command.verb == Verb::kRead) {
    const std::uint64_t* value = truth_.value_at(call.command.key, call.answer.version);
    if (value != nullptr && *value == call.answer.value) return;
    return verdict_.fail("linearizable", say("a read of key ", unsigned{call.command.key}, " gave version ",
                                             call.answer.version, " with a value that it never had"));
  }
  const Answer* truth = truth_.answer_of(call.command.id);
  if (truth != nullptr && *truth == call.answer) return;
  verdict_.fail("linearizable",
                say("request ", call.command.id, " was answered with version ", call.answer.version,
                    truth == nullptr ? ", but was applied nowhere" : ", but did something else"));
}

void ClientHistory::check_time(const Call& call) {
  const bool changes = call.command.verb != Verb::kRead && call.answer.done != 0;
  const std::uint64_t least = call.floor + (changes ? 1 : 0);
  if (call.answer.version >= least) return;
  if (call.stale) {
    ++stale_answers_;
    return;
  }
  verdict_.fail("linearizable",
                say("request ", call.command.id, " on key ", unsigned{call.command.key}, " gave version ",
                    call.answer.version, ", but version ", call.floor, " was known when it was asked"));
}

void ClientHistory::check_registers() {
  for (std::uint8_t key = 0; key < kKeysMax; ++key) {
    if (kind_of(key) != KeyKind::kRegister) continue;
    std::vector<Register::Operation> history;
    for (const Call& call : calls_) {
      const bool is_read = call.command.verb == Verb::kRead;
      if (call.command.key != key || call.stale || (is_read && !call.answered)) continue;
      Register::Operation operation;
      operation.verb = is_read                             ? Register::Verb::kRead
                       : call.command.verb == Verb::kWrite ? Register::Verb::kWrite
                                                           : Register::Verb::kCompareAndSwap;
      operation.value = call.command.id;
      operation.expected = call.command.argument;
      operation.invoked = static_cast<std::int64_t>(call.invoked);
      operation.returned = static_cast<std::int64_t>(call.returned);
      if (call.answered) operation.output = Register::Output{call.answer.value, call.answer.done != 0};
      history.push_back(operation);
    }
    if (check_linearizable<Register>(history, kConfigurationsMax) != Linearizability::kNo) continue;
    verdict_.fail("linearizable", say("the answers about register ", unsigned{key},
                                      " could not have come from one copy of it"));
  }
}

}  // namespace bmc::paxos::sim

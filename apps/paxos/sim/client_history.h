// SPDX-License-Identifier: Apache-2.0
// What clients asked and were told. Invariant "linearizable": judged at once by the versions in the answers
// (exact, as every version of a key is one change of it) and, for the registers, at the end of the run once
// more by a search that knows nothing of versions.
#ifndef BMC_PAXOS_SIM_CLIENT_HISTORY_H
#define BMC_PAXOS_SIM_CLIENT_HISTORY_H

#include <array>
#include <cstdint>
#include <vector>

#include "apps/paxos/core/types.h"
#include "apps/paxos/sim/apply_checker.h"
#include "apps/paxos/sim/machine.h"
#include "apps/paxos/sim/verdict.h"

namespace bmc::paxos::sim {

class ClientHistory {
 public:
  using Number = std::size_t;  // of a call

  ClientHistory(Verdict& verdict, const ApplyChecker& truth) : verdict_(verdict), truth_(truth) {}

  // A client asks. `stale`: by READ_STALE.
  Number on_invoked(Micros now, const Command& command, bool stale);
  // It is answered. Calls that never are have an unknown outcome.
  void on_answered(Micros now, Number call, const Answer& answer);

  // At the end of the run.
  void check_registers();

  // The value in the newest answer about `key`: what a compare-and-swap may hope for.
  std::uint64_t last_value(std::uint8_t key) const { return last_values_[key % kKeysMax]; }

  std::size_t asked() const { return calls_.size(); }
  std::size_t answered() const { return answered_; }
  // Answers to READ_STALE that were older than what was already known: proof that the check can tell.
  std::size_t stale_answers() const { return stale_answers_; }

 private:
  static constexpr std::size_t kKeysMax = 16;

  struct Call {
    Command command;
    bool stale;
    Micros invoked;
    std::uint64_t floor;  // version of the key that some client knew when this was asked
    bool answered = false;
    Micros returned = 0;
    Answer answer;
  };

  void check_content(const Call& call);
  void check_time(const Call& call);

  Verdict& verdict_;
  const ApplyChecker& truth_;
  std::vector<Call> calls_;
  std::array<std::uint64_t, kKeysMax> known_{};  // by key: highest version in an answer
  std::array<std::uint64_t, kKeysMax> last_values_{};
  std::size_t answered_ = 0;
  std::size_t stale_answers_ = 0;
};

// Keys are of three kinds, by their number.
enum class KeyKind { kRegister, kList, kCounter };
inline KeyKind kind_of(std::uint8_t key) { return static_cast<KeyKind>(key % 3); }

}  // namespace bmc::paxos::sim

#endif

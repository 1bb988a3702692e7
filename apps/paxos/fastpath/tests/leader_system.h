// SPDX-License-Identifier: Apache-2.0
// A leader in a few values: CPUs that run count_prepare_ok() on acknowledgements, of other views and lives
// too, and a process that proposes, acknowledges by itself, freezes and arms anew. Everything after every
// step is checked.
#ifndef BMC_PAXOS_FASTPATH_TESTS_LEADER_SYSTEM_H
#define BMC_PAXOS_FASTPATH_TESTS_LEADER_SYSTEM_H

#include <array>
#include <string>
#include <vector>

#include "apps/paxos/fastpath/tests/explore.h"
#include "apps/paxos/fastpath/tests/fixture.h"

namespace bmc::paxos::test {

struct LeaderBounds {
  std::uint8_t replicas = 3;
  std::uint8_t packets = 2;  // of each of the two CPUs
  std::uint8_t terms = 1;
  Op ops = 3;
  Op proposed = 3;      // at the beginning; the others are proposed on the way
  bool strays = false;  // some acknowledgements are of the view before, or of an earlier life
  bool sleeps = false;
  fast_mutant mutant = FAST_MUTANT_NONE;
};

class LeaderSystem {
 public:
  explicit LeaderSystem(const LeaderBounds& bounds);

  std::vector<Move> moves() const;
  void apply(Move move);
  std::string text(Move move) const;
  std::string key() const;

 private:
  static constexpr std::uint8_t kProcess = 9, kGoOn = 0;
  static constexpr View kFirstView = 3;  // replica 0 leads
  static constexpr std::size_t kTermsMax = 4;
  // Of what a CPU begins with: op | replica << 2 | one of these.
  static constexpr std::uint8_t kOldView = 32, kOldLife = 64;
  enum Act : std::uint8_t { kNothing, kPropose, kOwn, kFreeze, kArmSame, kArmNext, kSleep, kWake };

  struct Cpu {
    std::uint8_t left = 0;
    std::uint8_t packet = 0;  // 0: idle
    View view = 0;            // of the packet
    std::string results;
  };
  struct Process {
    Act act = kNothing;
    std::string results;
    bool is_frozen = true;
    bool is_asleep = false;
    std::uint8_t terms_left = 0;
    Op proposed = 0;
    Op own = 0;        // acknowledged by itself, in this view
    Op committed = 0;  // as it knows
  };
  // What is really so. By generation: its view and base; by view: how far each replica has acknowledged.
  struct Truth {
    std::array<View, kTermsMax> view{};
    std::array<Op, kTermsMax> base{};
    std::array<std::array<Op, 5>, kTermsMax> acked{};  // by (view - kFirstView) / replicas
  };

  fast_world world();
  LeaderTerm term() const;
  View view() const;
  std::size_t index_of(View view) const { return (view - kFirstView) / bounds_.replicas; }

  Datagram datagram_of(const Cpu& cpu) const;
  void step_cpu(Cpu& cpu, std::uint8_t what);
  void step_process(Act act);
  void finish(Act act, const LeaderTerm& next, bool may_sleep);
  void check_cells(const paxos_cells& before) const;
  void check_commit() const;
  void check_at_rest() const;

  LeaderBounds bounds_;
  paxos_cells cells_{};
  std::array<Cpu, 2> cpus_;
  Process process_;
  Truth truth_;
  bool rung_ = false;
};

}  // namespace bmc::paxos::test

#endif

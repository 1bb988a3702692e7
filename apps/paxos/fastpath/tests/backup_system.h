// SPDX-License-Identifier: Apache-2.0
// A backup in a few values: CPUs that run accept_prepare() on PREPAREs, repeated ones too, and a process that
// takes, freezes, votes, truncates and arms anew, in the same view or in the next. Everything after every
// step is checked.
#ifndef BMC_PAXOS_FASTPATH_TESTS_BACKUP_SYSTEM_H
#define BMC_PAXOS_FASTPATH_TESTS_BACKUP_SYSTEM_H

#include <array>
#include <string>
#include <vector>

#include "apps/paxos/fastpath/backup_gate.h"
#include "apps/paxos/fastpath/tests/explore.h"
#include "apps/paxos/fastpath/tests/fixture.h"

namespace bmc::paxos::test {

struct BackupBounds {
  std::uint8_t cpus = 2;
  std::uint8_t packets = 2;  // of each CPU
  std::uint8_t terms = 2;
  Op ops = 3;
  bool damaged = false;  // some datagrams are
  bool pieces = false;   // the process takes one at a time
  bool sleeps = false;   // the process sleeps when there is nothing to do
  Sleep sleep = Sleep::kLight;
  fast_mutant mutant = FAST_MUTANT_NONE;
};

class BackupSystem {
 public:
  static constexpr std::uint64_t kSlots = 2;
  // Views 1, 4, 7: all of the same leader, so that only the view differs.
  static constexpr View kFirstView = 1;
  static constexpr View kViewsEnd = 8;

  explicit BackupSystem(const BackupBounds& bounds);

  std::vector<Move> moves() const;
  void apply(Move move);
  std::string text(Move move) const;
  std::string key() const;

 private:
  static constexpr std::uint8_t kProcess = 9;
  // What a CPU may begin with: op, and 8 if the datagram is damaged.
  static constexpr std::uint8_t kGoOn = 0, kDamaged = 8;
  enum Act : std::uint8_t {
    kNothing,
    kTake,
    kFreeze,
    kVote,
    kArmSame,
    kArmAfterOwn,
    kArmNext,
    kArmShorter,
    kSleep
  };

  struct Cpu {
    std::uint8_t left = 0;    // datagrams
    std::uint8_t packet = 0;  // 0: idle
    View view = 0;            // of the packet
    std::string results;
    Op acking = 0;  // the acknowledgement that it has made and not sent yet
    View acking_view = 0;
  };
  struct Process {
    Act act = kNothing;  // in the midst of
    std::string results;
    bool is_frozen = true;
    bool is_asleep = false;
    bool has_voted = false;
    std::uint8_t terms_left = 0;
    View view = kFirstView;
    std::vector<std::uint8_t> log;  // entries: view << 4 | op
  };

  fast_world world();
  BackupTerm term() const;
  static std::uint8_t entry(View view, Op op) { return static_cast<std::uint8_t>(view << 4 | op); }
  static Datagram datagram_of(View view, std::uint8_t packet);

  void add_cpu_moves(std::vector<Move>& moves) const;
  void add_process_moves(std::vector<Move>& moves) const;
  void step_cpu(Cpu& cpu, std::uint8_t what);
  void send(Cpu& cpu);
  void step_process(Act act);
  void finish(Act act, const std::vector<std::string>& messages, bool may_sleep);
  void append(const std::vector<std::string>& messages);
  void check_gate(__u64 before) const;
  void check_stored() const;
  void check_woken() const;

  BackupBounds bounds_;
  paxos_cells cells_{};
  std::array<paxos_slot, kSlots> slots_{};
  std::array<Cpu, 2> cpus_;
  Process process_;
  bool rung_ = false;
  // Of each view: the highest op that an acknowledgement on the wire names; what the vote said.
  std::array<Op, kViewsEnd> acked_{};
  std::array<Op, kViewsEnd> voted_{};
};

}  // namespace bmc::paxos::test

#endif

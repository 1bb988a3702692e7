// SPDX-License-Identifier: Apache-2.0
// Tries every interleaving of a small system: depth first, each state once. A system is a value; what runs in
// it is the product's own code, stopped before each access to shared memory (Replay). Used by the *_system.h.
#ifndef BMC_PAXOS_FASTPATH_TESTS_EXPLORE_H
#define BMC_PAXOS_FASTPATH_TESTS_EXPLORE_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "apps/paxos/core/invariant.h"
#include "apps/paxos/fastpath/replay.h"

namespace bmc::paxos::test {

// What must never be; thrown from the system's checks, and from the invariants of the product.
struct Violation {
  std::string what;
};

inline void require(bool holds, const char* what) {
  if (!holds) throw Violation{what};
}

struct Move {
  std::uint8_t who = 0;
  std::uint8_t what = 0;
};

struct Explored {
  std::string violation;           // empty: none
  std::vector<std::string> trace;  // the moves that lead to it
  std::uint64_t states = 0;
  bool complete = true;
};

[[noreturn]] inline void throw_invariant(Invariant invariant) {
  throw Violation{std::string("invariant ") + name_of(invariant)};
}

// System: a copyable value with moves(), apply(Move), text(Move) and key() (bytes that say all that matters).
template <typename System>
class Explorer {
 public:
  static Explored run(const System& initial, std::uint64_t states_max) {
    on_broken_invariant([](Invariant invariant) { throw_invariant(invariant); });
    Explorer explorer(states_max);
    explorer.search(initial);
    on_broken_invariant(nullptr);
    return std::move(explorer.result_);
  }

 private:
  struct Frame {
    System system;
    std::vector<Move> moves;
    std::size_t next = 0;
  };
  struct Hash {
    std::size_t operator()(const std::pair<std::uint64_t, std::uint64_t>& key) const { return key.first; }
  };

  explicit Explorer(std::uint64_t states_max) : states_max_(states_max) {}

  bool is_new(const System& system) {
    const std::string key = system.key();
    const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
    return seen_.emplace(hash.low64, hash.high64).second;
  }

  void search(const System& initial) {
    std::vector<Frame> path;
    is_new(initial);
    path.push_back({initial, initial.moves()});
    while (!path.empty()) {
      Frame& frame = path.back();
      if (frame.next == frame.moves.size()) {
        path.pop_back();
        continue;
      }
      System after = frame.system;
      const Move move = frame.moves[frame.next++];
      try {
        after.apply(move);
      } catch (const Violation& violation) {
        result_.violation = violation.what;
        for (const Frame& each : path) result_.trace.push_back(each.system.text(each.moves[each.next - 1]));
        break;
      }
      if (!is_new(after)) continue;
      if (seen_.size() >= states_max_) {
        result_.complete = false;
        break;
      }
      std::vector<Move> moves = after.moves();
      path.push_back({std::move(after), std::move(moves)});
    }
    result_.states = seen_.size();
  }

  const std::uint64_t states_max_;
  std::unordered_set<std::pair<std::uint64_t, std::uint64_t>, Hash> seen_;
  Explored result_;
};

}  // namespace bmc::paxos::test

#endif

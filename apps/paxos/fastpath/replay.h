// SPDX-License-Identifier: Apache-2.0
// Virtual CPUs: runs a decision of the fast path one access to shared memory at a time, so that anything may
// happen in between. Used by the tests that try every interleaving, and by the simulator.
#ifndef BMC_PAXOS_FASTPATH_REPLAY_H
#define BMC_PAXOS_FASTPATH_REPLAY_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "apps/paxos/fastpath/world.h"

namespace bmc::paxos {

// Always begins at the start: what the code was told before, it is told again, then it makes one more access,
// or some, and is stopped before the next. So it needs no stack of its own, and where it stands is a value:
// the results so far. The code must do the same whenever it is told the same, and own nothing when it is
// stopped that an exception would not free.
class Replay {
 public:
  // `results`: empty for code that begins; kept by the caller between the steps.
  explicit Replay(std::string& results) : results_(results) {}

  // Makes up to `accesses` more, at least 1. True: `code` has come to its end. False: it stands before its
  // next access.
  template <typename Code>
  bool step(fast_world& world, Code code, unsigned accesses = 1) {
    left_ = accesses;
    const fast_scheduler scheduler{this, &Replay::turn, &Replay::done};
    world.scheduler = &scheduler;
    bool has_ended = true;
    try {
      code();
    } catch (const Stop&) {
      has_ended = false;
    }
    world.scheduler = nullptr;
    if (has_ended) results_.clear();
    return has_ended;
  }

 private:
  struct Stop {};

  static int turn(void* context, void* result, __u32 bytes) {
    auto& self = *static_cast<Replay*>(context);
    if (self.at_ == self.results_.size()) {
      if (self.left_ == 0) throw Stop{};
      --self.left_;
      return 0;
    }
    std::uint16_t recorded = 0;
    std::memcpy(&recorded, self.results_.data() + self.at_, sizeof(recorded));
    if (recorded > bytes) {
      std::fprintf(stderr, "paxos: a replay went another way than the first time\n");
      std::abort();
    }
    std::memcpy(result, self.results_.data() + self.at_ + sizeof(recorded), recorded);
    self.at_ += sizeof(recorded) + recorded;
    return 1;
  }
  static void done(void* context, const void* result, __u32 bytes) {
    auto& self = *static_cast<Replay*>(context);
    const auto length = static_cast<std::uint16_t>(bytes);
    self.results_.append(reinterpret_cast<const char*>(&length), sizeof(length));
    self.results_.append(static_cast<const char*>(result), bytes);
    self.at_ = self.results_.size();
  }

  std::string& results_;
  std::size_t at_ = 0;
  unsigned left_ = 0;
};

}  // namespace bmc::paxos

#endif

// SPDX-License-Identifier: Apache-2.0
// What a read of one key may return, from what its writers sent and got acknowledged. Shared by one writer
// per key (KeyOracle) or several (CounterOracle), all readers and the fault injector; every member is
// thread-safe.
//
// Soundness: bounds are raised only after an acknowledgement was received, and read before a GET is sent
// (lower bound) or after its reply came (upper bound). So a violation is one for a linearizable register;
// nothing memcached itself does, with any interleaving, is one.
#ifndef BMC_NETNS_TESTS_HAMMER_ORACLE_H
#define BMC_NETNS_TESTS_HAMMER_ORACLE_H

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace bmc::hammer {

/// How a read violates the promise.
enum class Verdict {
  kGood,
  kStale,   ///< older than the last write acknowledged before the read, deleted, flushed or expired
  kFuture,  ///< newer than anything sent
  kLost,    ///< a miss although the item is there
};
const char* to_string(Verdict verdict);

/// What a write does, as far as the oracle cares.
enum class Effect {
  kStore,    ///< set, append, cas...: the value becomes this version
  kRemove,   ///< delete, or an expiry that lies in the past
  kRefresh,  ///< touch and the like: the value stays, its expiry changes
};

/// Taken before a read is sent.
struct ReadBound {
  uint64_t floor = 0;    ///< least version a value may have
  uint64_t present = 0;  ///< last version known to have been stored; a miss must be excused past this
};

/// One register with a single writer. Versions count the writer's operations on the key.
class KeyOracle {
 public:
  /// Before the operation is sent: its version. `expires`: it may vanish on its own later.
  /// `path` and `verb` (both static or longer-lived than the oracle) are for the history.
  uint64_t begin(Effect effect, bool expires, const char* path, const char* verb);
  /// For the history: what the reply said.
  void answered(uint64_t version, const char* outcome);
  /// Its success was received. `gone_ns`: from this moment a read that is sent may not see it (0: never).
  void succeeded(uint64_t version, Effect effect, int64_t gone_ns);
  /// memcached answered that the key does not exist; kLost when it should.
  Verdict found_absent(const ReadBound& before) const;

  /// Something that empties memcached (flush_all, a kill) is about to be sent: until its end misses are
  /// excused. Returns the floor that holds for reads sent after its acknowledgement.
  uint64_t begin_clearing();
  void end_clearing(uint64_t floor_after);

  ReadBound before_read(bool clocks_reliable);
  Verdict check_value(const ReadBound& before, uint64_t version) const;
  Verdict check_absent(const ReadBound& before) const;

  /// The last operations, for the report of a violation.
  std::string history() const;

 private:
  struct Event {
    uint64_t version = 0;
    const char* path = "";
    const char* verb = "";
    const char* outcome = "not answered";
    int64_t sent_ns = 0, answered_ns = 0;
  };
  static constexpr size_t kHistory = 12;

  mutable std::mutex mutex_;
  uint64_t sent_ = 0;
  uint64_t floor_ = 0;
  uint64_t present_ = 0;
  uint64_t absent_excused_ = 0;  ///< a miss is no loss while present <= this
  unsigned clearing_ = 0;
  int64_t gone_ns_ = 0;  ///< when version `gone_version_` must have expired
  uint64_t gone_version_ = 0;
  Event events_[kHistory];
};

/// A counter that several writers raise (incr, ma, cas): its value only grows.
class CounterOracle {
 public:
  /// Before something is sent that may raise it by `delta`.
  void may_grow(uint64_t delta);
  /// That has been answered: it took effect or never will.
  void answered(uint64_t delta);
  /// A reply told the counter's value.
  void reached(uint64_t value);

  uint64_t before_read() const;
  Verdict check_value(uint64_t floor, uint64_t value) const;
  /// A base above everything ever sent, for a new start after the counter was lost; counts as sent.
  uint64_t fresh_base();

 private:
  mutable std::mutex mutex_;
  uint64_t floor_ = 0;
  uint64_t ceiling_ = 0;
  uint64_t pending_ = 0;  ///< sum of what was sent and is not answered
};

}  // namespace bmc::hammer
#endif

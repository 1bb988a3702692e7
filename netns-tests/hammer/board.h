// SPDX-License-Identifier: Apache-2.0
// What writers, readers and the fault injector of one hammer run share: keys with their oracles, what was
// found, the state of memcached. Owned by Hammer; every member is thread-safe.
#ifndef BMC_NETNS_TESTS_HAMMER_BOARD_H
#define BMC_NETNS_TESTS_HAMMER_BOARD_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "netns-tests/hammer/oracle.h"
#include "netns-tests/lib/clock.h"

namespace bmc::hammer {

struct Key {
  std::string name;
  KeyOracle oracle;
};

struct Counter {
  std::string name;
  CounterOracle oracle;
};

/// Counts of one run; see report.cc for their names in the report.
struct Statistics {
  std::atomic<uint64_t> reads_sent{0}, values_checked{0}, misses_checked{0}, misses_unchecked{0},
      reads_lost{0}, late_replies{0}, multigets{0};
  std::atomic<uint64_t> writes_sent{0}, writes_done{0}, writes_absent{0}, writes_unknown{0},
      writes_refused{0}, quiet_writes{0}, split_batches{0}, reconnects{0}, resets{0}, counter_writes{0};
  std::atomic<uint64_t> freezes{0}, kills{0}, bmcd_restarts{0}, bmcd_kills{0}, flushes{0}, delayed_flushes{0},
      overflows{0}, mode_switches{0}, network_changes{0}, interfaces{0};
};

class Board {
 public:
  /// `writers` sets of `keys_each` keys, and counters that all writers share.
  Board(unsigned writers, unsigned keys_each, unsigned counters);

  Key& key(unsigned writer, unsigned index) { return *keys_[writer * keys_each_ + index]; }
  Key& key(size_t index) { return *keys_[index]; }
  size_t key_count() const { return keys_.size(); }
  Counter& counter(size_t index) { return *counters_[index]; }
  size_t counter_count() const { return counters_.size(); }
  /// Null when no key has that name.
  Key* find_key(std::string_view name);
  Counter* find_counter(std::string_view name);

  void violation(const std::string& text);
  std::vector<std::string> violations() const;
  size_t violation_count() const;

  bool stopping() const { return stop_; }
  void stop();
  /// Pauses the calling thread; ends early when the run stops.
  void pause(int64_t ns) const;

  // memcached's state, told by the fault injector.
  void set_frozen(bool frozen);
  void set_down();
  void set_up();
  uint64_t incarnation() const { return incarnation_; }
  /// Waits until memcached runs; false when the run stops meanwhile.
  bool wait_up() const;
  /// Whether memcached's clock can be expected to tick on time: not frozen lately, not just started.
  bool clocks_reliable() const;

  Statistics statistics;

 private:
  unsigned keys_each_;
  std::vector<std::unique_ptr<Key>> keys_;
  std::vector<std::unique_ptr<Counter>> counters_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> frozen_{false};
  std::atomic<int64_t> clocks_disturbed_ns_{0};
  std::atomic<uint64_t> incarnation_{1};
  std::atomic<bool> up_{true};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::string> violations_;
  size_t violation_count_ = 0;
};

}  // namespace bmc::hammer
#endif

// SPDX-License-Identifier: Apache-2.0
// Admission: from which count in the sketch on a key is stored, how much is sampled for that, and when the
// counts are halved. Pure logic over the sketch's memory; CacheApp tells it what happened and publishes the
// choice.
#ifndef BMC_CACHE_DAEMON_ADMISSION_H
#define BMC_CACHE_DAEMON_ADMISSION_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "apps/memcached-cache/abi/cache_abi.h"

namespace bmc::cache {

// While the log has room, everything is stored and nothing sampled. From its first recycled segment on what
// is stored costs what stood there, and what is read once would wash out what is read all the time:
//
//   cut: the least count such that the keys counted so often fit into the log. Each slot of the sketch is a
//   key, so they are counted by looking. Never more keys than half the slots: in the rest, seldom ones come
//   and go.
//
//   A key is stored from cut + 2 sqrt(cut) on. A count of n is right to about sqrt(n); there are more keys
//   a little below the cut than fit into the log, and without this margin those that are above it by chance
//   would keep the log turning. Each turn costs the frequent keys more than they bring: an entry is not
//   served before memcached was asked for its expiry, two seconds or so.
//
//   All counts are halved when the cut reaches kCutMost (then a count at the cut is right to a tenth), and at
//   the latest after kAgeNs, so that what was asked for long ago is forgotten.
class Admission {
 public:
  static constexpr std::uint32_t kCutMost = 160;
  static constexpr std::uint64_t kAgeNs = 300'000'000'000;
  // Samples a second that are aimed at until the counts were halved for the first time, and then.
  static constexpr double kLearningRate = 250'000;
  static constexpr double kRate = 60'000;
  // The sketch is looked at so often; until the counts were halved for the first time at each step.
  static constexpr std::uint64_t kLookNs = 1'000'000'000;

  // Totals since any beginning.
  struct Seen {
    std::uint64_t now_ns = 0;
    std::uint32_t segments = 0;      // of the log
    std::uint64_t recycled = 0;      // segments begun anew
    std::uint32_t used = 0;          // bytes of the one being filled
    std::uint64_t fills = 0;         // entries stored
    std::uint64_t sampled = 0;       // keys counted in the sketch
    std::uint64_t entries_most = 0;  // that the index can hold
  };
  // As the fields of cache_control.
  struct Choice {
    std::uint32_t sample_one_of = 0;
    std::uint32_t admit_from = 0;
  };

  // The programs count in `sketch` meanwhile; it must outlive this.
  explicit Admission(std::span<sketch_block> sketch) : sketch_(sketch) {}

  // To be called several times a second.
  const Choice& step(const Seen& seen);
  const Choice& choice() const { return choice_; }

 private:
  struct Cut {
    std::uint32_t count = 0;
    bool all_fit = false;  // every key that is asked for now has a slot, and all of them fit
  };

  void begin(const Seen& seen);
  std::uint64_t room(const Seen& seen) const;
  Cut find_cut(std::uint64_t room) const;
  void halve();
  void choose_rate(const Seen& seen);

  std::span<sketch_block> sketch_;
  Choice choice_;
  bool on_ = false;
  bool learned_ = false;  // the counts were halved once
  std::uint64_t aged_ns_ = 0;
  std::uint64_t looked_ns_ = 0;  // at the sketch
  std::uint64_t rate_ns_ = 0;    // when the rate was last looked at, and the samples until then
  std::uint64_t sampled_ = 0;
};

}  // namespace bmc::cache

#endif

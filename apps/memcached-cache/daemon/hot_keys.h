// SPDX-License-Identifier: Apache-2.0
// The keys that are asked for most, from the programs' samples, for `bmcctl top`: HotKeyTable counts those of
// one window; HotKeyWatch reads the samples while somebody looks, and only then has the programs hand them
// over. Owned by CacheApp.
#ifndef BMC_CACHE_DAEMON_HOT_KEYS_H
#define BMC_CACHE_DAEMON_HOT_KEYS_H

#include <bpf/libbpf.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/daemon/cache_memory.h"
#include "apps/memcached-cache/daemon/counters.h"
#include "control-plane/lifetime.h"
#include "control-plane/result.h"

namespace bmc::cache {

struct HotKey {
  std::uint32_t server = 0;
  std::uint64_t key_hash = 0;
  std::string key;
  std::uint64_t samples = 0;
  std::uint64_t hits = 0;  // of them
};

// Exact up to kKeysMost keys. With more the least counted half is forgotten: a key whose samples come evenly
// loses at most those before the last time, and one among the most asked for none.
class HotKeyTable {
 public:
  static constexpr std::size_t kKeysMost = 8192;

  void add(const cache_sample& sample);
  // The `count` with the most samples, the most first.
  std::vector<HotKey> most(std::size_t count) const;
  std::uint64_t samples() const { return samples_; }

 private:
  void forget_half();

  std::unordered_map<std::uint64_t, HotKey> keys_;  // by hash: 64 bits, seeded
  std::uint64_t samples_ = 0;
};

// One window of one who looks.
struct HotKeyReport {
  double seconds = 0;
  double gets_per_s = 0;      // keys asked for; an estimate, as all rates here
  std::uint64_t samples = 0;  // what it rests on
  std::vector<HotKey> keys;
  // Of a key.
  double rate_of(const HotKey& key) const {
    return samples == 0 ? 0 : gets_per_s * static_cast<double>(key.samples) / static_cast<double>(samples);
  }
};

class HotKeyWatch {
 public:
  static constexpr std::size_t kSessionsMost = 8;
  static constexpr double kSamplesPerSecond = 20'000;

  HotKeyWatch(boost::asio::io_context& loop, CacheMemory& memory, const CounterReader& counters)
      : loop_(loop), timer_(loop), memory_(memory), counters_(counters) {}
  ~HotKeyWatch() { stop(); }
  HotKeyWatch(const HotKeyWatch&) = delete;
  HotKeyWatch& operator=(const HotKeyWatch&) = delete;

  // Begins to count for somebody who will ask again within `seconds`; his number. EBUSY: too many look.
  Result<std::uint64_t> open(double seconds);
  // What was counted since the last call, and counts on for `seconds`. ENOENT: he did not ask for too long.
  Result<HotKeyReport> take(std::uint64_t session, std::size_t count, double seconds);
  void stop();

  // How much is sampled for other reasons: cache_control.sample_one_of; 0: nothing. To be called when it
  // changes.
  void set_other_rate(std::uint32_t one_of);

 private:
  struct Session {
    HotKeyTable table;
    std::uint64_t begun_ns = 0;
    std::uint64_t ends_ns = 0;
    double gets_before = 0;
  };
  struct RingFree {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
  };

  static int take_sample(void* self, void* data, std::size_t bytes);
  Result<void> begin();
  void end();
  void poll();
  void poll_later();
  void choose_rate(std::uint64_t now_ns);
  void publish_rate();

  boost::asio::io_context& loop_;
  boost::asio::steady_timer timer_;
  CacheMemory& memory_;
  const CounterReader& counters_;
  std::unique_ptr<ring_buffer, RingFree> ring_;  // while somebody looks
  std::map<std::uint64_t, Session> sessions_;
  std::uint64_t last_session_ = 0;
  int left_ = 0;                    // samples that may still be taken in this turn of the loop
  std::uint32_t other_one_of_ = 0;  // as set
  std::uint32_t own_one_of_ = 0;    // while nobody else samples
  std::uint32_t keys_one_of_ = 0;   // while somebody else does
  std::uint64_t sampled_ = 0;       // CACHE_SAMPLE_TAKEN when last looked at
  double gets_ = 0;                 // keys asked for since the first session, an estimate
  double rated_gets_ = 0;           // when the rate was last chosen, and when that was
  std::uint64_t rated_ns_ = 0;
  Lifetime run_;
};

}  // namespace bmc::cache

#endif

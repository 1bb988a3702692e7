// SPDX-License-Identifier: Apache-2.0
// Leases and the store under threads that run against each other, natively: the same code as in the
// programs. Built with -fsanitize=thread it also shows that what must be ordered is ordered.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/coherence/lease.bpf.h"
#include "apps/memcached-cache/tests/fill_native_store.h"

namespace bmc::test {
namespace {

// ---- Store: what a lookup finds is always a whole entry -----------------------------------------

constexpr std::uint32_t kKeys = 1500;
constexpr std::uint64_t kEpoch = 5;
#if defined(__SANITIZE_THREAD__)
constexpr std::uint32_t kFills = 16000;  // twenty times as slow, and it needs to see an access only once
#else
constexpr std::uint32_t kFills = 100000;
#endif

std::string key_of(std::uint32_t number) { return "key" + std::to_string(number); }

// Mostly zeros, which is what bmcd's write of a deadline at a wrong place would change.
std::string data_of(std::uint32_t key, std::uint32_t version) {
  std::string data(900 + (version * 37u + key) % 400, '\0');
  std::memcpy(data.data(), &version, sizeof version);
  data.back() = static_cast<char>('a' + version % 26);
  return data;
}

struct Asked {
  std::atomic<std::uint64_t> way{0};
};

class StoreStress {
 public:
  explicit StoreStress(std::uint32_t fills) : store_(3, 512), fills_(fills) { store_.watch_owners(); }

  void run() {
    std::vector<std::thread> threads;
    threads.emplace_back([this] { fill(1); });
    threads.emplace_back([this] { fill(2); });
    threads.emplace_back([this] { tell_deadlines(); });
    read();
    for (auto& thread : threads) thread.join();
  }

  std::uint64_t hits() const { return hits_; }
  std::uint64_t told() const { return told_; }
  NativeStore& store() { return store_; }

 private:
  void fill(std::uint32_t seed) {
    std::mt19937 random(seed);
    for (std::uint32_t version = seed; version < fills_; version += 2) {
      const auto key = static_cast<std::uint32_t>(random() % kKeys);
      const bool unknown = version % 8 < 2;
      const bool stalls = seed == 1 && random() % 200 == 0;
      const auto way = store_.fill(key_of(key), data_of(key, version), kEpoch,
                                   unknown ? CACHE_DEADLINE_UNKNOWN : CACHE_DEADLINE_NEVER,
                                   stalls ? [this] { await_rounds(); } : std::function<void()>());
      if (unknown && way != 0) asked_[random() % asked_.size()].way = way;
      for (std::uint32_t other = 0; stalls && other < kKeys; ++other) check(other);
    }
    --fillers_;
  }

  // A writer held up in the middle of its entry, while the log goes around to where it stands and beyond.
  void await_rounds() {
    const auto now = shared_load(&store_.head().recycled), until = now + 3 + now % 2;
    while (fillers_ == 2 && shared_load(&store_.head().recycled) < until) std::this_thread::yield();
  }

  void tell_deadlines() {
    while (fillers_ > 0) {
      for (auto& asked : asked_) {
        const auto way = asked.way.load();  // kept: late answers must do no harm
        if (way != 0 && set_entry_deadline(store_.memory(), way, CACHE_DEADLINE_NEVER)) ++told_;
      }
    }
  }

  void read() {
    std::mt19937 random(3);
    while (fillers_ > 0) hits_ += check(static_cast<std::uint32_t>(random() % kKeys)) ? 1 : 0;
  }

  // What is found of the key, if anything, is a whole entry of it.
  bool check(std::uint32_t key) {
    const auto text = store_.lookup(key_of(key), kEpoch);
    if (text.empty()) return false;
    std::uint32_t version = 0;
    const auto line = text.find("\r\n");
    if (line == std::string::npos || text.size() < line + 2 + sizeof version) {
      ADD_FAILURE() << text;
      return false;
    }
    std::memcpy(&version, text.data() + line + 2, sizeof version);
    EXPECT_TRUE(text == value_text(key_of(key), 0, data_of(key, version))) << "version " << version;
    return true;
  }

  NativeStore store_;
  std::uint32_t fills_;
  std::array<Asked, 64> asked_;
  std::atomic<int> fillers_{2};
  std::uint64_t hits_ = 0;
  std::uint64_t told_ = 0;
};

TEST(FillStress, WhatALookupFindsIsWhole) {
  StoreStress stress(kFills);
  stress.run();
  EXPECT_GT(stress.store().head().recycled, kFills / 4000);
  EXPECT_GT(stress.hits(), 20u);
  EXPECT_GT(stress.told(), 20u);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(stress.store().segment(i).writers, 0u);
}

// ---- Writes: what was filled before is never found after one ------------------------------------

// Keys of one guard and one bucket, each with a version that its writer counts up. A fill reads the version
// under its lease, as memcached's reply would.
class WriteStress {
 public:
  explicit WriteStress(std::uint32_t writes) : store_(2, 1, 1), writes_(writes) {}

  void run() {
    std::thread filler([this] { fill(11); }), other([this] { fill(13); });
    std::mt19937 random(7);
    for (std::uint32_t i = 0; i < writes_; ++i) write(static_cast<std::uint32_t>(random() % kWritten));
    done_ = true;
    filler.join();
    other.join();
  }

  std::uint64_t stale() const { return stale_; }
  std::uint64_t found() const { return found_; }
  std::uint64_t refused() const { return refused_; }

 private:
  static constexpr std::uint32_t kWritten = 3;

  static std::string data(std::uint64_t version) { return std::to_string(version); }

  // Arrives, is executed, and is answered: from then on no older version may be found.
  void write(std::uint32_t key) {
    store_.write_arrives(key_of(key));
    ++version_[key];
    store_.write_released(key_of(key));
    for (int i = 0; i < 20; ++i) {
      const auto text = store_.lookup(key_of(key), kEpoch);
      if (text.empty()) continue;
      ++found_;
      stale_ += text != value_text(key_of(key), 0, data(version_[key])) ? 1 : 0;
    }
  }

  // The lease, then memcached's answer, then the fill.
  void fill(unsigned seed) {
    std::mt19937 random(seed);
    while (!done_) {
      const auto key = static_cast<std::uint32_t>(random() % kWritten);
      const auto leased = store_.lease(key_of(key));
      if (!leased) continue;
      const auto version = version_[key].load();
      if (store_.fill(key_of(key), data(version), kEpoch, CACHE_DEADLINE_NEVER, {}, leased) == 0) ++refused_;
    }
  }

  NativeStore store_;
  std::uint32_t writes_;
  std::array<std::atomic<std::uint64_t>, kWritten> version_{};
  std::atomic<bool> done_{false};
  std::uint64_t stale_ = 0, found_ = 0;
  std::atomic<std::uint64_t> refused_{0};
};

TEST(FillStress, NothingOlderThanAWriteIsFoundAfterIt) {
  WriteStress stress(kFills);
  stress.run();
  EXPECT_EQ(stress.stale(), 0u);
  EXPECT_GT(stress.found(), 100u);
  EXPECT_GT(stress.refused(), 10u);
}

// ---- Leases: whole, taken once, and nothing is forgotten ------------------------------------------

constexpr __u64 kIdentities = 3;

__u64 tag_of(__u64 arrival) { return (arrival % kIdentities) << 2 | 2; }

// Two CPUs that record and take on one slot. The fields of a lease all tell its arrival.
class LeaseStress {
 public:
  explicit LeaseStress(__u64 datagrams) : datagrams_(datagrams), taken_(datagrams + 1) {}

  void run() {
    std::thread other([this] { work(17); });
    work(23);
    other.join();
  }

  // Datagrams neither taken nor in the slot, that are later than what the slot says is unanswered.
  __u64 forgotten() const {
    __u64 count = 0;
    for (__u64 arrival = 1; arrival <= datagrams_; ++arrival) {
      const bool in_slot = lease_.tag != 0 && lease_.arrival_ns == arrival;
      if (taken_[arrival] == 0 && !in_slot && arrival > std::max(lease_.unanswered_ns, lease_.contended_ns))
        ++count;
    }
    return count;
  }

  __u64 taken() const {
    __u64 count = 0;
    for (const auto& times : taken_) count += times;
    return count;
  }

  __u64 taken_twice() const {
    __u64 count = 0;
    for (const auto& times : taken_) count += times > 1;
    return count;
  }

  __u64 torn() const { return torn_; }

 private:
  void work(unsigned seed) {
    std::mt19937 random(seed);
    for (;;) {
      const __u64 arrival = ++clock_;
      if (arrival > datagrams_) break;
      const lease_request request{tag_of(arrival), arrival * 3,    arrival * 5, arrival * 7, 0, 0,
                                  arrival,         LEASE_WISH_FILL};
      lease_record(&lease_, &request);
      for (auto replies = random() % 3; replies > 0; --replies) take(tag_of(random()));
    }
  }

  // unanswered_ns is never below the barrier here (0), so a taken tag whose reply might be an older
  // datagram's stays remembered.
  void take(__u64 tag) {
    lease_taken lease{};
    if (lease_take(&lease_, tag, 0, &lease) == 0) return;
    const bool whole = lease.key_hash == lease.arrival_ns * 3 && lease.stamp == lease.arrival_ns * 5 &&
                       lease.epoch == lease.arrival_ns * 7 && tag_of(lease.arrival_ns) == tag;
    ++(whole ? taken_.at(lease.arrival_ns) : torn_);
  }

  __u64 datagrams_;
  lease lease_{};
  std::vector<std::atomic<std::uint32_t>> taken_;
  std::atomic<__u64> clock_{0};
  std::atomic<std::uint32_t> torn_{0};
};

TEST(FillStress, LeasesAreWholeAndTakenOnce) {
  LeaseStress stress(200000);
  stress.run();
  EXPECT_EQ(stress.torn(), 0u);
  EXPECT_EQ(stress.taken_twice(), 0u);
  EXPECT_EQ(stress.forgotten(), 0u);
  EXPECT_GT(stress.taken(), 10000u);
}

TEST(FillStress, TheLatestOfAllWins) {
  __u64 word = 0;
  std::thread other([&word] {
    for (__u64 i = 0; i < 200000; i += 2) shared_max(&word, i);
  });
  __u64 before = 0;
  for (__u64 i = 1; i < 200000; i += 2) {
    shared_max(&word, i);
    const auto seen = shared_load(&word);
    ASSERT_GE(seen, i);
    ASSERT_GE(seen, before);
    before = seen;
  }
  other.join();
  EXPECT_GE(word, 199999u);
}

}  // namespace
}  // namespace bmc::test

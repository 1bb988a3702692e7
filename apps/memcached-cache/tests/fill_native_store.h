// SPDX-License-Identifier: Apache-2.0
// The store in plain memory, filled by the write side and read by the lookup that the programs run.
// Used by the sizing and the stress test.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/store/append.h"
#include "apps/memcached-cache/store/entry_deadline.h"
#include "apps/memcached-cache/store/lookup.h"
#include "apps/memcached-cache/store/way_kill.h"
#include "apps/memcached-cache/tests/store_fixture.h"

namespace bmc::test {

class NativeStore {
 public:
  NativeStore(std::uint32_t segment_count, std::uint32_t bucket_count, std::uint32_t guard_count = 1024)
      : segments_(segment_count),
        buckets_(bucket_count),
        guards_(guard_count),
        log_bytes_(std::size_t{segment_count} << CACHE_SEGMENT_SHIFT) {
    void* memory = mmap(nullptr, log_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("mmap");
    log_ = static_cast<std::uint8_t*>(memory);
    view_.world.buckets = buckets_.data();
    view_.world.segments = segments_.data();
    view_.world.log = log_;
    view_.world.bucket_count = bucket_count;
    view_.world.segment_count = segment_count;
    view_.head = &head_;
    view_.segment_count = segment_count;
    control_.bucket_count = bucket_count;
    control_.segment_count = segment_count;
    control_.guard_mask = guard_count - 1;
  }
  ~NativeStore() { munmap(log_, log_bytes_); }
  NativeStore(const NativeStore&) = delete;
  NativeStore& operator=(const NativeStore&) = delete;

  // Stores the item as the fill program does, under a lease of the guard's generation `leased` (of now, if
  // not given), stalled for as long as `stall` takes when it has its place. Returns the way word; 0 if there
  // was no space, or another thread took the way or wrote the key.
  std::uint64_t fill(std::string_view key, std::string_view data, std::uint64_t epoch,
                     std::uint32_t deadline = CACHE_DEADLINE_NEVER, const std::function<void()>& stall = {},
                     std::optional<std::uint64_t> leased = {}) {
    const std::uint64_t generation = leased ? *leased : lease(key).value_or(0);
    const auto text = value_text(key, 0, data);
    text_words words{};
    if (text.size() > CACHE_TEXT_MAX) throw std::invalid_argument("text too long");
    std::memcpy(&words, text.data(), text.size());
    entry_wanted wanted{key_hash(kSeed, key), static_cast<std::uint32_t>(key.size()), 0,
                        shared_load_u32(&head_.current), view_.segment_count};
    auto* bucket = world_bucket(&view_.world, cache_bucket_index(wanted.key_hash, control_.bucket_count));
    bucket_slot slot{};
    bucket_scan(&view_.world, bucket, &wanted, &words, &slot);
    log_place place{};
    const auto bytes = static_cast<std::uint32_t>((sizeof(entry) + text.size() + 7) & ~std::size_t{7});
    if (log_reserve(&view_, bytes, &place) == 0) return 0;
    if (stall) stall();
    write(place, words, text.size(), entry_epoch_key(epoch, wanted.key_len, 0), deadline);
    const auto way = publish(*bucket, slot, wanted.key_hash, place.way, generation);
    log_release(&place);
    return way;
  }

  // A write of the key has arrived: what cgroup ingress does.
  void write_arrives(std::string_view key) {
    const auto hash = key_hash(kSeed, key);
    guard_arrive(&guard_of(hash).word);
    bucket_kill(&buckets_[cache_bucket_index(hash, control_.bucket_count)], hash);
  }

  // Its reply has left.
  void write_released(std::string_view key) {
    auto& guard = guard_of(key_hash(kSeed, key));
    guard_release(&guard.word, &guard.last_release_ns, 1);
  }

  // What a lease of the key granted now would bear; none is granted while a write is in flight.
  std::optional<std::uint64_t> lease(std::string_view key) {
    const std::uint64_t word = shared_load(&guard_of(key_hash(kSeed, key)).word);
    if (GUARD_IN_FLIGHT(word) != 0) return std::nullopt;
    return GUARD_GENERATION(word);
  }

  // The text that an XDP program would answer with; empty if none. Copies as it does and checks after it.
  // The copy races with writers by design, and the check tells: kept away from ThreadSanitizer.
  __attribute__((no_sanitize("thread"))) std::string lookup(const std::string& key, std::uint64_t epoch) {
    cache_key wanted{};
    std::memcpy(wanted.word, key.data(), key.size());
    wanted.hash = key_hash(kSeed, key);
    wanted.length = static_cast<std::uint32_t>(key.size());
    server_state server{};
    server.global = epoch << GUARD_FLIGHT_BITS;
    cache_hit hit{};
    if (cache_lookup(&view_.world, &control_, &server, &wanted, &hit) != CACHE_TX_HIT) return {};
    std::uint64_t copy[TEXT_WORDS];
    for (std::uint32_t i = 0; i < (hit.text_bytes + 7) / 8; ++i) {
      copy[i] = shared_load(reinterpret_cast<const __u64*>(hit.text) + i);
    }
    if (!hit_is_whole(&hit)) return {};
    return {reinterpret_cast<const char*>(copy), hit.text_bytes};
  }

  // Sum over all entries that a way leads to.
  std::uint64_t reachable_text_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& bucket : buckets_) {
      for (const auto way : bucket.way) {
        if ((way & WAY_VALID) == 0 || !way_alive(&view_.world, way)) continue;
        sum += entry_read(way_entry(&view_.world, way)).text_len;
      }
    }
    return sum;
  }

  log_state& head() { return head_; }
  struct segment& segment(std::uint32_t index) {
    return segments_.at(index);
  }
  StoreMemory memory() { return {segments_.data(), log_, view_.segment_count}; }

  // From now on ThreadSanitizer sees who writes where in the log.
  void watch_owners() { owner_.resize(log_bytes_ >> CACHE_ENTRY_ALIGN_SHIFT); }

  static constexpr std::uint64_t kSeed = 0x5eed;

 private:
  guard& guard_of(std::uint64_t hash) { return guards_[cache_guard_index(hash, control_.guard_mask)]; }

  // As publish() of tc/fill_store.bpf.h.
  std::uint64_t publish(struct bucket& bucket, const bucket_slot& slot, std::uint64_t hash,
                        std::uint64_t place, std::uint64_t generation) {
    const std::uint64_t way = cache_tag(hash) << WAY_TAG_SHIFT | place;
    if (way_publish(&bucket, &slot, way | WAY_PENDING) == 0) return 0;
    if (GUARD_GENERATION(shared_load(&guard_of(hash).word)) != generation) {
      way_settle(&bucket, &slot, way | WAY_PENDING, 0);
      return 0;
    }
    return way_settle(&bucket, &slot, way | WAY_PENDING, way | WAY_VALID) != 0 ? way | WAY_VALID : 0;
  }

  // Word by word and atomically, as a reader may look at any time. That no two writers ever have the same
  // place is what ThreadSanitizer checks by the plain writes to `owner_`.
  void write(const log_place& place, const text_words& words, std::uint64_t text_len, std::uint64_t epoch_key,
             std::uint32_t deadline) {
    const auto first = static_cast<std::size_t>(reinterpret_cast<std::uint8_t*>(place.entry) - log_) / 8;
    const std::size_t text_words_used = (text_len + 7) / 8;
    if (!owner_.empty())
      std::fill_n(owner_.begin() + static_cast<std::ptrdiff_t>(first), text_words_used + 2, epoch_key);
    for (std::size_t i = 0; i < text_words_used; ++i) shared_store(&place.entry->word[i], words.word[i]);
    shared_store(&place.entry->header[0], epoch_key);
    shared_store(&place.entry->header[1], deadline | text_len << 32);
  }

  log_state head_{};
  std::vector<struct segment> segments_;
  std::vector<struct bucket> buckets_;
  std::vector<struct guard> guards_;
  std::size_t log_bytes_;
  std::uint8_t* log_ = nullptr;
  std::vector<std::uint64_t> owner_;
  cache_control control_{};
  store_view view_{};
};

}  // namespace bmc::test

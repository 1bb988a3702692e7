// SPDX-License-Identifier: Apache-2.0
// The cache's maps as a test sees and fills them: by the ABI alone, through mmap. Used by the tests of the
// XDP and TC programs; works with any loaded object that has the maps of store/cache_maps.bpf.h.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <time.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/store/sketch.h"
#include "apps/memcached-cache/tests/packet_builder.h"
#include "xdp/lib/checksum.bpf.h"

namespace bmc::test {

// Elements of each map whose size is set at load.
struct StoreSizes {
  std::uint32_t guards = 1024;  // a power of two
  std::uint32_t buckets = 64;
  std::uint32_t segments = 2;
  std::uint32_t leases = 256;  // a power of two
  std::uint32_t sketch = 16;
};

// What to put into the store. Unset: as a correct fill of now would have it.
struct Item {
  std::string key;
  std::string data;
  std::uint32_t flags = 0;
  std::uint8_t server = 0;
  std::uint32_t deadline = CACHE_DEADLINE_NEVER;
  std::optional<std::uint64_t> epoch{};
  std::optional<std::string> text{};  // instead of the VALUE line and the data
  std::uint32_t segment = 0;
  std::optional<std::uint32_t> way{};  // unset: the first empty one
};

// Where it went. The pointers are into the maps.
struct Placed {
  std::uint64_t hash;
  std::string text;
  struct entry* entry;
  struct bucket* bucket;
  std::uint32_t way;
};

inline std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000u + static_cast<std::uint64_t>(now.tv_nsec);
}

inline std::uint32_t deadline_units(std::uint64_t ns) {
  return static_cast<std::uint32_t>(ns >> CACHE_DEADLINE_SHIFT);
}

// The reply text memcached sends for one item.
inline std::string value_text(std::string_view key, std::uint32_t flags, std::string_view data) {
  return "VALUE " + std::string(key) + " " + std::to_string(flags) + " " + std::to_string(data.size()) +
         "\r\n" + std::string(data) + "\r\n";
}

// The cache's hash of a key, byte by byte: not the word-at-a-time code that the programs run.
inline std::uint64_t key_hash(std::uint64_t seed, std::string_view key) {
  std::uint64_t hash = seed;
  for (std::size_t at = 0; at < key.size(); at += 8) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8 && at + i < key.size(); ++i) {
      word |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(key[at + i])) << (8 * i);
    }
    hash = cache_hash_word(hash, word);
  }
  return cache_hash_finish(hash, static_cast<std::uint32_t>(key.size()));
}

// entry.text_sum of a text: as the CPU would load it, so the bytes of RFC 1071's sum swapped.
inline std::uint16_t text_sum(std::string_view text) {
  const auto sum = internet_sum(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  static_assert(std::endian::native == std::endian::little);
  return static_cast<std::uint16_t>(sum >> 8 | sum << 8);
}

// One map, mapped read-write. Unmapped at the end.
template <typename T>
class MappedArray {
 public:
  MappedArray(bpf_object* object, const char* name) {
    bpf_map* map = bpf_object__find_map_by_name(object, name);
    if (map == nullptr) throw std::runtime_error(std::string("no map ") + name);
    const std::size_t element = (bpf_map__value_size(map) + 7u) & ~std::size_t{7};
    count_ = bpf_map__max_entries(map);
    bytes_ = (element * count_ + 4095u) & ~std::size_t{4095};
    if (element != sizeof(T)) throw std::runtime_error(std::string("another value size: map ") + name);
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    if (memory == MAP_FAILED) throw std::runtime_error(std::string("cannot mmap ") + name);
    memory_ = static_cast<T*>(memory);
  }
  ~MappedArray() { munmap(memory_, bytes_); }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;

  T& operator[](std::size_t index) const {
    if (index >= count_) throw std::out_of_range("map index");
    return memory_[index];
  }
  std::uint32_t count() const { return count_; }
  void clear() { std::memset(memory_, 0, sizeof(T) * count_); }

 private:
  T* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint32_t count_ = 0;
};

struct LogSegment {
  std::uint8_t byte[CACHE_SEGMENT_BYTES];
};

using Counters = std::map<cache_counter, std::uint64_t>;  // without those that are 0

// "hit", "torn": the name under which a counter is exported.
inline const char* counter_reason(cache_counter counter) {
  static constexpr std::array<const char*, CACHE_COUNTER_COUNT> kReasons{
#define BMC_TEST_REASON(name, where, verdict, reason, text) where "/" verdict "/" reason,
      CACHE_COUNTERS(BMC_TEST_REASON)
#undef BMC_TEST_REASON
  };
  return counter < CACHE_COUNTER_COUNT ? kReasons.at(counter) : "?";
}

// The maps of one loaded object. The object must outlive it.
class CacheStore {
 public:
  // Before the object is loaded.
  static void set_sizes(bpf_object* object, const StoreSizes& sizes) {
    const std::pair<const char*, std::uint32_t> maps[] = {
        {"guards", sizes.guards},     {"hints", sizes.guards},       {"buckets", sizes.buckets},
        {"segments", sizes.segments}, {"log_bytes", sizes.segments}, {"leases", sizes.leases},
        {"sketch", sizes.sketch}};
    for (const auto& [name, entries] : maps) {
      bpf_map* map = bpf_object__find_map_by_name(object, name);
      if (map != nullptr && bpf_map__set_max_entries(map, entries) != 0) throw std::runtime_error(name);
    }
  }

  explicit CacheStore(bpf_object* object)
      : control_(object, "control"),
        servers_(object, "servers"),
        guards_(object, "guards"),
        buckets_(object, "buckets"),
        segments_(object, "segments"),
        log_(object, "log_bytes"),
        sketch_(object, "sketch"),
        counters_fd_(bpf_object__find_map_fd_by_name(object, "counters")) {
    reset();
  }

  // Empty, in serve mode, bmcd alive for the next hour; nothing served yet.
  void reset() {
    control_.clear();
    servers_.clear();
    guards_.clear();
    buckets_.clear();
    segments_.clear();
    sketch_.clear();
    served_.clear();
    control().abi_version = CACHE_ABI_VERSION;
    control().mode = CACHE_MODE_SERVE;
    control().heartbeat_ns = monotonic_ns();
    control().heartbeat_limit_ns = 3600ull * 1000000000u;
    control().bucket_count = buckets_.count();
    control().segment_count = segments_.count();
    control().guard_mask = guards_.count() - 1;
    control().sketch_blocks = sketch_.count();
    for (std::uint32_t i = 0; i < CACHE_SERVERS_MAX; ++i) server(i).hash_seed = 0x9e3779b97f4a7c15u * (i + 1);
  }

  // Adds an address of a server to the table, under a seed by which none collide.
  void serve(std::uint8_t server_index, const std::string& address, std::uint16_t port) {
    served_address entry{};
    const auto bytes = address_bytes(address);
    std::memcpy(entry.addr_be, bytes.data(), bytes.size());
    entry.port_be = htons(port);
    entry.server = server_index;
    entry.used = 1;
    served_.push_back(entry);
    while (!lay_out_addresses()) ++control().address_seed;
    for (auto& watched : control().port) {
      if (watched.used && watched.port == port) return;
      if (!watched.used) {
        watched = {port, server_index, 1};
        return;
      }
    }
    throw std::runtime_error("more ports than the table holds");
  }

  // Writes an entry and its way as a fill would.
  Placed place(const Item& item) {
    Placed placed{};
    placed.hash = hash(item.key, item.server);
    placed.text = item.text.value_or(value_text(item.key, item.flags, item.data));
    placed.bucket = &bucket_of(placed.hash);
    placed.way = item.way.value_or(empty_way(*placed.bucket));
    const std::uint32_t offset = allocate(item.segment, placed.text.size());
    placed.entry = reinterpret_cast<struct entry*>(log_[item.segment].byte + offset);
    write_entry(*placed.entry, item, placed);
    placed.bucket->way[placed.way] = way_word(placed.hash, item.segment, offset);
    return placed;
  }

  // The way word that points to an entry of this segment's generation of now.
  std::uint64_t way_word(std::uint64_t hash, std::uint32_t segment_index, std::uint32_t offset) {
    return WAY_VALID | cache_tag(hash) << WAY_TAG_SHIFT |
           (segment(segment_index).generation & WAY_GENERATION_MASK) << WAY_GENERATION_SHIFT |
           std::uint64_t{segment_index} << WAY_SEGMENT_SHIFT | offset >> CACHE_ENTRY_ALIGN_SHIFT;
  }

  // The stamp of a lease of the key granted now.
  std::uint64_t stamp(std::uint64_t hash, std::uint8_t server_index) {
    return (GUARD_GENERATION(guard_of(hash).word) + GUARD_GENERATION(server(server_index).global)) &
           CACHE_EPOCH_MASK;
  }

  std::uint64_t epoch(std::uint8_t server_index) {
    return GUARD_GENERATION(server(server_index).global) & CACHE_EPOCH_MASK;
  }

  std::uint64_t hash(std::string_view key, std::uint8_t server_index = 0) {
    return key_hash(server(server_index).hash_seed, key);
  }

  cache_control& control() { return control_[0]; }
  server_state& server(std::uint32_t index) { return servers_[index]; }
  guard& guard_of(std::uint64_t hash) { return guards_[cache_guard_index(hash, control().guard_mask)]; }
  bucket& bucket_of(std::uint64_t hash) { return buckets_[cache_bucket_index(hash, control().bucket_count)]; }
  struct segment& segment(std::uint32_t index) {
    return segments_[index];
  }
  sketch_block& sketch_of(std::uint64_t hash) {
    return sketch_[sketch_block_index(hash, control().sketch_blocks)];
  }
  std::uint8_t* log(std::uint32_t segment_index) { return log_[segment_index].byte; }
  guard* guards() { return &guards_[0]; }
  bucket* buckets() { return &buckets_[0]; }

  // Sum over all CPUs.
  Counters counters() const {
    std::vector<std::uint64_t> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    Counters sums;
    for (std::uint32_t i = 0; i < CACHE_COUNTER_COUNT; ++i) {
      if (bpf_map_lookup_elem(counters_fd_, &i, values.data()) != 0) throw std::runtime_error("counters");
      std::uint64_t sum = 0;
      for (const auto value : values) sum += value;
      if (sum != 0) sums[static_cast<cache_counter>(i)] = sum;
    }
    return sums;
  }

 private:
  static std::uint32_t empty_way(const struct bucket& bucket) {
    for (std::uint32_t i = 0; i < CACHE_BUCKET_WAYS; ++i) {
      if (bucket.way[i] == 0) return i;
    }
    throw std::runtime_error("bucket full: name the way");
  }

  std::uint32_t allocate(std::uint32_t segment_index, std::size_t text_bytes) {
    const std::uint32_t offset = segment(segment_index).used;
    segment(segment_index).used +=
        static_cast<std::uint32_t>((sizeof(struct entry) + text_bytes + 7) & ~7ull);
    if (offset > CACHE_SEGMENT_BYTES - CACHE_ENTRY_MAX) throw std::runtime_error("segment full");
    return offset;
  }

  void write_entry(struct entry& entry, const Item& item, const Placed& placed) {
    entry.epoch_key = item.epoch.value_or(epoch(item.server)) |
                      std::uint64_t{item.key.size()} << CACHE_EPOCH_BITS | std::uint64_t{item.server} << 56;
    entry.deadline = item.deadline;
    entry.text_len = static_cast<std::uint16_t>(placed.text.size());
    entry.text_sum = text_sum(placed.text);
    std::memcpy(&entry + 1, placed.text.data(), placed.text.size());
  }

  bool lay_out_addresses() {
    std::memset(control().address, 0, sizeof control().address);
    for (const auto& served : served_) {
      auto& slot = control().address[cache_address_slot(served.addr_be, served.port_be,
                                                        control().address_seed, CACHE_ADDRESSES_MAX)];
      if (slot.used) return false;
      slot = served;
    }
    return true;
  }

  MappedArray<cache_control> control_;
  MappedArray<server_state> servers_;
  MappedArray<guard> guards_;
  MappedArray<bucket> buckets_;
  MappedArray<struct segment> segments_;
  MappedArray<LogSegment> log_;
  MappedArray<sketch_block> sketch_;
  int counters_fd_;
  std::vector<served_address> served_;
};

}  // namespace bmc::test

// SPDX-License-Identifier: Apache-2.0
// What the store holds: one key (for `bmcctl get`), and the totals, counted in the background.
// Used by CacheApp, its metrics and its control requests.
#ifndef BMC_CACHE_DAEMON_STORE_SCAN_H
#define BMC_CACHE_DAEMON_STORE_SCAN_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/memcached-cache/daemon/cache_memory.h"

namespace bmc::cache {

// An entry as it stands in the log; copied while nobody overwrote it.
struct StoredEntry {
  std::uint32_t server = 0;
  std::uint64_t epoch = 0;
  std::uint32_t deadline = 0;  // CACHE_DEADLINE units
  std::string key;
  std::string text;  // "VALUE <key> <flags> <bytes>\r\n<data>\r\n"
};

// Why an entry is served or not, in words; `servable` is what it comes to.
struct EntryState {
  bool servable = false;
  const char* text = "";
};

// As cache_hash.h has it, with the server's seed.
std::uint64_t hash_of(std::string_view key, std::uint64_t seed);

// The entry a way leads to; nothing if it was recycled or makes no sense.
std::optional<StoredEntry> read_entry(CacheMemory& memory, std::uint64_t way);
// The newest entry of this key under this server.
std::optional<StoredEntry> find_entry(CacheMemory& memory, std::uint32_t server, std::string_view key);

EntryState judge_entry(CacheMemory& memory, const StoredEntry& entry, std::uint64_t now_ns);
EntryState judge_entry(CacheMemory& memory, std::uint32_t server, std::uint64_t epoch, std::uint32_t deadline,
                       std::uint64_t now_ns);

struct StoreTotals {
  std::uint64_t entries = 0;   // that a way leads to
  std::uint64_t servable = 0;  // of them
  std::uint64_t bytes = 0;     // of their texts
  std::uint64_t guards_in_flight = 0;
};

// Counts in slices that are short whatever the size of the store: bmcd may share its processor with
// memcached, whose UDP queue holds a few milliseconds of requests.
class StoreScan {
 public:
  static constexpr std::uint64_t kSliceNs = 100'000;

  explicit StoreScan(CacheMemory& memory) : memory_(memory) {}

  // Goes on for about kSliceNs. True: that was the end of a pass, the totals are new.
  bool step();
  // Of the last whole pass; zeros before the first.
  const StoreTotals& totals() const { return totals_; }

 private:
  void scan_bucket(const bucket& bucket, std::uint64_t now_ns);
  // The next few buckets and guards.
  void scan_some(std::uint64_t now_ns);
  bool is_done() const;

  CacheMemory& memory_;
  std::uint32_t bucket_ = 0;
  std::uint32_t guard_ = 0;
  StoreTotals counting_;
  StoreTotals totals_;
};

}  // namespace bmc::cache

#endif

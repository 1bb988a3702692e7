// SPDX-License-Identifier: Apache-2.0
// Reading of entries beside the programs that write them: copy, then ask whether the segment was recycled.
#include "apps/memcached-cache/daemon/store_scan.h"

#include <algorithm>
#include <cstring>

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace {

constexpr std::uint32_t kBucketsAtOnce = 32;  // some microseconds, between two looks at the clock
constexpr std::string_view kValue = "VALUE ";

struct WayPlace {
  const segment* in;
  const std::uint8_t* at;
};

std::optional<WayPlace> place_of(CacheMemory& memory, std::uint64_t way) {
  const auto index = static_cast<std::uint32_t>(way >> WAY_SEGMENT_SHIFT & WAY_SEGMENT_MASK);
  const std::uint64_t offset = (way & WAY_OFFSET_MASK) << CACHE_ENTRY_ALIGN_SHIFT;
  if ((way & WAY_VALID) == 0 || index >= memory.segments.size() ||
      offset > CACHE_SEGMENT_BYTES - CACHE_ENTRY_MAX)
    return std::nullopt;
  return WayPlace{&memory.segments[index], memory.log[index].byte + offset};
}

bool is_alive(const WayPlace& place, std::uint64_t way) {
  return ((observe(place.in->generation) ^ way >> WAY_GENERATION_SHIFT) & WAY_GENERATION_MASK) == 0;
}

// The header, once it is sure that it was whole.
std::optional<entry> read_header(const WayPlace& place, std::uint64_t way) {
  if (!is_alive(place, way)) return std::nullopt;
  const auto* words = reinterpret_cast<const std::uint64_t*>(place.at);
  const std::uint64_t raw[2] = {observe(words[0]), observe(words[1])};
  entry header;
  std::memcpy(&header, raw, sizeof header);
  if (!is_alive(place, way)) return std::nullopt;
  return header;
}

// Byte by byte, since the programs may write there; who sees the segment recycled afterwards throws it away.
void copy_text(const WayPlace& place, std::size_t from, std::size_t length, char* to) {
  for (std::size_t i = 0; i < length; i++)
    to[i] = static_cast<char>(observe(place.at[sizeof(entry) + from + i]));
}

std::uint32_t key_length(const entry& header) { return header.epoch_key >> CACHE_EPOCH_BITS & 0xff; }
std::uint32_t server_of(const entry& header) { return static_cast<std::uint32_t>(header.epoch_key >> 56); }

}  // namespace

std::uint64_t hash_of(std::string_view key, std::uint64_t seed) {
  std::uint64_t hash = seed;
  for (std::size_t i = 0; i < key.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, key.data() + i, std::min<std::size_t>(8, key.size() - i));
    hash = cache_hash_word(hash, word);
  }
  return cache_hash_finish(hash, static_cast<__u32>(key.size()));
}

std::optional<StoredEntry> read_entry(CacheMemory& memory, std::uint64_t way) {
  const std::optional<WayPlace> place = place_of(memory, way);
  if (!place) return std::nullopt;
  const std::optional<entry> header = read_header(*place, way);
  if (!header || header->text_len > CACHE_TEXT_MAX) return std::nullopt;
  StoredEntry found;
  found.text.resize(header->text_len);
  copy_text(*place, 0, found.text.size(), found.text.data());
  if (!is_alive(*place, way)) return std::nullopt;
  if (!found.text.starts_with(kValue) || found.text.size() < kValue.size() + key_length(*header))
    return std::nullopt;
  found.key = found.text.substr(kValue.size(), key_length(*header));
  found.server = server_of(*header);
  found.epoch = header->epoch_key & CACHE_EPOCH_MASK;
  found.deadline = header->deadline;
  return found;
}

std::optional<StoredEntry> find_entry(CacheMemory& memory, std::uint32_t server, std::string_view key) {
  const std::uint64_t hash = hash_of(key, observe(memory.servers[server].hash_seed));
  const bucket& bucket = memory.buckets[cache_bucket_index(hash, memory.control().bucket_count)];
  std::optional<StoredEntry> newest;
  for (const __u64& each : bucket.way) {
    const std::uint64_t way = observe(each);
    if ((way >> WAY_TAG_SHIFT & WAY_TAG_MASK) != cache_tag(hash)) continue;
    std::optional<StoredEntry> found = read_entry(memory, way);
    if (!found || found->server != server || found->key != key) continue;
    if (!newest || found->epoch > newest->epoch) newest = std::move(found);
  }
  return newest;
}

EntryState judge_entry(CacheMemory& memory, const StoredEntry& entry, std::uint64_t now_ns) {
  if (entry.server >= CACHE_SERVERS_MAX) return {false, "of an unknown server"};
  return judge_entry(memory, entry.server, entry.epoch, entry.deadline, now_ns);
}

EntryState judge_entry(CacheMemory& memory, std::uint32_t server, std::uint64_t epoch, std::uint32_t deadline,
                       std::uint64_t now_ns) {
  server_state& state = memory.servers[server];
  if (guard_epoch(observe(state.global)) != epoch) return {false, "flushed since"};
  if (deadline == CACHE_DEADLINE_UNKNOWN) return {false, "expiry not known yet"};
  const auto now = static_cast<std::uint32_t>(now_ns >> CACHE_DEADLINE_SHIFT);
  if (deadline != CACHE_DEADLINE_NEVER && now >= deadline) return {false, "expired"};
  if (const std::uint32_t flush = observe(state.flush_from); flush != 0 && now >= flush)
    return {false, "a delayed flush_all is due"};
  if (load_hold(state) != 0) return {false, "server held"};
  return {true, "servable"};
}

void StoreScan::scan_bucket(const bucket& bucket, std::uint64_t now_ns) {
  for (const __u64& each : bucket.way) {
    const std::uint64_t way = observe(each);
    const std::optional<WayPlace> place = place_of(memory_, way);
    if (!place) continue;
    const std::optional<entry> header = read_header(*place, way);
    if (!header || header->text_len > CACHE_TEXT_MAX) continue;
    counting_.entries++;
    counting_.bytes += header->text_len;
    const std::uint32_t server = server_of(*header);
    if (server >= CACHE_SERVERS_MAX) continue;
    counting_.servable +=
        judge_entry(memory_, server, header->epoch_key & CACHE_EPOCH_MASK, header->deadline, now_ns).servable;
  }
}

void StoreScan::scan_some(std::uint64_t now_ns) {
  for (const std::uint32_t end = std::min(memory_.buckets.size(), bucket_ + kBucketsAtOnce); bucket_ < end;
       bucket_++)
    scan_bucket(memory_.buckets[bucket_], now_ns);
  for (const std::uint32_t end = std::min(memory_.guards.size(), guard_ + kBucketsAtOnce); guard_ < end;
       guard_++)
    counting_.guards_in_flight += GUARD_IN_FLIGHT(observe(memory_.guards[guard_].word)) != 0;
}

bool StoreScan::is_done() const {
  return bucket_ >= memory_.buckets.size() && guard_ >= memory_.guards.size();
}

bool StoreScan::step() {
  const std::uint64_t start = monotonic_ns();
  for (std::uint64_t now = start; !is_done() && now - start < kSliceNs; now = monotonic_ns()) scan_some(now);
  if (!is_done()) return false;
  totals_ = counting_;
  counting_ = {};
  bucket_ = guard_ = 0;
  return true;
}

}  // namespace bmc::cache

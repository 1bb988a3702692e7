// SPDX-License-Identifier: Apache-2.0
// The observing programs alone (no daemon) beside a real memcached: loads and attaches them, and reads
// what they know. Used by the coherence tests, which play bmcd's part where it is needed.
#ifndef BMC_NETNS_TESTS_OBSERVED_SERVER_H
#define BMC_NETNS_TESTS_OBSERVED_SERVER_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/memcached-cache/coherence/connection_abi.h"
#include "control-plane/mapped_array.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/memcached.h"

struct cache_host;
struct bpf_link;
struct ring_buffer;

namespace bmc::lab {

/// Attached to the root of cgroup v2 while it lives; watches kMemcachedPort of one namespace.
class Observer {
 public:
  /// `netns`: only its packets count, where the kernel can tell namespaces apart (6.13).
  explicit Observer(const Netns& netns);
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  struct Guard {
    uint64_t generation = 0;
    uint64_t in_flight = 0;
    friend bool operator==(const Guard&, const Guard&) = default;
  };
  Guard key(const std::string& key) const;
  Guard global() const;
  uint64_t counter(enum cache_counter counter) const;
  /// What the programs told bmcd of this kind since they were last asked for it or for another one.
  std::vector<cache_event> events(enum cache_event_kind kind);
  /// Elements of map `connections`.
  std::vector<connection> connections() const;
  server_state& server() { return servers_[0]; }
  /// The hint about a key's expiry; its deadline is UNKNOWN when there is none for the present generation.
  uint32_t hinted_deadline(const std::string& key) const;
  lease lease_of(const Endpoint& client, uint16_t request_id) const;
  sweep_call sweep(sweep_call call) const;
  /// The listening and UDP sockets of the namespace's port, as bmcd would find them.
  void learn_server_sockets(const Netns& netns);
  /// What bmcd publishes each second: the second that memcached's clock has surely reached.
  void publish_clock(uint64_t floor_s, int64_t wall_to_mono_s);
  /// What bmcd publishes once the log is full.
  void admit_from(uint32_t count) { control_[0].admit_from = count; }
  /// The XDP program counted so many gets of the key.
  void count_gets(const std::string& key, uint32_t count);
  /// The store has some entry of the key: its only bucket shows a valid way with the key's tag.
  void make_known(const std::string& key);
  /// The store's only bucket.
  const bucket& ways() const { return buckets_[0]; }
  /// What a valid way with the key's tag leads to; nothing when there is none that is alive.
  struct Entry {
    entry header;
    std::string text;
  };
  std::optional<Entry> entry_of(const std::string& key) const;
  /// The log came around: what stands in its only segment is no entry any more.
  void recycle_log() { __atomic_fetch_add(&segments_[0].generation, 1, __ATOMIC_SEQ_CST); }
  uint64_t hash_of(const std::string& key) const;
  /// Elements of map `udp_writes`.
  std::vector<udp_write> udp_writes() const;

 private:
  struct LogSegment {
    uint8_t byte[CACHE_SEGMENT_BYTES];
  };

  void configure(const Netns& netns);
  void attach();

  cache_host* skeleton_ = nullptr;
  std::vector<bpf_link*> links_;
  ring_buffer* ring_ = nullptr;
  std::vector<cache_event> events_;
  MappedArray<cache_control> control_;
  MappedArray<server_state> servers_;
  MappedArray<guard> guards_;
  MappedArray<ttl_hint> hints_;
  MappedArray<lease> leases_;
  MappedArray<sketch_block> sketch_;
  MappedArray<bucket> buckets_;
  MappedArray<segment> segments_;
  MappedArray<LogSegment> log_;
};

}  // namespace bmc::lab

#endif

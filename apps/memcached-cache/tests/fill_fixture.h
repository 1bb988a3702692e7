// SPDX-License-Identifier: Apache-2.0
// The fill program on a small store: leases given by the real ingress code, replies run through the real
// program, events and counters read back. Used by the fill_*_test.cc that need the kernel.
#pragma once

#include <gtest/gtest.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/coherence/lease.bpf.h"
#include "apps/memcached-cache/store/append.h"
#include "apps/memcached-cache/store/entry_deadline.h"
#include "apps/memcached-cache/store/way_kill.h"
#include "apps/memcached-cache/tests/packet_builder.h"
#include "apps/memcached-cache/tests/store_fixture.h"
#include "cache_fill_only.skel.h"

namespace bmc::test {

inline constexpr std::uint16_t kServerPort = 11211;
inline constexpr std::uint16_t kClientPort = 40000;
inline constexpr std::uint16_t kRequestId = 0x5a01;

// A UDP datagram with a request, as cgroup ingress identifies it.
struct Get {
  std::uint8_t server = 0;
  std::string client = "192.0.2.10";
  std::uint16_t port = kClientPort;
  std::uint16_t id = kRequestId;
  lease_wish wish = LEASE_WISH_FILL;
};

// The maps that only a fill needs, beside CacheStore's.
class FillStore : public CacheStore {
 public:
  explicit FillStore(bpf_object* object)
      : CacheStore(object),
        hints_(object, "hints"),
        leases_(object, "leases"),
        head_(object, "log_head"),
        counters_fd_(bpf_object__find_map_fd_by_name(object, "counters")),
        histogram_fd_(bpf_object__find_map_fd_by_name(object, "miss_path_ns")) {}

  void reset_all() {
    reset();
    hints_.clear();
    leases_.clear();
    head_.clear();
    control().lease_mask = leases_.count() - 1;
    const std::vector<std::uint64_t> zeros(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    for (std::uint32_t i = 0; i < CACHE_COUNTER_COUNT; ++i) {
      bpf_map_update_elem(counters_fd_, &i, zeros.data(), BPF_ANY);
    }
    for (std::uint32_t i = 0; i < CACHE_HISTOGRAM_BUCKETS; ++i) {
      bpf_map_update_elem(histogram_fd_, &i, zeros.data(), BPF_ANY);
    }
  }

  ttl_hint& hint_of(std::uint64_t hash) { return hints_[cache_guard_index(hash, control().guard_mask)]; }
  struct lease& lease(std::uint32_t slot) {
    return leases_[slot];
  }
  log_state& head() { return head_[0]; }
  StoreMemory memory() { return {&segment(0), log(0), control().segment_count}; }

  // Sum of the histogram's buckets, and the highest one that is not empty.
  std::pair<std::uint64_t, std::uint32_t> miss_path() const {
    std::vector<std::uint64_t> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    std::pair<std::uint64_t, std::uint32_t> result{0, 0};
    for (std::uint32_t i = 0; i < CACHE_HISTOGRAM_BUCKETS; ++i) {
      bpf_map_lookup_elem(histogram_fd_, &i, values.data());
      for (const auto value : values) {
        result.first += value;
        if (value != 0) result.second = i;
      }
    }
    return result;
  }

  // The entries of a key that a way leads to, with living segments.
  std::vector<const struct entry*> entries(const std::string& key, std::uint8_t server_index = 0) {
    std::vector<const struct entry*> found;
    const auto key_hash = hash(key, server_index);
    for (const std::uint64_t way : bucket_of(key_hash).way) {
      if ((way & WAY_VALID) == 0 || way_tag(way) != cache_tag(key_hash)) continue;
      if ((segment(way_segment(way)).generation & WAY_GENERATION_MASK) !=
          (way >> WAY_GENERATION_SHIFT & WAY_GENERATION_MASK)) {
        continue;
      }
      const auto* entry = reinterpret_cast<const struct entry*>(log(way_segment(way)) + way_offset(way));
      if (text_of(*entry).substr(6, key.size()) == key) found.push_back(entry);
    }
    return found;
  }

  static std::string text_of(const struct entry& entry) {
    return {reinterpret_cast<const char*>(&entry + 1), entry.text_len};
  }

 private:
  MappedArray<ttl_hint> hints_;
  MappedArray<struct lease> leases_;
  MappedArray<log_state> head_;
  int counters_fd_;
  int histogram_fd_;
};

class FillTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    skeleton_ = cache_fill_only__open();
    if (skeleton_ == nullptr) throw std::runtime_error("cache_fill_only__open");
    CacheStore::set_sizes(skeleton_->obj, {.guards = 1024, .buckets = 64, .segments = 4, .leases = 256});
    // Small, so that a test can fill it up.
    bpf_map__set_max_entries(skeleton_->maps.events, 4096);
    if (cache_fill_only__load(skeleton_) != 0) throw std::runtime_error("cache_fill_only__load (as root?)");
    store_ = std::make_unique<FillStore>(skeleton_->obj);
    ring_ = ring_buffer__new(bpf_map__fd(skeleton_->maps.events), &FillTest::on_event, nullptr, nullptr);
    if (ring_ == nullptr) throw std::runtime_error("ring_buffer__new");
  }

  static void TearDownTestSuite() {
    ring_buffer__free(ring_);
    store_.reset();
    cache_fill_only__destroy(skeleton_);
  }

  void SetUp() override {
    events();
    store().reset_all();
    store().serve(0, "192.0.2.1", kServerPort);
    store().serve(1, "2001:db8::1", kServerPort);
  }

  static FillStore& store() { return *store_; }

  // A reply of memcached on its way out, from the IPv4 server.
  static Bytes reply(const std::string& text, std::uint16_t id = kRequestId) {
    return frame(Ethernet{} / IPv4{.from = "192.0.2.1", .to = "192.0.2.10"} /
                 UDP{.from = kServerPort, .to = kClientPort} / Memcached{.id = id} / Text{text});
  }

  static Bytes value_reply(const std::string& key, const std::string& data, std::uint32_t flags = 0) {
    return reply(value_text(key, flags, data) + "END\r\n");
  }

  static struct lease& lease_slot(const Get& get, __u64* tag = nullptr) {
    std::uint32_t address[4];
    std::memcpy(address, address_bytes(get.client).data(), sizeof address);
    const auto identity = lease_identify(get.server, address, htons(get.port), htons(get.id),
                                         store().server(get.server).hash_seed, store().control().lease_mask);
    if (tag != nullptr) *tag = identity.tag;
    return store().lease(identity.slot);
  }

  // What cgroup ingress does with a get of this key while nothing is in flight.
  static lease_result arrive(const std::string& key, const Get& get = {}) {
    lease_request request{};
    const auto hash = store().hash(key, get.server);
    struct lease& slot = lease_slot(get, &request.tag);
    request.key_hash = hash;
    request.stamp = store().stamp(hash, get.server);
    request.epoch = store().epoch(get.server);
    request.last_release_ns =
        std::max(store().guard_of(hash).last_release_ns, store().server(get.server).global_release_ns);
    request.barrier_done_ns = store().server(get.server).barrier_done_ns;
    request.arrival_ns = monotonic_ns();
    request.wish = get.wish;
    return lease_record(&slot, &request);
  }

  // Runs one frame through the program; the packet must go on unchanged.
  static void run_once(const Bytes& packet, std::uint32_t gso_size = 0) {
    Bytes out(packet.size() + 64);
    __sk_buff context{};
    context.gso_size = gso_size;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_out = out.data(),
                .data_size_in = static_cast<std::uint32_t>(packet.size()),
                .data_size_out = static_cast<std::uint32_t>(out.size()), .ctx_in = &context,
                .ctx_size_in = sizeof context, .repeat = 1);
    const int error = bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.cache_fill), &options);
    if (error != 0) throw std::runtime_error(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(-error));
    out.resize(options.data_size_out);
    EXPECT_EQ(options.retval, static_cast<std::uint32_t>(TC_ACT_UNSPEC));
    EXPECT_EQ(out, packet);
  }

  // As run_once; returns what was counted for the frame.
  static Counters run(const Bytes& packet, std::uint32_t gso_size = 0) {
    const Counters before = store().counters();
    run_once(packet, gso_size);
    Counters counted = store().counters();
    for (const auto& [counter, value] : before) {
      if ((counted[counter] -= value) == 0) counted.erase(counter);
    }
    return counted;
  }

  static Counters one(cache_counter counter) { return {{counter, 1}}; }

  // A get of the key and memcached's reply to it.
  static Counters fill(const std::string& key, const std::string& data) {
    EXPECT_EQ(arrive(key), LEASE_RECORD_GRANTED);
    return run(value_reply(key, data));
  }

  // As fill, of an entry whose expiry is known to be never.
  static Counters fill_for_ever(const std::string& key, const std::string& data) {
    hint(key, CACHE_DEADLINE_NEVER);
    return fill(key, data);
  }

  // A write has come and gone; the program that saw its reply told the key's expiry.
  static void hint(const std::string& key, std::uint32_t deadline) {
    const auto hash = store().hash(key);
    store().hint_of(hash) = {0, hash, guard_stamp(store().guard_of(hash).word, store().server(0).global),
                             deadline, 0};
  }

  static void write_arrives(const std::string& key) {
    guard_arrive(&store().guard_of(store().hash(key)).word);
    bucket_kill(&store().bucket_of(store().hash(key)), store().hash(key));
  }

  static void write_released(const std::string& key) {
    auto& guard = store().guard_of(store().hash(key));
    guard_release(&guard.word, &guard.last_release_ns, monotonic_ns());
  }

  // Events since the last call.
  static std::vector<cache_event> events() {
    received_.clear();
    ring_buffer__consume(ring_);
    return received_;
  }

  static std::uint32_t now_units() { return deadline_units(monotonic_ns()); }

 private:
  static int on_event(void*, void* data, std::size_t size) {
    if (size != sizeof(cache_event)) throw std::runtime_error("event of another size");
    received_.emplace_back();
    std::memcpy(&received_.back(), data, size);
    return 0;
  }

  static inline cache_fill_only* skeleton_ = nullptr;
  static inline std::unique_ptr<FillStore> store_;
  static inline ring_buffer* ring_ = nullptr;
  static inline std::vector<cache_event> received_;
};

}  // namespace bmc::test

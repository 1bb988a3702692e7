// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per packet of an app's own program and of the composed one, above a program that does nothing;
// the programs take turns. Run by hand:
//   composed_bench [REPEAT [ROUNDS]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "apps/memcached-cache/tests/store_fixture.h"
#include "apps/paxos/fastpath/tests/xdp_paxos_fixture.h"
#include "cache_and_paxos.skel.h"
#include "cache_xdp.skel.h"
#include "paxos_fast.skel.h"
#include "rewind_bpf.skel.h"
#include "xdp_bench_bpf.skel.h"

namespace bmc::test {
namespace {

using paxos::test::kBackup;
using paxos::test::kBase;
using paxos::test::kLeader;
using paxos::test::kView;

void check(int error, const std::string& what) {
  if (error != 0) throw std::runtime_error(what + ": " + std::strerror(error < 0 ? -error : error));
}

void put(int map, const void* key, const void* value, const std::string& what) {
  if (bpf_map_update_elem(map, key, value, BPF_ANY) != 0) check(errno, what);
}

Bytes get(const std::string& keys) {
  return frame(Ethernet{} / IPv4{} / UDP{} / Memcached{} / Text{"get " + keys + "\r\n"});
}

struct Case {
  std::string name;
  Bytes frame;
  int alone;  // the app's own program
  std::uint32_t verdict;
  bool rewinds = false;  // the gate goes back before each run
};

// Both programs of one app work on the same maps: the app's own object is loaded, the composed one shares
// them.
class Bench {
 public:
  Bench(std::uint32_t repeat, int rounds) : repeat_(repeat), rounds_(rounds) {
    CacheStore::set_sizes(cache_->obj, {.buckets = 4096});
    check(cache_xdp__load(cache_.get()), "load cache_xdp");
    check(paxos_fast__load(paxos_.get()), "load paxos_fast");
    share(cache_->obj);
    share(paxos_->obj);
    check(cache_and_paxos__load(composed_.get()), "load cache_and_paxos");
    check(bpf_map__reuse_fd(rewind_->maps.group, group_.fd()), "share the group");
    check(rewind_bpf__load(rewind_.get()), "load rewind");
    check(xdp_bench_bpf__load(replay_.get()), "load replay");
    store_ = std::make_unique<CacheStore>(cache_->obj);
    store_->serve(0, "192.0.2.1", 11211);
    join(kBackup);
  }

  void run() {
    store_->place({.key = std::string(16, 'k'), .data = std::string(32, 'v')});
    const int cache = bpf_program__fd(cache_->progs.cache_get),
              paxos = bpf_program__fd(paxos_->progs.paxos_fast);
    const auto from_leader = [](const paxos::test::Datagram& datagram) {
      return paxos::test::frame_between(kLeader, kBackup, datagram.payload);
    };
    const Bytes tcp = frame(Ethernet{} / IPv4{.protocol = 6} / Text{std::string(40, 't')});
    std::printf("%-40s %8s %9s\n", "ns", "alone", "composed");
    measure({"GET, hit, key 16 value 32", get(std::string(16, 'k')), cache, XDP_TX});
    measure({"GET, miss", get(std::string(16, 'm')), cache, XDP_PASS});
    measure({"not UDP, cache", tcp, cache, XDP_PASS});
    measure({"PREPARE of 112 + 64 bytes, acknowledged",
             from_leader(paxos::test::prepare(kBase + 1, kView, std::string(64, 'b'))), paxos, XDP_TX, true});
    measure({"PREPARE of 112 + 1024 bytes, acknowledged",
             from_leader(paxos::test::prepare(kBase + 1, kView, std::string(1024, 'b'))), paxos, XDP_TX,
             true});
    measure({"not UDP, replicated log", tcp, paxos, XDP_PASS});
  }

 private:
  template <typename Skeleton>
  struct Destroyer {
    void operator()(Skeleton* skeleton) const { Skeleton::destroy(skeleton); }
  };
  template <typename Skeleton>
  using Owned = std::unique_ptr<Skeleton, Destroyer<Skeleton>>;

  void share(const bpf_object* from) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, composed_->obj) {
      const int fd = bpf_object__find_map_fd_by_name(from, bpf_map__name(map));
      if (!bpf_map__is_internal(map) && fd >= 0) check(bpf_map__reuse_fd(map, fd), bpf_map__name(map));
    }
  }

  // The replica's group, armed, where the programs find it.
  void join(paxos::ReplicaIndex replica) {
    const std::uint32_t zero = 0;
    const paxos_control control{PAXOS_FAST_ABI_VERSION, PAXOS_OFFLOAD_ACK | PAXOS_OFFLOAD_QUORUM};
    put(bpf_map__fd(paxos_->maps.paxos_control), &zero, &control, "paxos_control");
    const auto address = paxos::test::address_of(paxos::test::ip4_of(replica), paxos::test::kPort);
    const int fd = group_.fd();
    put(bpf_map__fd(paxos_->maps.paxos_groups), &address, &fd, "paxos_groups");
    group_.clear();
    auto term = paxos::test::backup_term(kBase);
    term.lease_ns = paxos::test::kHour;
    paxos::BackupGate(group_.world()).arm(term);
  }

  void measure(const Case& each) {
    std::copy(each.frame.begin(), each.frame.end(), replay_->bss->request);
    replay_->bss->request_bytes = static_cast<std::uint32_t>(each.frame.size());
    const int programs[] = {bpf_program__fd(replay_->progs.nothing), each.alone,
                            bpf_program__fd(composed_->progs.cache_and_paxos)};
    std::vector<double> taken[3];
    for (int round = 0; round < rounds_; ++round)
      for (int i = 0; i < 3; ++i) taken[i].push_back(run_one(programs[i], each, i == 0));
    const auto median = [](std::vector<double>& values) {
      std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
      return values[values.size() / 2];
    };
    const double empty = median(taken[0]), alone = median(taken[1]) - empty, both = median(taken[2]) - empty;
    std::printf("%-40s %8.0f %9.0f   (+%.0f)\n", each.name.c_str(), alone, both, both - alone);
  }

  double run_one(int program, const Case& each, bool empty) {
    const std::uint32_t zero = 0;
    const int rewind = bpf_program__fd(rewind_->progs.rewind);
    put(bpf_map__fd(rewind_->maps.rewound), &zero, &program, "rewound");
    put(bpf_map__fd(replay_->maps.target), &zero, each.rewinds ? &rewind : &program, "target");
    const auto result = run_xdp(bpf_program__fd(replay_->progs.replay), each.frame, {.repeat = repeat_});
    if (!empty && result.verdict != each.verdict) throw std::runtime_error(each.name + ": another verdict");
    return result.ns;
  }

  std::uint32_t repeat_;
  int rounds_;
  paxos::test::Group group_;
  Owned<cache_xdp> cache_{cache_xdp__open()};
  Owned<paxos_fast> paxos_{paxos_fast__open()};
  Owned<cache_and_paxos> composed_{cache_and_paxos__open()};
  Owned<rewind_bpf> rewind_{rewind_bpf__open()};
  Owned<xdp_bench_bpf> replay_{xdp_bench_bpf__open()};
  std::unique_ptr<CacheStore> store_;
};

}  // namespace
}  // namespace bmc::test

int main(int argc, char** argv) {
  const auto repeat = argc > 1 ? static_cast<std::uint32_t>(std::atoi(argv[1])) : 200000u;
  bmc::test::Bench(repeat, argc > 2 ? std::atoi(argv[2]) : 15).run();
  return 0;
}

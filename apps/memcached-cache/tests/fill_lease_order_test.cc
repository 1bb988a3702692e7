// SPDX-License-Identifier: Apache-2.0
// That no fill is stale in any order of events: a simulated memcached with slow workers and replies that
// come late, in any order, or never; clients that use one request id again and again; writes; barriers.
// Each way of breaking a promise that the argument in lease.bpf.h rests on is found by the same run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/coherence/lease.bpf.h"

namespace bmc::test {
namespace {

// Promises to break, one at a time.
enum class Broken {
  kNothing,
  kBarrierTooEarly,     // barrier_done_ns moves on although older datagrams are still about
  kTakeIgnoresBarrier,  // a reply is always taken for the latest datagram's
  kManyAsOne,           // a multi-get is recorded as if it had one reply
  kAnyEndsList,         // each of a multi-get's replies is taken for its last one
  kOneIdentity,         // of several identities that wait in a slot the latest is remembered
  kReleaseNotTold,      // last_release_ns is not kept
};

class Simulation {
 public:
  Simulation(Broken broken, unsigned seed) : broken_(broken), random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
  }

  int fills = 0;
  int stale = 0;
  int ambiguous = 0;

 private:
  struct Datagram {
    __u64 arrival;
    __u64 tag;
    bool many;  // a get of two keys, ours the last: a first reply datagram without it, then one with it
  };

  struct Reply {
    __u64 arrival;
    __u64 tag;
    bool has_value;
    __u64 value;
  };

  unsigned chance(unsigned of) { return static_cast<unsigned>(random_() % of); }

  template <typename T>
  T take_any(std::vector<T>& all) {
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(random_() % all.size());
    const T one = *at;
    all.erase(at);
    return one;
  }

  void step() {
    ++now_;
    switch (chance(8)) {
      case 0:
        if (write_state_ != 0 || chance(16) == 0) write();
        break;
      case 1:
        arrive();
        break;
      case 2:
      case 3:
        execute();
        break;
      case 4:
      case 5:
        if (now_ / 64 % 2 == 0 || chance(8) == 0) leave();  // at times everything takes long
        break;
      case 6:
        barrier();
        break;
      default:
        if (!replies_.empty() && chance(4) == 0) take_any(replies_);  // lost
    }
  }

  // One of a write's three moments.
  void write() {
    if (write_state_ == 0) guard_arrive(&guard_.word);
    if (write_state_ == 1) ++value_;
    if (write_state_ == 2) guard_release(&guard_.word, &guard_.last_release_ns, now_);
    write_state_ = (write_state_ + 1) % 3;
  }

  void arrive() {
    if (delivered_.size() + replies_.size() > 3) return;
    const __u64 tags[] = {2, 2, 2, 6, 6, 10};
    const Datagram datagram{now_, tags[chance(6)], chance(4) == 0};
    lease_request request{};
    request.tag = datagram.tag;
    request.arrival_ns = now_;
    request.stamp = GUARD_GENERATION(guard_.word);
    request.last_release_ns = broken_ == Broken::kReleaseNotTold ? 0 : guard_.last_release_ns;
    request.barrier_done_ns = barrier_done_;
    request.key_hash = 1;
    request.wish = GUARD_IN_FLIGHT(guard_.word) != 0 ? LEASE_WISH_ONE_REPLY : LEASE_WISH_FILL;
    if (datagram.many) request.wish = broken_ == Broken::kManyAsOne ? LEASE_WISH_ONE_REPLY : LEASE_WISH_LIST;
    if (datagram.many && chance(8) == 0) request.wish = LEASE_WISH_NONE;
    if (lease_record(&lease_, &request) == LEASE_RECORD_AMBIGUOUS) ++ambiguous;
    if (broken_ == Broken::kOneIdentity && lease_.unanswered > 4) lease_.unanswered = 4;
    delivered_.push_back(datagram);
  }

  // Any worker may be the next one; a datagram may also be dropped in the socket's queue.
  void execute() {
    if (delivered_.empty()) return;
    const auto datagram = take_any(delivered_);
    if (chance(16) == 0) return;
    if (datagram.many) replies_.push_back({datagram.arrival, datagram.tag, false, 0});
    replies_.push_back({datagram.arrival, datagram.tag, true, value_});
  }

  void leave() {
    if (replies_.empty()) return;
    // Those to one datagram leave in order: one thread sends them.
    const auto any = replies_.begin() + static_cast<std::ptrdiff_t>(random_() % replies_.size());
    const auto first =
        std::find_if(replies_.begin(), any, [&](const Reply& each) { return each.arrival == any->arrival; });
    const Reply reply = *first;
    replies_.erase(first);
    lease_taken taken{};
    const auto barrier = broken_ == Broken::kTakeIgnoresBarrier ? ~0ull : barrier_done_;
    const bool ends = reply.has_value || broken_ == Broken::kAnyEndsList;  // as cgroup egress, then TC
    if (ends && lease_awaits_list(&lease_, reply.tag)) lease_list_ends(&lease_, reply.tag, barrier);
    if (lease_take(&lease_, reply.tag, barrier, &taken) == 0 || !reply.has_value) return;
    if (GUARD_GENERATION(guard_.word) != taken.stamp) return;
    ++fills;
    if (reply.value != value_) ++stale;
  }

  // What arrived before a moment of late is answered or gone, if that is so.
  void barrier() {
    const auto moment = now_ - chance(12);
    const auto older = [moment](const auto& each) { return each.arrival < moment; };
    const bool done = std::none_of(delivered_.begin(), delivered_.end(), older) &&
                      std::none_of(replies_.begin(), replies_.end(), older);
    // Replies to what arrived at that very moment may still come.
    if (done || broken_ == Broken::kBarrierTooEarly) barrier_done_ = std::max<__u64>(barrier_done_, moment);
  }

  Broken broken_;
  std::mt19937 random_;
  __u64 now_ = 1000;
  __u64 value_ = 0;
  int write_state_ = 0;
  guard guard_{};
  lease lease_{};
  __u64 barrier_done_ = 0;
  std::vector<Datagram> delivered_;
  std::vector<Reply> replies_;
};

TEST(FillLeaseOrder, NoFillIsStale) {
  int fills = 0, ambiguous = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    Simulation simulation(Broken::kNothing, seed);
    simulation.run(100000);
    ASSERT_EQ(simulation.stale, 0) << "seed " << seed;
    fills += simulation.fills;
    ambiguous += simulation.ambiguous;
  }
  EXPECT_GT(fills, 10000);
  EXPECT_GT(ambiguous, 10000);
}

class FillLeaseOrderBroken : public testing::TestWithParam<Broken> {};

TEST_P(FillLeaseOrderBroken, IsFound) {
  int stale = 0;
  for (unsigned seed = 0; seed < 300 && stale == 0; ++seed) {
    Simulation simulation(GetParam(), seed);
    simulation.run(100000);
    stale += simulation.stale;
  }
  EXPECT_GT(stale, 0);
}

INSTANTIATE_TEST_SUITE_P(Promises, FillLeaseOrderBroken,
                         testing::Values(Broken::kBarrierTooEarly, Broken::kTakeIgnoresBarrier,
                                         Broken::kManyAsOne, Broken::kAnyEndsList, Broken::kOneIdentity,
                                         Broken::kReleaseNotTold));

}  // namespace
}  // namespace bmc::test

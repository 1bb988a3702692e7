// SPDX-License-Identifier: Apache-2.0
// RestPolicy: when it rests, when it wakes, and each time its negative twin.
#include "apps/memcached-cache/daemon/rest_policy.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace bmc::cache::test {
namespace {

using Verdict = RestPolicy::Verdict;

constexpr int kWindow = 60;
constexpr int kTrial = static_cast<int>(RestPolicy::kTrialNs / kSecondNs);
constexpr int kBoot = 5;  // seconds from waking to serving
constexpr int kSegments = 200;

// What happens in one second.
struct Load {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t replies = 0;
  std::uint64_t asks = 0;
  std::uint64_t fills = 0;
  std::uint64_t recycled = 0;
};

constexpr Load kTcp{.replies = 5000};
// As a server that rests would see it, asks; as one that does not, misses.
constexpr Load kMisses{.misses = 2000, .replies = 2000, .asks = 2000};
constexpr Load kHits{.hits = 2000, .misses = 100, .replies = 2000};

class RestPolicyTest : public testing::Test {
 protected:
  // One second passes. Does what the verdict says, but for the boot: see wake_within().
  Verdict second(const Load& load) {
    seen_.now_ns += kSecondNs;
    seen_.hits += load.hits;
    (seen_.rests ? seen_.asks : seen_.misses) += seen_.rests ? load.asks : load.misses;
    if (!seen_.rests) seen_.replies += load.replies;
    seen_.fills += load.fills;
    seen_.recycled += load.recycled;
    const Verdict verdict = policy_->step(seen_);
    if (verdict == Verdict::kRest) serve(false), seen_.rests = true;
    if (verdict == Verdict::kWake) seen_.rests = false;
    EXPECT_EQ(policy_->is_resting(), seen_.rests);
    return verdict;
  }
  // Seconds until that verdict; 0: it did not come within `limit`. Any other one but kAsBefore is a failure.
  int until(Verdict wanted, const Load& load, int limit = 2000) {
    for (int i = 1; i <= limit; i++) {
      const Verdict verdict = second(load);
      if (verdict == wanted) return i;
      if (verdict != Verdict::kAsBefore) {
        ADD_FAILURE() << "another verdict after " << i << " s";
        return -1;
      }
    }
    return 0;
  }
  int until_rest(const Load& load, int limit = 2000) { return until(Verdict::kRest, load, limit); }
  int until_wake(const Load& load, int limit = 2000) { return until(Verdict::kWake, load, limit); }
  void serve(bool yes) { seen_.serves = yes; }
  // Serves from the next second on, which is when the window begins.
  void begin() {
    serve(true);
    ASSERT_EQ(second({}), Verdict::kAsBefore);
  }
  // After kWake: everything is held for a while, then served again.
  void boot() {
    for (int i = 0; i < kBoot; i++) ASSERT_EQ(second(kMisses), Verdict::kAsBefore);
    begin();
  }
  void with_window(std::uint64_t seconds) { policy_.emplace(seconds * kSecondNs); }

  std::optional<RestPolicy> policy_{std::in_place, kWindow* kSecondNs};
  RestPolicy::Seen seen_{.now_ns = 1000 * kSecondNs, .recycled = 77, .segments = kSegments};
};

TEST_F(RestPolicyTest, RestsAfterTheWindow) {
  begin();
  EXPECT_EQ(until_rest(kTcp), kWindow);
}

TEST_F(RestPolicyTest, NeverWithoutAWindow) {
  with_window(0);
  begin();
  EXPECT_EQ(until_rest(kTcp), 0);
}

TEST_F(RestPolicyTest, OnlyWhereItIsFelt) {
  begin();
  EXPECT_EQ(until_rest({.replies = RestPolicy::kRequestsPerSecond - 1}), 0);
  EXPECT_EQ(until_rest({.misses = 1, .replies = RestPolicy::kRequestsPerSecond - 1}, kWindow), 0)
      << "the window was half over";
  EXPECT_NE(until_rest({.misses = 1, .replies = RestPolicy::kRequestsPerSecond - 1}, kWindow), 0);
}

TEST_F(RestPolicyTest, HitsAtTheThresholdKeepItAwake_AndOneLessDoesNot) {
  begin();
  EXPECT_EQ(until_rest({.hits = 100, .misses = 1000, .replies = 2100}), 0);
  EXPECT_NE(until_rest({.hits = 99, .misses = 1001, .replies = 2100}), 0);
}

TEST_F(RestPolicyTest, NotWhileNothingIsServed_AndTheWindowBeginsWhenItIs) {
  for (int i = 0; i < 3 * kWindow; i++) ASSERT_EQ(second(kTcp), Verdict::kAsBefore);
  begin();
  ASSERT_EQ(until_rest(kTcp, kWindow - 1), 0);
  serve(false);  // switched off for a moment
  ASSERT_EQ(second(kTcp), Verdict::kAsBefore);
  begin();
  EXPECT_EQ(until_rest(kTcp), kWindow);
}

TEST_F(RestPolicyTest, AfterTcpAloneGetsWakeItAtOnce) {
  begin();
  ASSERT_EQ(until_rest(kTcp), kWindow);
  EXPECT_EQ(until_wake({.asks = RestPolicy::kAsksPerSecond - 1}), 0);
  EXPECT_EQ(until_wake({.asks = RestPolicy::kAsksPerSecond}), 1);
}

// Many keys, each asked for once so far.
TEST_F(RestPolicyTest, NotWhileTheCacheIsFilled_ButOnceTheLogHasComeAround) {
  begin();
  EXPECT_EQ(until_rest({.misses = 2000, .replies = 2000, .fills = 2000, .recycled = 1}, kSegments - 1), 0);
  const int after = until_rest({.misses = 2000, .replies = 2000, .fills = 2000, .recycled = 1});
  EXPECT_GE(after, 1);
  EXPECT_LE(after, kWindow) << "in the window in which it had come around";
}

TEST_F(RestPolicyTest, AFewThatAreStoredAreNoFilling) {
  begin();
  EXPECT_EQ(until_rest({.misses = 2000, .replies = 1200, .fills = 100}), 0);
  EXPECT_NE(until_rest({.misses = 2000, .replies = 1200, .fills = 99}), 0);
}

TEST_F(RestPolicyTest, WhatWasStoredBeforeItIsServedDoesNotCount) {
  ASSERT_EQ(second({.recycled = 10 * kSegments}), Verdict::kAsBefore);
  begin();
  EXPECT_EQ(until_rest({.misses = 2000, .replies = 2000, .fills = 2000}), 0);
}

// A trial after a rest goes on as long as it fills.
TEST_F(RestPolicyTest, ATrialIsNotEndedWhileItFills) {
  begin();
  ASSERT_EQ(until_rest(kMisses), kWindow);
  ASSERT_NE(until_wake(kMisses), 0);
  boot();
  EXPECT_EQ(until_rest({.misses = 2000, .replies = 2000, .fills = 2000}, 5 * kTrial), 0);
  EXPECT_EQ(until_rest(kMisses), kTrial);
}

// It is asked once a second, more or less: what counts is the rate.
TEST_F(RestPolicyTest, AsksAreCountedOverTheTimeThatPassed) {
  begin();
  ASSERT_EQ(until_rest(kTcp), kWindow);
  seen_.now_ns += kSecondNs;  // the loop was busy: two seconds in one step
  EXPECT_EQ(second({.asks = 2 * RestPolicy::kAsksPerSecond - 1}), Verdict::kAsBefore);
  seen_.now_ns += kSecondNs;
  EXPECT_EQ(second({.asks = 2 * RestPolicy::kAsksPerSecond}), Verdict::kWake);
}

TEST_F(RestPolicyTest, AfterMissesItPausesLongerAndLonger) {
  begin();
  ASSERT_EQ(until_rest(kMisses), kWindow);
  for (const int pause : {30, 60, 120, 240, 480, 600, 600}) {
    SCOPED_TRACE(pause);
    EXPECT_EQ(until_wake(kMisses), pause);
    boot();
    EXPECT_EQ(until_rest(kMisses), kTrial) << "the window of a trial is shorter";
  }
}

TEST_F(RestPolicyTest, FewMissesAreNoReasonToPause) {
  const Load load{.misses = RestPolicy::kAsksPerSecond - 1, .replies = 5000};
  begin();
  ASSERT_EQ(until_rest(load), kWindow);
  EXPECT_EQ(until_wake({.asks = RestPolicy::kAsksPerSecond}), 1);
}

// Writes over UDP wake it as gets would; they are no hits, so the next time it waits.
TEST_F(RestPolicyTest, AsksThatWereNoGetsArePausedForToo) {
  begin();
  ASSERT_EQ(until_rest(kTcp), kWindow);
  ASSERT_EQ(until_wake({.asks = 1000}), 1);
  for (const int pause : {30, 60}) {
    boot();
    ASSERT_EQ(until_rest(kTcp), kTrial);
    EXPECT_EQ(until_wake({.asks = 1000}), pause);
  }
}

TEST_F(RestPolicyTest, AWindowThatWasWorthItForgetsThePauses) {
  begin();
  ASSERT_EQ(until_rest(kMisses), kWindow);
  for (const int pause : {30, 60}) {
    ASSERT_EQ(until_wake(kMisses), pause);
    boot();
    ASSERT_EQ(until_rest(kMisses), kTrial);
  }
  ASSERT_EQ(until_wake(kMisses), 120);
  boot();
  ASSERT_EQ(until_rest(kHits, kTrial), 0);
  EXPECT_EQ(until_rest(kMisses), kWindow) << "the window is whole again";
  EXPECT_EQ(until_wake(kMisses), 30);
}

// Its twin: a quiet window says nothing.
TEST_F(RestPolicyTest, AWindowWithoutRequestsForgetsNothing) {
  begin();
  ASSERT_EQ(until_rest(kMisses), kWindow);
  ASSERT_EQ(until_wake(kMisses), 30);
  boot();
  ASSERT_EQ(until_rest({}, 5 * kTrial), 0);
  EXPECT_EQ(until_rest(kMisses), kTrial);
  EXPECT_EQ(until_wake(kMisses), 60);
}

TEST_F(RestPolicyTest, ATrialIsNeverLongerThanTheWindow) {
  with_window(3);
  begin();
  ASSERT_EQ(until_rest(kTcp), 3);
  ASSERT_EQ(until_wake(kMisses), 1);
  boot();
  EXPECT_EQ(until_rest(kTcp), 3);
}

TEST_F(RestPolicyTest, AServerThatWentWhileItRestedIsNotWoken) {
  begin();
  ASSERT_EQ(until_rest(kTcp), kWindow);
  seen_.rests = false;
  EXPECT_EQ(second(kMisses), Verdict::kAsBefore);
  EXPECT_FALSE(policy_->is_resting());
  EXPECT_EQ(until_wake(kMisses, 10), 0) << "there is nothing to be woken";
  begin();  // the next process
  EXPECT_EQ(until_rest(kTcp), kTrial);
}

}  // namespace
}  // namespace bmc::cache::test

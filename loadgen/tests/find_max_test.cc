// SPDX-License-Identifier: Apache-2.0
// The search for the best rate, against servers that are functions.
#include "loadgen/find_max.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace bmc::loadgen {
namespace {

// Answers up to `capacity` a second, collapses to half of it above; the generator can send `generator` at
// most.
struct Server {
  double capacity = 100000;
  double generator = 1e9;
  int accidents = 0;  // so many windows lose 1 % whatever the rate
  std::vector<double> asked = {};

  Result<RunReport> operator()(double rps, double seconds) {
    asked.push_back(rps);
    const double sent = std::min(rps, generator);
    double answered = sent <= capacity ? sent : capacity / 2;
    if (accidents > 0) {
      answered *= 0.99;
      accidents--;
    }
    RunReport report;
    report.seconds = seconds;
    report.offered_rps = rps;
    report.sent = static_cast<std::uint64_t>(sent * seconds);
    report.counter[LOADGEN_ANSWERED] = static_cast<std::uint64_t>(answered * seconds);
    return report;
  }
};

FindMaxOutcome search(Server& server, const FindMaxPlan& plan = {}) {
  auto found = find_max(plan, [&](double rps, double seconds) { return server(rps, seconds); });
  EXPECT_TRUE(found) << found.error().what;
  return *found;
}

TEST(FindMax, ComesWithinThePrecisionFromBelow) {
  for (const double capacity : {1000., 20000., 20001., 137000., 2.08e6, 7.3e6}) {
    Server server{.capacity = capacity};
    const FindMaxOutcome found = search(server);
    EXPECT_TRUE(found.confirmed);
    EXPECT_FALSE(found.limited_by_load);
    EXPECT_LE(found.best.offered_rps, capacity);
    EXPECT_GE(found.best.offered_rps, capacity * 0.96);
    EXPECT_LE(found.windows, 40);
  }
}

TEST(FindMax, NeverReportsACollapsedRate) {
  Server server{.capacity = 137000};
  EXPECT_LE(search(server).best.loss(), 0.001);
}

TEST(FindMax, SaysWhenTheGeneratorIsTheLimit) {
  Server server{.capacity = 1e9, .generator = 3e6};
  const FindMaxOutcome found = search(server);
  EXPECT_TRUE(found.limited_by_load);
  EXPECT_TRUE(found.confirmed);
  EXPECT_NEAR(found.best.rps(), 3e6, 1e5);
}

TEST(FindMax, DoesNotTakeAGeneratorHeldUpForItsEnd) {
  // In one window the generator sends but half of what is asked.
  bool held_up = false;
  Server server{.capacity = 1e9, .generator = 3e6};
  auto found = find_max({}, [&](double rps, double seconds) {
    server.generator = rps > 1e6 && !std::exchange(held_up, true) ? rps / 2 : 3e6;
    return server(rps, seconds);
  });
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->best.rps(), 3e6, 1e5);
}

TEST(FindMax, ForgivesOneAccidentPerRate) {
  Server server{.capacity = 137000, .accidents = 1};
  EXPECT_GE(search(server).best.offered_rps, 137000 * 0.96);
}

TEST(FindMax, TriesABoundAgainBelowWhichEverythingHeld) {
  // The first rate fails twice in a row, for no reason of its own.
  Server server{.capacity = 137000, .accidents = 2};
  EXPECT_GE(search(server).best.offered_rps, 137000 * 0.96);
}

TEST(FindMax, DoesNotRepeatAHopelessWindow) {
  Server server{.capacity = 100000};
  search(server);
  std::vector<double> above;
  for (const double rps : server.asked)
    if (rps > 100000) above.push_back(rps);
  std::sort(above.begin(), above.end());
  EXPECT_EQ(std::adjacent_find(above.begin(), above.end()), above.end());
}

TEST(FindMax, StopsAtTheCeiling) {
  Server server{.capacity = 1e9};
  EXPECT_DOUBLE_EQ(search(server, {.ceiling_rps = 50000}).best.offered_rps, 50000);
}

TEST(FindMax, LowersTheRateUntilTheLongWindowHolds) {
  // Short windows hold up to 100000, long ones up to less; how near the search comes is by steps that grow.
  for (const auto& [capacity, near] : {std::pair{90000., 0.95}, std::pair{60000., 0.8}}) {
    auto found = find_max({}, [&](double rps, double seconds) {
      return Server{.capacity = seconds < 0.5 ? 100000. : capacity}(rps, seconds);
    });
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->confirmed) << capacity;
    EXPECT_LE(found->best.offered_rps, capacity);
    EXPECT_GE(found->best.offered_rps, capacity * near);
  }
}

TEST(FindMax, DoesNotTakeAGeneratorHeldUpWhileItNarrowsForItsEnd) {
  // In the first window below the bound that failed the generator sends but half of what is asked.
  bool failed = false, held_up = false;
  Server server{.capacity = 137000};
  auto found = find_max({}, [&](double rps, double seconds) {
    server.generator = failed && !std::exchange(held_up, true) ? rps / 2 : 1e9;
    failed = failed || rps > server.capacity;
    return server(rps, seconds);
  });
  ASSERT_TRUE(found);
  EXPECT_TRUE(held_up);
  EXPECT_GE(found->best.offered_rps, 137000 * 0.96);
}

TEST(FindMax, SaysWhenNoRateHolds) {
  Server server{.capacity = 0.1};
  EXPECT_FALSE(search(server).confirmed);
}

TEST(FindMax, HandsOnTheErrorOfAWindow) {
  auto found = find_max({}, [](double, double) -> Result<RunReport> { return Error{ENETDOWN, "down"}; });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ENETDOWN);
}

TEST(FindMax, RefusesAPlanWithoutSense) {
  Server server;
  EXPECT_FALSE(find_max({.start_rps = 0}, std::ref(server)));
  EXPECT_FALSE(find_max({.precision = 1}, std::ref(server)));
}

}  // namespace
}  // namespace bmc::loadgen

// SPDX-License-Identifier: Apache-2.0
// Which request a reply answers when ids are reused: never one with a higher bound than its own.
#include "netns-tests/hammer/awaited.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "netns-tests/lib/random.h"

namespace bmc::hammer {
namespace {

constexpr uint16_t kId = 2;

Request request_for(const std::string& key, uint64_t floor) {
  Asked asked;
  asked.name = key;
  asked.floor = floor;
  Request request;
  request.asked.push_back(asked);
  return request;
}

/// A reply with one value; the bound it was judged by, or nothing when nobody asked.
std::optional<uint64_t> take(Awaited& awaited, const std::string& key, uint64_t value) {
  const Asked* asked = awaited.take_value(kId, key, [&](const Asked& a) { return value >= a.floor; });
  const auto floor = asked != nullptr ? std::optional(asked->floor) : std::nullopt;
  awaited.take_end(kId, true);
  return floor;
}

TEST(Awaited, AMissOfAnOlderRequestTakesNoBoundAway) {
  Awaited awaited;
  awaited.add(kId, request_for("x", 0));
  awaited.add(kId, request_for("counter", 90));
  EXPECT_FALSE(awaited.take_end(kId, false).known);  // x is missing
  awaited.add(kId, request_for("counter", 96));
  EXPECT_EQ(take(awaited, "counter", 95), 90u);
  EXPECT_EQ(take(awaited, "counter", 97), 96u);
  EXPECT_FALSE(awaited.expects(kId)) << "x has been answered, so nothing may come";
}

TEST(Awaited, AValueTakesTheHighestBoundItSatisfies) {
  Awaited awaited;
  awaited.add(kId, request_for("counter", 90));
  awaited.add(kId, request_for("counter", 96));
  EXPECT_EQ(take(awaited, "counter", 98), 96u);
  EXPECT_EQ(take(awaited, "counter", 96), 90u);
  EXPECT_FALSE(awaited.expects(kId));
}

TEST(Awaited, AStaleValueIsJudgedByABoundItFails) {
  Awaited awaited;
  awaited.add(kId, request_for("counter", 90));
  EXPECT_EQ(take(awaited, "counter", 89), 90u);
}

TEST(Awaited, AKeyNobodyAskedForIsKnown) {
  Awaited awaited;
  awaited.add(kId, request_for("a", 0));
  EXPECT_EQ(awaited.take_value(kId, "b", [](const Asked&) { return true; }), nullptr);
  EXPECT_FALSE(awaited.asked_for(kId, "b"));
  EXPECT_TRUE(awaited.asked_for(kId, "a"));
}

TEST(Awaited, ALoneMissIsCertain) {
  Awaited awaited;
  awaited.add(kId, request_for("a", 7));
  const auto ended = awaited.take_end(kId, false);
  ASSERT_TRUE(ended.known);
  EXPECT_EQ(ended.request.asked.front().floor, 7u);
  EXPECT_FALSE(awaited.expects(kId));
}

TEST(Awaited, ManyMissesLetTheIdRest) {
  Awaited awaited;
  awaited.add(kId, request_for("a", 0));
  for (int i = 0; i < 8 && !awaited.blurred(kId); ++i) {
    awaited.add(kId, request_for("b", 0));
    awaited.take_end(kId, false);
  }
  EXPECT_TRUE(awaited.blurred(kId));
  awaited.take_end(kId, false);
  EXPECT_FALSE(awaited.blurred(kId));
}

/// Against registers that are never stale, replies in any order and misses among them: no false alarm.
TEST(Awaited, NoOrderOfHonestRepliesIsAViolation) {
  struct Sent {
    std::string key;
    uint64_t floor;
  };
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    lab::Random random(seed);
    Awaited awaited;
    std::vector<Sent> sent;
    std::map<std::string, uint64_t> now;
    for (int step = 0; step < 200; ++step) {
      for (const char* key : {"a", "b", "c"})
        if (random.chance(0.5)) ++now[key];
      if (random.chance(0.5) && !awaited.blurred(kId)) {
        const std::string key(1, static_cast<char>('a' + random.below(3)));
        awaited.add(kId, request_for(key, now[key]));
        sent.push_back({key, now[key]});
      } else if (!sent.empty()) {
        const size_t which = random.below(sent.size());
        const Sent answered = sent[which];
        sent.erase(sent.begin() + static_cast<std::ptrdiff_t>(which));
        ASSERT_TRUE(awaited.expects(kId));
        if (random.chance(0.3)) {
          const auto ended = awaited.take_end(kId, false);
          if (ended.known) {
            ASSERT_EQ(ended.request.asked.front().name, answered.key) << "seed " << seed;
          }
          continue;
        }
        // Read at any moment between its sending and now.
        const uint64_t value = random.between(answered.floor, now[answered.key]);
        const auto floor = take(awaited, answered.key, value);
        ASSERT_TRUE(floor) << "seed " << seed << ": a key that was asked for is not known";
        ASSERT_LE(*floor, value) << "seed " << seed << ": a false alarm";
      }
      ASSERT_EQ(awaited.expects(kId), !sent.empty()) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace bmc::hammer

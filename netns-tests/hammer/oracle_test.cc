// SPDX-License-Identifier: Apache-2.0
// The hammer's judgement itself: values and oracles. Pure computation, label unit.
#include "netns-tests/hammer/oracle.h"

#include <gtest/gtest.h>

#include "netns-tests/hammer/operation.h"
#include "netns-tests/hammer/value.h"
#include "netns-tests/lib/clock.h"

namespace bmc::hammer {
namespace {

uint64_t store(KeyOracle& oracle, bool expires = false) {
  const uint64_t version = oracle.begin(Effect::kStore, expires, "test", "set");
  oracle.succeeded(version, Effect::kStore, 0);
  return version;
}

uint64_t remove(KeyOracle& oracle) {
  const uint64_t version = oracle.begin(Effect::kRemove, false, "test", "delete");
  oracle.succeeded(version, Effect::kRemove, 0);
  return version;
}

TEST(Value, SaysItsVersion) {
  lab::Random random(1);
  for (size_t filler : {0, 1, 17, 1000})
    EXPECT_EQ(read_version("key:1", make_value("key:1", 42, filler, random)), 42u) << filler;
}

TEST(Value, OfAnotherKeyIsNoValue) {
  lab::Random random(1);
  const std::string value = make_value("key:1", 42, 30, random);
  EXPECT_FALSE(read_version("key:2", value));
  EXPECT_FALSE(read_version("key:11", value));
}

TEST(Value, EveryCutAndEveryFlippedBitIsSeen) {
  lab::Random random(1);
  const std::string value =
      make_prefix("k", 9) + make_value("k", 7, 30, random) + make_appendix("k", 8) + make_appendix("k", 10);
  ASSERT_EQ(read_version("k", value), 10u);
  const size_t last_part = value.rfind('A');
  for (size_t length = 0; length < value.size(); ++length) {
    const auto version = read_version("k", value.substr(0, length));
    // Without its last part it is a whole older value; anything between is none.
    const bool whole = length == last_part || length == value.rfind('A', last_part - 1);
    EXPECT_EQ(version.has_value(), whole) << length;
  }
  for (size_t bit = 0; bit < value.size() * 8; ++bit) {
    std::string flipped = value;
    flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_NE(read_version("k", flipped), 10u) << bit;
  }
}

TEST(Value, PartsComeInTheOrderOfTheirWrites) {
  lab::Random random(1);
  const std::string base = make_value("k", 5, 3, random);
  EXPECT_EQ(read_version("k", make_prefix("k", 8) + make_prefix("k", 6) + base), 8u);
  EXPECT_FALSE(read_version("k", make_prefix("k", 6) + make_prefix("k", 8) + base));
  EXPECT_FALSE(read_version("k", make_prefix("k", 4) + base));
  EXPECT_FALSE(read_version("k", base + make_appendix("k", 8) + make_appendix("k", 6)));
  EXPECT_FALSE(read_version("k", base + make_appendix("k", 5)));
}

TEST(KeyOracle, AReadAfterAnAcknowledgedWriteMayNotBeOlder) {
  KeyOracle oracle;
  const uint64_t first = store(oracle);
  const ReadBound early = oracle.before_read(true);
  const uint64_t second = store(oracle);
  EXPECT_EQ(oracle.check_value(early, first), Verdict::kGood) << "sent before the second was acknowledged";
  EXPECT_EQ(oracle.check_value(early, second), Verdict::kGood);
  const ReadBound late = oracle.before_read(true);
  EXPECT_EQ(oracle.check_value(late, second), Verdict::kGood);
  EXPECT_EQ(oracle.check_value(late, first), Verdict::kStale);
}

TEST(KeyOracle, AWriteUnderWayMayBeSeenOrNot) {
  KeyOracle oracle;
  const uint64_t first = store(oracle);
  const uint64_t second = oracle.begin(Effect::kStore, false, "test", "set");
  const ReadBound bound = oracle.before_read(true);
  EXPECT_EQ(oracle.check_value(bound, first), Verdict::kGood);
  EXPECT_EQ(oracle.check_value(bound, second), Verdict::kGood);
  EXPECT_EQ(oracle.check_value(bound, second + 1), Verdict::kFuture);
}

TEST(KeyOracle, ADeletedValueMayNotComeBack) {
  KeyOracle oracle;
  const uint64_t first = store(oracle);
  const uint64_t gone = oracle.begin(Effect::kRemove, false, "test", "delete");
  const ReadBound during = oracle.before_read(true);
  EXPECT_EQ(oracle.check_value(during, first), Verdict::kGood);
  EXPECT_EQ(oracle.check_absent(during), Verdict::kGood);
  oracle.succeeded(gone, Effect::kRemove, 0);
  const ReadBound after = oracle.before_read(true);
  EXPECT_EQ(oracle.check_value(after, first), Verdict::kStale);
  EXPECT_EQ(oracle.check_absent(after), Verdict::kGood);
}

TEST(KeyOracle, AMissMustBeExcused) {
  KeyOracle oracle;
  EXPECT_EQ(oracle.check_absent(oracle.before_read(true)), Verdict::kGood) << "never written";
  store(oracle);
  EXPECT_EQ(oracle.check_absent(oracle.before_read(true)), Verdict::kLost);
  remove(oracle);
  EXPECT_EQ(oracle.check_absent(oracle.before_read(true)), Verdict::kGood);
  store(oracle);
  EXPECT_EQ(oracle.check_absent(oracle.before_read(true)), Verdict::kLost);
  store(oracle, true);
  EXPECT_EQ(oracle.check_absent(oracle.before_read(true)), Verdict::kGood) << "it may have expired";
}

TEST(KeyOracle, AMissIsExcusedByADeleteSentAfterTheRead) {
  KeyOracle oracle;
  store(oracle);
  const ReadBound bound = oracle.before_read(true);
  oracle.begin(Effect::kRemove, false, "test", "delete");
  EXPECT_EQ(oracle.check_absent(bound), Verdict::kGood);
}

TEST(KeyOracle, ClearingEndsWhatWasAcknowledgedAndExcusesMisses) {
  KeyOracle oracle;
  const uint64_t first = store(oracle);
  const uint64_t floor = oracle.begin_clearing();
  const ReadBound during = oracle.before_read(true);
  EXPECT_EQ(oracle.check_value(during, first), Verdict::kGood);
  EXPECT_EQ(oracle.check_absent(during), Verdict::kGood);
  const uint64_t meanwhile = store(oracle);
  oracle.end_clearing(floor);
  const ReadBound after = oracle.before_read(true);
  EXPECT_EQ(oracle.check_value(after, first), Verdict::kStale);
  EXPECT_EQ(oracle.check_value(after, meanwhile), Verdict::kGood)
      << "it may be older or younger than the flush";
  EXPECT_EQ(oracle.check_absent(after), Verdict::kGood);
  store(oracle);
  EXPECT_EQ(oracle.check_absent(oracle.before_read(true)), Verdict::kLost);
}

TEST(KeyOracle, AnExpiredValueMayNotBeSeen) {
  KeyOracle oracle;
  const uint64_t version = oracle.begin(Effect::kStore, true, "test", "set");
  oracle.succeeded(version, Effect::kStore, lab::now_ns() - 1);
  EXPECT_EQ(oracle.check_value(oracle.before_read(false), version), Verdict::kGood)
      << "memcached's clock may lag";
  EXPECT_EQ(oracle.check_value(oracle.before_read(true), version), Verdict::kStale);
}

TEST(KeyOracle, AValueNotYetExpiredMayBeSeen) {
  KeyOracle oracle;
  const uint64_t version = oracle.begin(Effect::kStore, true, "test", "set");
  oracle.succeeded(version, Effect::kStore, lab::now_ns() + lab::kSecond * 60);
  EXPECT_EQ(oracle.check_value(oracle.before_read(true), version), Verdict::kGood);
}

TEST(KeyOracle, ATouchUnderWayMayProlongAnExpiredValue) {
  KeyOracle oracle;
  const uint64_t version = oracle.begin(Effect::kStore, true, "test", "set");
  oracle.succeeded(version, Effect::kStore, lab::now_ns() - 1);
  oracle.begin(Effect::kRefresh, false, "test", "touch");
  EXPECT_EQ(oracle.check_value(oracle.before_read(true), version), Verdict::kGood);
}

TEST(CounterOracle, OnlyGrowsAndNotFasterThanItWasRaised) {
  CounterOracle oracle;
  const uint64_t base = oracle.fresh_base();
  oracle.reached(base);
  const uint64_t floor = oracle.before_read();
  EXPECT_EQ(oracle.check_value(floor, base), Verdict::kGood);
  EXPECT_EQ(oracle.check_value(floor, base - 1), Verdict::kStale);
  EXPECT_EQ(oracle.check_value(floor, base + 1), Verdict::kFuture);
  oracle.may_grow(5);
  EXPECT_EQ(oracle.check_value(floor, base + 5), Verdict::kGood);
  oracle.reached(base + 5);
  EXPECT_EQ(oracle.check_value(oracle.before_read(), base), Verdict::kStale);
}

TEST(CounterOracle, AFreshBaseLeavesRoomForWhatIsUnderWay) {
  CounterOracle oracle;
  oracle.may_grow(7);
  const uint64_t base = oracle.fresh_base();
  EXPECT_EQ(oracle.check_value(0, base + 7), Verdict::kGood);
  EXPECT_EQ(oracle.check_value(0, base + 8), Verdict::kFuture);
  oracle.answered(7);
  const uint64_t next = oracle.fresh_base();
  EXPECT_EQ(oracle.check_value(0, next + 1), Verdict::kFuture);
}

TEST(Expiry, RelativeTimesEndAtTheSecondAfter) {
  const int64_t acknowledged = 10 * lab::kSecond + 700 * lab::kMillisecond;
  EXPECT_EQ(Expiry{0}.gone_ns(acknowledged), 0);
  EXPECT_GE(Expiry{2}.gone_ns(acknowledged), 13 * lab::kSecond);
  EXPECT_LT(Expiry{2}.gone_ns(acknowledged), 14 * lab::kSecond);
}

TEST(Expiry, AbsoluteTimesAreUnixTime) {
  const int64_t gone = Expiry{time(nullptr) + 5}.gone_ns(lab::now_ns());
  EXPECT_GE(gone, lab::now_ns() + 5 * lab::kSecond);
  EXPECT_LE(gone, lab::now_ns() + 8 * lab::kSecond);
}

}  // namespace
}  // namespace bmc::hammer

// SPDX-License-Identifier: Apache-2.0
// The byte-for-byte comparison: two plain servers agree, every disturbance is seen, and bmcd makes no
// difference. Run by ctest, label netns. BMC_SEED and BMC_COMPARE_STEPS repeat and lengthen runs.
#include <gtest/gtest.h>

#include "netns-tests/compare/comparison.h"
#include "netns-tests/hammer/stale_cache.h"
#include "netns-tests/lib/bmcd.h"
#include "netns-tests/lib/clock.h"

namespace bmc::compare {
namespace {

constexpr uint16_t kProxyPort = 11311;

ComparisonOptions options(uint64_t seed, uint64_t steps) {
  ComparisonOptions made;
  made.seed = lab::environment_number("BMC_SEED", seed);
  made.steps = lab::environment_number("BMC_COMPARE_STEPS", steps);
  return made;
}

TEST(Generator, TheSameSeedGivesTheSameSteps) {
  Generator first(7);
  Generator second(7);
  Generator other(8);
  bool differs = false;
  for (int i = 0; i < 500; ++i) {
    const Step step = first.next();
    EXPECT_EQ(step.text(), second.next().text());
    differs = differs || step.text() != other.next().text();
  }
  EXPECT_TRUE(differs);
}

TEST(ComparePlain, TwoMemcachedAgree) {
  Twins twins;
  EXPECT_EQ(compare(twins, options(1, 12'000)), std::nullopt);
}

TEST(ComparePlain, AHiddenWriteIsSeen) {
  Twins twins;
  ComparisonOptions disturbed = options(2, 5000);
  disturbed.before_step = [](uint64_t number, Twins& both) {
    if (number != 300) return;
    lab::TcpClient client(both.tested().lab().server(), both.tested().memcached().loopback());
    for (int i = 0; i < 10; ++i)
      ASSERT_EQ(client.command("set k" + std::to_string(i) + " 0 0 6\r\nhidden\r\n"), "STORED\r\n");
  };
  const auto difference = compare(twins, disturbed);
  ASSERT_TRUE(difference);
  EXPECT_NE(difference->find("hidden"), std::string::npos) << *difference;
}

class CompareWithDefect : public testing::TestWithParam<hammer::Defect> {};

TEST_P(CompareWithDefect, IsSeen) {
  Twins twins;
  const hammer::StaleCache proxy(twins.tested().lab().server(), kProxyPort,
                                 twins.tested().memcached().loopback(), GetParam(), 3);
  twins.tested().set_udp_port(kProxyPort);
  ComparisonOptions disturbed = options(3, 20'000);
  disturbed.generator = {.udp_gets_only = true, .scenes = 0};
  EXPECT_TRUE(compare(twins, disturbed));
}

INSTANTIATE_TEST_SUITE_P(Defects, CompareWithDefect,
                         testing::Values(hammer::Defect::kStale, hammer::Defect::kWrongKey,
                                         hammer::Defect::kForgetful));

class CompareAccelerated : public testing::TestWithParam<uint64_t> {
 protected:
  void SetUp() override {
    if (!lab::Bmcd::available()) GTEST_SKIP() << "this build has no bmcd";
  }

  /// Until the kernel answers. What is stored for that is stored on both, so that they stay twins.
  static bool becomes_served(Twins& twins, const lab::Bmcd& bmcd) {
    for (Twin* twin : {&twins.plain(), &twins.tested()}) {
      lab::TcpClient client(twin->lab().server(), twin->memcached().loopback());
      if (client.command("set warm 0 0 1\r\nx\r\n") != "STORED\r\n") return false;
    }
    lab::UdpClient udp(twins.tested().lab().client(), twins.tested().lab().link().server());
    return lab::eventually(lab::Deadline::in_ms(40'000), [&] {
      EXPECT_EQ(udp.request("get warm\r\n"), "VALUE warm 0 1\r\nx\r\nEND\r\n");
      return bmcd.hits() > 0;
    });
  }
};

// Everything, over UDP too: among it what makes bmcd hold the cache until memcached ends.
TEST_P(CompareAccelerated, BmcdMakesNoDifference) {
  Twins twins;
  const lab::Bmcd bmcd(twins.tested().lab().server());
  ASSERT_TRUE(becomes_served(twins, bmcd));
  EXPECT_EQ(compare(twins, options(GetParam(), 15'000)), std::nullopt);
}

// Over TCP all that leaves no connection out of step, and over UDP what the kernel answers.
TEST_P(CompareAccelerated, BmcdMakesNoDifferenceWhileItServes) {
  Twins twins;
  const lab::Bmcd bmcd(twins.tested().lab().server());
  ASSERT_TRUE(becomes_served(twins, bmcd));
  const double before = bmcd.hits();
  ComparisonOptions chosen = options(GetParam(), 15'000);
  chosen.generator = {.udp_gets_only = true, .well_formed = true, .reads = 0.9};
  EXPECT_EQ(compare(twins, chosen), std::nullopt);
  const double hits = bmcd.hits() - before;
  std::printf("%.0f of %.0f steps answered by the kernel\n", hits, static_cast<double>(chosen.steps));
  EXPECT_GT(hits, 0) << "a run without kernel hits proves nothing";
}

INSTANTIATE_TEST_SUITE_P(Seeds, CompareAccelerated, testing::Values(101, 102));

}  // namespace
}  // namespace bmc::compare

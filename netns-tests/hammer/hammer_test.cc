// SPDX-License-Identifier: Apache-2.0
// Short runs of the staleness hammer: plain memcached passes, broken caches are found, bmcd passes and
// serves. Run by ctest, label netns. BMC_HAMMER_SECONDS and BMC_SEED lengthen and repeat runs.
#include "netns-tests/hammer/hammer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "netns-tests/lib/bmcd.h"
#include "netns-tests/lib/random.h"

namespace bmc::hammer {
namespace {

HammerOptions options(uint64_t seconds, const std::string& faults) {
  HammerOptions made;
  made.seed = lab::environment_number("BMC_SEED", 20'240'117);
  made.seconds = static_cast<int64_t>(lab::environment_number("BMC_HAMMER_SECONDS", seconds));
  made.faults = parse_faults(faults);
  return made;
}

TEST(HammerPlain, MemcachedAloneIsNeverStale) {
  const HammerReport report = run_hammer(options(10, "all"));
  EXPECT_EQ(report.violation_count, 0u) << report.text();
  EXPECT_GT(report.counts.at("values checked"), 1000u) << report.text();
  EXPECT_GT(report.counts.at("misses checked"), 100u) << report.text();
  EXPECT_GT(report.counts.at("writes done"), 100u) << report.text();
}

struct DefectCase {
  Defect defect;
  const char* name;
  const char* verdict;  ///< what the hammer must say of it
};

void PrintTo(const DefectCase& defect, std::ostream* out) { *out << defect.name; }

class HammerOnDefect : public testing::TestWithParam<DefectCase> {};

TEST_P(HammerOnDefect, IsFound) {
  HammerOptions broken = options(20, "none");
  broken.defect = GetParam().defect;
  const HammerReport report = run_hammer(broken);
  ASSERT_GT(report.violation_count, 0u) << report.text();
  EXPECT_TRUE(std::any_of(report.violations.begin(), report.violations.end(), [](const std::string& text) {
    return text.find(GetParam().verdict) != std::string::npos;
  })) << report.text();
}

constexpr DefectCase kDefects[] = {{Defect::kStale, "Stale", "stale"},
                                   {Defect::kBlink, "Blink", "stale"},
                                   {Defect::kMangle, "Mangle", "future"},
                                   {Defect::kWrongKey, "WrongKey", "not asked for"},
                                   {Defect::kForgetful, "Forgetful", "lost"}};
INSTANTIATE_TEST_SUITE_P(Defects, HammerOnDefect, testing::ValuesIn(kDefects),
                         [](const auto& found) { return found.param.name; });

class HammerAccelerated : public testing::Test {
 protected:
  void SetUp() override {
    if (!lab::Bmcd::available()) GTEST_SKIP() << "this build has no bmcd";
  }
  static void expect_good(const HammerReport& report) {
    EXPECT_EQ(report.violation_count, 0u) << report.text();
    EXPECT_GT(report.kernel_hits, 0) << "a run without kernel hits proves nothing\n" << report.text();
    std::printf("%s", report.text().c_str());
  }
};

TEST_F(HammerAccelerated, NeverStaleWithoutFaults) {
  HammerOptions accelerated = options(10, "none");
  accelerated.accelerated = true;
  expect_good(run_hammer(accelerated));
}

TEST_F(HammerAccelerated, NeverStaleWithAllFaults) {
  HammerOptions accelerated = options(30, "all");
  accelerated.accelerated = true;
  expect_good(run_hammer(accelerated));
}

TEST(HammerOptions, UnknownFaultsAreRefused) {
  EXPECT_EQ(parse_faults("none").size(), 0u);
  EXPECT_EQ(parse_faults("kill,stop").size(), 2u);
  EXPECT_EQ(parse_faults("all").size(), 11u);
  EXPECT_THROW(parse_faults("kill,earthquake"), std::invalid_argument);
}

}  // namespace
}  // namespace bmc::hammer

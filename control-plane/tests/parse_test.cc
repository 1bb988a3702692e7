// SPDX-License-Identifier: Apache-2.0
// Sizes, durations, endpoints, prefixes and the did-you-mean.
#include "control-plane/parse.h"

#include <gtest/gtest.h>

#include "control-plane/port_grant.h"

namespace bmc {
namespace {

using namespace std::chrono_literals;

TEST(ParsePortGrant, TakesUsersByNumberAndName) {
  EXPECT_EQ(to_string(*parse_port_grant("uid=1000,ports=7400-7409")), "uid=1000,ports=7400-7409");
  EXPECT_EQ(to_string(*parse_port_grant("ports=1,uid=4294967294")), "uid=4294967294,ports=1");
  EXPECT_EQ(to_string(*parse_port_grant("user=root,ports=65535-65535")), "uid=0,ports=65535");
}

TEST(ParsePortGrant, RefusesTheRestAndShowsTheForm) {
  for (const char* text : {"",
                           ",",
                           "uid=1000",
                           "ports=1",
                           "1000:7400",
                           "uid=1000,ports=",
                           "uid=1000,ports=0",
                           "uid=1000,ports=0-9",
                           "uid=1000,ports=9-1",
                           "uid=1000,ports=1-65536",
                           "uid=1000,ports=1-",
                           "uid=-1,ports=1",
                           "uid=,ports=1",
                           "uid=4294967295,ports=1",
                           "uid=root,ports=1",
                           "user=nobody-of-this-name,ports=1",
                           "uid=1,uid=2,ports=1",
                           "uid=1,user=root,ports=1",
                           "uid=1,ports=1,ports=2",
                           "uid=1,ports=1,",
                           "uid=1,ports=1,x=1",
                           "uid=1 ports=1"}) {
    const auto parsed = parse_port_grant(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().what.find("uid=1000,ports=7400-7409"), std::string::npos) << parsed.error().what;
  }
}

TEST(PortGrant, CoversItsUserAndBothEnds) {
  const PortGrant grant = *parse_port_grant("uid=1000,ports=7400-7409");
  EXPECT_TRUE(grant.covers(1000, 7400));
  EXPECT_TRUE(grant.covers(1000, 7409));
  EXPECT_FALSE(grant.covers(1000, 7399));
  EXPECT_FALSE(grant.covers(1000, 7410));
  EXPECT_FALSE(grant.covers(1001, 7400));
}

TEST(ParseSize, TakesUnitsUpTo64Bits) {
  const std::pair<const char*, std::uint64_t> good[] = {
      {"0", 0},
      {"1", 1},
      {"4096", 4096},
      {"64KiB", 65536},
      {"64K", 65536},
      {"64kB", 64000},
      {"256MiB", 256ull << 20},
      {"256 MiB", 256ull << 20},
      {"1GB", 1000000000},
      {"2GiB", 2ull << 30},
      {"16777215TiB", 16777215ull << 40},
      {"18446744073709551615", ~0ull},
  };
  for (const auto& [text, bytes] : good) {
    const auto parsed = parse_size(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, bytes) << text;
  }
}

TEST(ParseSize, RefusesTheRest) {
  for (const char* text :
       {"", "MiB", "-1", "1.5GiB", "12Q", "1mib", "256MiBs", " 1", "0x10", "18446744073709551616"})
    EXPECT_FALSE(parse_size(text)) << text;
  const auto overflow = parse_size("16777216TiB");
  ASSERT_FALSE(overflow);
  EXPECT_EQ(overflow.error().code, ERANGE);
}

TEST(FormatSize, TakesTheLargestUnit) {
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(1023), "1023 B");
  EXPECT_EQ(format_size(1024), "1.0 KiB");
  EXPECT_EQ(format_size(256ull << 20), "256.0 MiB");
  EXPECT_EQ(format_size(3ull << 39), "1.5 TiB");
}

TEST(ParseDuration, TakesUnits) {
  const std::pair<const char*, std::chrono::nanoseconds> good[] = {
      {"0", 0ns},       {"0s", 0ns},      {"7ns", 7ns},
      {"100us", 100us}, {"500ms", 500ms}, {"1s", 1s},
      {"5min", 5min},   {"2h", 2h},       {"9223372036s", 9223372036s},
  };
  for (const auto& [text, duration] : good) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, duration) << text;
  }
}

TEST(ParseDuration, RefusesTheRest) {
  for (const char* text : {"", "1", "s", "-1s", "1.5s", "1 day", "1m", "9223372037s", "1s1"})
    EXPECT_FALSE(parse_duration(text)) << text;
  EXPECT_NE(parse_duration("10").error().what.find("no unit"), std::string::npos);
}

TEST(FormatDuration, IsReadBackTheSame) {
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(10s), "10s");
  EXPECT_EQ(format_duration(120s), "2min");
  for (const auto duration :
       {0ns, 1ns, 999ns, 1000ns, std::chrono::nanoseconds(61s), std::chrono::nanoseconds(3h)})
    EXPECT_EQ(*parse_duration(format_duration(duration)), duration);
}

TEST(ParseEndpoint, TakesBothFamilies) {
  const auto v4 = parse_endpoint("10.0.0.1:11211");
  ASSERT_TRUE(v4);
  EXPECT_EQ(to_string(*v4), "10.0.0.1:11211");
  const auto v6 = parse_endpoint("[2001:db8::1]:65535");
  ASSERT_TRUE(v6);
  EXPECT_EQ(to_string(*v6), "[2001:db8::1]:65535");
}

TEST(ParseEndpoint, RefusesTheRest) {
  for (const char* text : {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "::1:11211", "[::1]",
                           "[10.0.0.1]:1", "localhost:11211", "10.0.0:1", "10.0.0.1:11211x", "[::1:11211"})
    EXPECT_FALSE(parse_endpoint(text)) << text;
}

TEST(ParsePrefix, TakesBothFamilies) {
  for (const auto& [text, shown] : {std::pair{"10.0.0.0/8", "10.0.0.0/8"},
                                    {"0.0.0.0/0", "0.0.0.0/0"},
                                    {"192.168.1.7", "192.168.1.7/32"},
                                    {"2001:db8::/32", "2001:db8::/32"},
                                    {"::1", "::1/128"},
                                    {"10.128.0.0/9", "10.128.0.0/9"}}) {
    const auto prefix = parse_prefix(text);
    ASSERT_TRUE(prefix) << text;
    EXPECT_EQ(to_string(*prefix), shown);
  }
}

TEST(ParsePrefix, RefusesTheRest) {
  for (const char* text :
       {"", "10.0.0.0/33", "::/129", "10.0.0.1/8", "10.128.0.0/8", "10.0.0.0/", "10.0.0.0/x", "host/8"})
    EXPECT_FALSE(parse_prefix(text)) << text;
}

TEST(Nearest, FindsTypingErrorsOnly) {
  const std::vector<std::string> names = {"memory", "metrics", "mode", "max-staleness"};
  EXPECT_EQ(nearest("memroy", names), "memory");
  EXPECT_EQ(nearest("metric", names), "metrics");
  EXPECT_EQ(nearest("max_stalenes", names), "max-staleness");
  EXPECT_EQ(nearest("xyzzy", names), "");
  EXPECT_EQ(nearest("", names), "");
}

}  // namespace
}  // namespace bmc

// SPDX-License-Identifier: Apache-2.0
// The odd cases were asked of memcached 1.6.18, over incr and set.
#include "apps/paxos/kv/machine/decimal.h"

#include <gtest/gtest.h>

#include <limits>

namespace bmc::kv {
namespace {

TEST(DecimalTest, UnsignedNumbers) {
  EXPECT_EQ(parse_unsigned("0"), 0u);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse_unsigned("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_unsigned("99999999999999999999999"), std::nullopt);
  EXPECT_EQ(parse_unsigned("000000000000000000000012"), 12u);
}

TEST(DecimalTest, SpaceAroundAndSigns) {
  EXPECT_EQ(parse_unsigned(" \t\n12"), 12u);
  EXPECT_EQ(parse_unsigned("12 abc"), 12u);
  EXPECT_EQ(parse_unsigned("+12"), 12u);
  EXPECT_EQ(parse_unsigned("-12"), std::nullopt);
  EXPECT_EQ(parse_unsigned("-0"), 0u);
  EXPECT_EQ(parse_unsigned("-18446744073709551615"), 1u);
  EXPECT_EQ(parse_unsigned(std::string_view("12\0x", 4)), 12u);
}

TEST(DecimalTest, WhatIsNoNumber) {
  for (const char* text : {"", " ", "+", "-", "x", "12a", "0x1", "1.5", "- 1"}) {
    EXPECT_EQ(parse_unsigned(text), std::nullopt) << text;
    EXPECT_EQ(parse_signed(text), std::nullopt) << text;
  }
}

TEST(DecimalTest, SignedNumbers) {
  EXPECT_EQ(parse_signed("-1"), -1);
  EXPECT_EQ(parse_signed("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_signed("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_signed("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse_signed("-9223372036854775809"), std::nullopt);
}

}  // namespace
}  // namespace bmc::kv

// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/kv/machine/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace bmc::kv {
namespace {

constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();

TEST(BytesTest, NumbersComeBack) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128},
                                     std::uint64_t{16383}, std::uint64_t{16384}, kMax - 1, kMax}) {
    ByteWriter out;
    out.varint(number);
    const std::string bytes = out.take();
    ByteReader in(bytes);
    EXPECT_EQ(in.varint(), number);
    EXPECT_TRUE(in.ok() && in.at_end()) << number;
  }
}

TEST(BytesTest, SignedNumbersComeBackAndSmallOnesAreShort) {
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{-64},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    ByteWriter out;
    out.signed_varint(number);
    const std::string bytes = out.take();
    EXPECT_EQ(bytes.size() == 1, number >= -64 && number < 64) << number;
    ByteReader in(bytes);
    EXPECT_EQ(in.signed_varint(), number);
    EXPECT_TRUE(in.ok() && in.at_end()) << number;
  }
}

TEST(BytesTest, StringsComeBackWithWhateverIsInThem) {
  ByteWriter out;
  out.string(std::string_view("a\0b", 3));
  out.string("");
  const std::string bytes = out.take();
  ByteReader in(bytes);
  EXPECT_EQ(in.string(), std::string_view("a\0b", 3));
  EXPECT_EQ(in.string(), "");
  EXPECT_TRUE(in.ok() && in.at_end());
}

TEST(BytesTest, ANumberOfMoreThan64BitsIsNone) {
  const std::string most("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
  const std::string more("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
  const std::string endless(11, '\x80');
  ByteReader good(most), large(more), longer(endless);
  EXPECT_EQ(good.varint(), kMax);
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(large.varint(), 0u);
  EXPECT_FALSE(large.ok());
  longer.varint();
  EXPECT_FALSE(longer.ok());
}

TEST(BytesTest, WhatIsCutOffIsNothingAndStaysNothing) {
  ByteWriter out;
  out.string("abc");
  const std::string whole = out.take();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ByteReader in(std::string_view(whole).substr(0, size));
    EXPECT_EQ(in.string(), "");
    EXPECT_FALSE(in.ok()) << size;
    EXPECT_EQ(in.byte(), 0);
    EXPECT_FALSE(in.ok());
  }
}

}  // namespace
}  // namespace bmc::kv

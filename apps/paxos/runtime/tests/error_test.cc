// SPDX-License-Identifier: Apache-2.0
// Result and the closed set of errors.
#include "apps/paxos/include/bmc/paxos/error.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace bmc::paxos {
namespace {

TEST(ErrorTest, EveryCodeHasItsOwnNameAndText) {
  std::set<std::string_view> names, texts;
  std::size_t count = 0;
#define X(name, text)                     \
  names.insert(name_of(ErrorCode::name)); \
  texts.insert(text_of(ErrorCode::name)); \
  count++;
  BMC_PAXOS_ERROR_CODES(X)
#undef X
  EXPECT_EQ(names.size(), count);
  EXPECT_EQ(texts.size(), count);
  EXPECT_EQ(name_of(ErrorCode::unknown_outcome), "unknown_outcome");
}

TEST(ResultTest, HoldsEitherOne) {
  Result<std::unique_ptr<int>> value = std::make_unique<int>(3);
  ASSERT_TRUE(value);
  EXPECT_EQ(**value, 3);
  const std::unique_ptr<int> moved = *std::move(value);
  EXPECT_EQ(*moved, 3);

  const Result<std::string> failed = Error{ErrorCode::busy, "later"};
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::busy);
  EXPECT_EQ(failed.error().what, "later");

  Result<void> nothing;
  EXPECT_TRUE(nothing);
  nothing = Error{ErrorCode::io, "no"};
  EXPECT_EQ(nothing.error().what, "no");
}

TEST(ResultDeathTest, ReadingTheOtherOneAborts) {
  const Result<int> failed = Error{ErrorCode::io, "the disk is gone"};
  EXPECT_DEATH(static_cast<void>(*failed), "the disk is gone");
  const Result<int> value = 3;
  EXPECT_DEATH(static_cast<void>(value.error()), "success");
  EXPECT_DEATH(static_cast<void>(Result<void>{}.error()), "success");
}

}  // namespace
}  // namespace bmc::paxos

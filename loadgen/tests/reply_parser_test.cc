// SPDX-License-Identifier: Apache-2.0
// Replies cut anywhere, and bytes that are none.
#include "loadgen/reply_parser.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace bmc::loadgen {
namespace {

using Kind = ReplyPiece::Kind;

// Everything that a stream gives until it waits or breaks, in words.
std::vector<std::string> drain(ReplyStream& stream) {
  std::vector<std::string> out;
  for (;;) {
    const ReplyPiece piece = stream.next();
    switch (piece.kind) {
      case Kind::kIncomplete:
        return out;
      case Kind::kBroken:
        out.push_back("broken");
        return out;
      case Kind::kValue:
        out.push_back("value " + std::string(piece.key) + " " + std::to_string(piece.flags) + " " +
                      std::string(piece.data));
        break;
      case Kind::kEnd:
        out.push_back("end");
        break;
      case Kind::kStored:
        out.push_back("stored");
        break;
      case Kind::kRefused:
        out.push_back("refused " + std::string(piece.line));
    }
  }
}

std::vector<std::string> drain(const std::string& text) {
  ReplyStream stream;
  stream.feed(text);
  return drain(stream);
}

const std::string kReplies =
    "VALUE key-00000001 5 7\r\na\r\nEND\r\r\nVALUE k 4294967295 "
    "0\r\n\r\nEND\r\nSTORED\r\nNOT_STORED\r\nEND\r\n";
const std::vector<std::string> kPieces = {
    "value key-00000001 5 a\r\nEND\r", "value k 4294967295 ", "end", "stored", "refused NOT_STORED", "end"};

TEST(ReplyParser, ReadsEveryKind) { EXPECT_EQ(drain(kReplies), kPieces); }

TEST(ReplyParser, TakesTheSamePiecesFromEveryCut) {
  for (std::size_t first = 0; first <= kReplies.size(); ++first) {
    for (std::size_t second = first; second <= kReplies.size(); second += 3) {
      ReplyStream stream;
      std::vector<std::string> got;
      for (const auto& part :
           {kReplies.substr(0, first), kReplies.substr(first, second - first), kReplies.substr(second)}) {
        stream.feed(part);
        for (std::string& piece : drain(stream)) got.push_back(std::move(piece));
      }
      ASSERT_EQ(got, kPieces) << first << " " << second;
      ASSERT_TRUE(stream.empty());
    }
  }
}

TEST(ReplyParser, ByteByByte) {
  ReplyStream stream;
  std::vector<std::string> got;
  for (const char byte : kReplies) {
    stream.feed({&byte, 1});
    for (std::string& piece : drain(stream)) got.push_back(std::move(piece));
  }
  EXPECT_EQ(got, kPieces);
}

TEST(ReplyParser, PiecesTellTheirSize) {
  std::string_view rest = kReplies;
  std::size_t sum = 0;
  while (!rest.empty()) sum += next_piece(rest).size;
  EXPECT_EQ(sum, kReplies.size());
}

TEST(ReplyParser, MalformedValuesBreakTheStream) {
  for (const std::string text :
       {"VALUE k 0 3\r\nabcd\r\n", "VALUE k 0 3\r\nabc\n\r\n", "VALUE k 0 3 9\r\nabc\r\n",
        "VALUE k x 3\r\nabc\r\n", "VALUE k 0 -3\r\nabc\r\n", "VALUE k 0 99999999999\r\n",
        "VALUE k 0 1048577\r\n", "VALUE  0 3\r\nabc\r\n", "VALUE k\r\n", "VALUE k 0\r\n",
        "VALUE k 4294967296 1\r\nx\r\n"}) {
    EXPECT_EQ(drain(text), std::vector<std::string>{"broken"}) << text;
  }
  EXPECT_EQ(drain("VALUE " + std::string(251, 'k') + " 0 1\r\nx\r\n"), std::vector<std::string>{"broken"});
  EXPECT_EQ(drain("VALUE " + std::string(250, 'k') + " 0 1\r\nx\r\n").front().substr(0, 5), "value");
}

TEST(ReplyParser, AnEndlessLineIsNotWaitedFor) {
  EXPECT_TRUE(drain(std::string(2047, 'x')).empty());
  EXPECT_EQ(drain(std::string(2048, 'x')), std::vector<std::string>{"broken"});
}

TEST(ReplyParser, AnyBytesComeToAnEnd) {
  std::mt19937 random(1);
  const std::string alphabet = "VALUE END STORED k019\r\n \0\xff";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    const std::size_t size = random() % 64;
    for (std::size_t at = 0; at < size; ++at) text += alphabet[random() % alphabet.size()];
    std::string_view rest = text;
    for (std::size_t before = rest.size() + 1; rest.size() < before;) {
      before = rest.size();
      const ReplyPiece piece = next_piece(rest);
      ASSERT_EQ(before - rest.size(), piece.size);
      ASSERT_TRUE(piece.size > 0 || piece.kind == Kind::kIncomplete || piece.kind == Kind::kBroken);
    }
  }
}

}  // namespace
}  // namespace bmc::loadgen

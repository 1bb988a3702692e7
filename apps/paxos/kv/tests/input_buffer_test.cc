// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/kv/server/input_buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace bmc::kv {
namespace {

// Puts `bytes` in, as much at a time as there is room, and tells what came out, one request after the other.
std::string feed(InputBuffer& buffer, std::string_view bytes, std::size_t piece) {
  std::string said;
  while (!bytes.empty()) {
    buffer.reserve(buffer.wanted());
    EXPECT_LE(buffer.capacity(), InputBuffer::kBytesMax);
    const std::span<char> space = buffer.space();
    EXPECT_FALSE(space.empty());
    if (space.empty()) return said;
    const std::size_t some = std::min({piece, space.size(), bytes.size()});
    std::memcpy(space.data(), bytes.data(), some);
    buffer.received(some);
    bytes.remove_prefix(some);
    while (const auto request = buffer.next()) {
      said += request->kind == Request::Kind::kCommand
                  ? "[" + std::string(request->command.keys.empty() ? "" : request->command.keys[0]) + "=" +
                        std::to_string(request->command.value.size()) + "]"
                  : std::string(request->text.substr(0, request->text.find('\r')));
      said += request->close ? "CLOSE" : "";
    }
  }
  return said;
}

const std::string kStream = "set a 0 0 3\r\nxyz\r\nget b\r\nfoo\r\nset c 0 0 0\r\n\r\nincr d 1\r\n";
constexpr const char* kSaid = "[a=3][b=0]ERROR[c=0][d=0]";

TEST(InputBufferTest, PiecesOfAnySizeSayTheSame) {
  for (std::size_t piece = 1; piece <= kStream.size(); ++piece) {
    InputBuffer buffer;
    EXPECT_EQ(feed(buffer, kStream, piece), kSaid) << piece;
  }
}

TEST(InputBufferTest, ALargeValueGrowsTheBufferAsItComesAndThenItShrinks) {
  const std::string value(kValueBytesMax, 'v');
  InputBuffer buffer;
  EXPECT_EQ(feed(buffer, "set a 0 0 1048576\r\n", 100), "");
  EXPECT_EQ(buffer.capacity(), InputBuffer::kBaseBytes);  // a promise costs nothing
  EXPECT_EQ(feed(buffer, value + "\r\n" + kStream, 10'000), "[a=1048576]" + std::string(kSaid));
  buffer.reserve(buffer.wanted());
  EXPECT_EQ(buffer.capacity(), InputBuffer::kBaseBytes);
}

TEST(InputBufferTest, AValueThatIsTooLargeIsNotHeld) {
  InputBuffer buffer;
  EXPECT_EQ(feed(buffer, "set a 0 0 2000000\r\n" + std::string(2'000'000, 'v') + "\r\n" + kStream, 7'000),
            "SERVER_ERROR object too large for cache" + std::string(kSaid));
  EXPECT_EQ(buffer.capacity(), InputBuffer::kBaseBytes);
}

TEST(InputBufferTest, ALongRetrievalGrowsItToo) {
  std::string line = "get first";
  while (line.size() < kRetrievalLineBytesMax - 10) line += " another";
  InputBuffer buffer;
  EXPECT_EQ(feed(buffer, line + "\r\n" + kStream, 1'000), "[first=0]" + std::string(kSaid));
}

TEST(InputBufferTest, EndlessLinesEnd) {
  InputBuffer buffer, other;
  EXPECT_TRUE(feed(buffer, std::string(10'000, 'x'), 1'000).starts_with("CLIENT_ERROR line too longCLOSE"));
  EXPECT_TRUE(
      feed(other, "get " + std::string(300'000, 'x'), 1'000).starts_with("CLIENT_ERROR line too longCLOSE"));
}

}  // namespace
}  // namespace bmc::kv

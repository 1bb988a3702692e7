// SPDX-License-Identifier: Apache-2.0
// What the request parser says about binary packets, and about their lengths being wrong. Run by ctest.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apps/memcached-cache/grammar/tests/feed.h"

namespace bmc::grammar_test {
namespace {

constexpr std::uint64_t kSeed = 9;
constexpr unsigned kQ = REQUEST_QUIET;
constexpr unsigned kT = REQUEST_HAS_TTL;
constexpr unsigned kC = REQUEST_CHANGES_VALUE;

// A request with opaque 0x01020304 as its bytes 4 3 2 1.
std::string packet(unsigned opcode, const std::string& extras, const std::string& key, std::size_t value,
                   long body_change = 0) {
  const std::size_t body = extras.size() + key.size() + value + static_cast<std::size_t>(body_change);
  std::string text("\x80", 1);
  const auto add = [&text](std::size_t number) { text.push_back(static_cast<char>(number & 0xff)); };
  add(opcode);
  add(key.size() >> 8);
  add(key.size());
  add(extras.size());
  add(0);
  add(0);
  add(0);
  for (const unsigned shift : {24u, 16u, 8u, 0u}) add(body >> shift);
  text += "\x04\x03\x02\x01" + std::string(8, '\0');
  return text + extras + key + std::string(value, 'v');
}

const std::string kFour("\x00\x00\x00\x1e", 4);         // 30
const std::string kEight = kFour + "\xff\xff\xff\xfe";  // exptime 4294967294
const std::string kTwenty(20, '\0');

struct Case {
  unsigned opcode;
  std::string extras;
  std::string key;
  std::size_t value;
  unsigned effect;
  unsigned shape;
  unsigned flags;  // without BINARY and LAST
  std::int64_t exptime;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const unsigned opcode : {0x00u, 0x09u, 0x0cu, 0x0du})
    all.push_back({opcode, "", "key", 0, EFFECT_READ, SHAPE_BINARY, opcode & 1 ? kQ : 0, 0});
  for (const unsigned opcode : {0x01u, 0x02u, 0x03u, 0x11u, 0x12u, 0x13u})
    all.push_back({opcode, kEight, "12345678", 5, EFFECT_WRITE_KEY, SHAPE_BINARY,
                   kC | kT | (opcode > 0x10 ? kQ : 0), 4294967294});
  for (const unsigned opcode : {0x04u, 0x14u})
    all.push_back({opcode, "", "key", 0, EFFECT_WRITE_KEY, SHAPE_BINARY, kC | (opcode > 0x10 ? kQ : 0), 0});
  for (const unsigned opcode : {0x05u, 0x06u, 0x15u, 0x16u})
    all.push_back(
        {opcode, kTwenty, "key", 0, EFFECT_WRITE_KEY, SHAPE_BINARY, kC | (opcode > 0x10 ? kQ : 0), 0});
  for (const unsigned opcode : {0x0eu, 0x0fu, 0x19u, 0x1au})
    all.push_back({opcode, "", "key", 7, EFFECT_WRITE_KEY, SHAPE_BINARY, kC | (opcode > 0x10 ? kQ : 0), 0});
  for (const unsigned opcode : {0x1cu, 0x1du, 0x1eu, 0x23u, 0x24u})
    all.push_back({opcode, kFour, "key", 0, EFFECT_WRITE_KEY, SHAPE_BINARY,
                   kT | (opcode == 0x1e || opcode == 0x24 ? kQ : 0), 30});
  for (const unsigned opcode : {0x08u, 0x18u}) {
    all.push_back(
        {opcode, kFour, "", 0, EFFECT_WRITE_GLOBAL, SHAPE_BINARY, kC | kT | (opcode > 0x10 ? kQ : 0), 30});
    all.push_back({opcode, "", "", 0, EFFECT_WRITE_GLOBAL, SHAPE_BINARY, kC | (opcode > 0x10 ? kQ : 0), 0});
  }
  for (const unsigned opcode : {0x0au, 0x0bu, 0x20u})
    all.push_back({opcode, "", "", 0, EFFECT_NONE, SHAPE_BINARY, 0, 0});
  all.push_back({0x07, "", "", 0, EFFECT_NONE, SHAPE_CLOSE, 0, 0});
  all.push_back({0x17, "", "", 0, EFFECT_NONE, SHAPE_CLOSE, REQUEST_NOREPLY, 0});
  all.push_back({0x10, "", "", 0, EFFECT_NONE, SHAPE_BINARY_STATS, 0, 0});
  all.push_back({0x10, "", "items", 0, EFFECT_NONE, SHAPE_BINARY_STATS, 0, 0});
  all.push_back({0x21, "", "PLAIN", 9, EFFECT_NONE, SHAPE_BINARY, 0, 0});
  for (const unsigned opcode : {0x1bu, 0x1fu, 0x25u, 0x30u, 0xffu})
    all.push_back({opcode, "", "", 0, EFFECT_WRITE_GLOBAL, SHAPE_BINARY, kC, 0});
  return all;
}

TEST(BinaryParser, EachOpcode) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.opcode);
    const std::string stream = packet(c.opcode, c.extras, c.key, c.value);
    const auto parsed = feed_requests(stream, kSeed, pieces_of(GRAMMAR_CHUNK));
    ASSERT_EQ(parsed.events.size(), 1u);
    const request_command& found = parsed.events[0].command;
    EXPECT_EQ(found.verb, c.opcode);
    EXPECT_EQ(found.effect, c.effect);
    EXPECT_EQ(found.shape, c.shape);
    EXPECT_EQ(found.flags, c.flags | REQUEST_BINARY | REQUEST_LAST);
    EXPECT_EQ(found.exptime, c.exptime);
    EXPECT_EQ(found.length, c.value);
    EXPECT_EQ(found.opaque, 0x01020304u);
    EXPECT_EQ(found.key_hash, c.effect == EFFECT_WRITE_KEY ? reference::hash_key(c.key, kSeed) : 0);
    EXPECT_EQ(parsed.at_boundary, c.shape != SHAPE_CLOSE);
    EXPECT_EQ(parsed.events[0].end, stream.size() - c.value);
  }
}

TEST(BinaryParser, WrongLengthsAreLost) {
  const auto lost = [](const std::string& stream) {
    const auto parsed = feed_requests(stream, kSeed, pieces_of(GRAMMAR_CHUNK));
    return parsed.lost && parsed.events.empty();
  };
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.opcode);
    EXPECT_TRUE(lost(packet(c.opcode, c.extras + "x", c.key, c.value)));
    EXPECT_TRUE(c.key.empty() || lost(packet(c.opcode, c.extras, std::string(251, 'k'), c.value)));
    EXPECT_TRUE(c.key.empty() || c.opcode == 0x10 || lost(packet(c.opcode, c.extras, "", c.value)));
    EXPECT_TRUE(c.value > 0 || lost(packet(c.opcode, c.extras, c.key, 1)));
    EXPECT_TRUE(c.key.empty() || lost(packet(c.opcode, c.extras, c.key, 0, -1)));
  }
  EXPECT_FALSE(lost(packet(0x01, kEight, std::string(250, 'k'), 5)));
  EXPECT_TRUE(lost(packet(0x01, kEight, "key", 0, 0x7ffffff0)));
}

TEST(BinaryParser, MagicOfEachPacket) {
  const std::string first = packet(0x0a, "", "", 0);
  std::string second = first;
  EXPECT_FALSE(feed_requests(first + second, kSeed, pieces_of(GRAMMAR_CHUNK)).lost);
  second[0] = '\x81';
  const auto parsed = feed_requests(first + second, kSeed, pieces_of(GRAMMAR_CHUNK));
  EXPECT_TRUE(parsed.lost);
  EXPECT_EQ(parsed.events.size(), 1u);
  // The first byte decides for the whole connection.
  EXPECT_TRUE(feed_requests(first + "get a\r\n", kSeed, pieces_of(GRAMMAR_CHUNK)).lost);
  const auto ascii = feed_requests("mn\r\n" + first.substr(0, 5) + "\n", kSeed, pieces_of(GRAMMAR_CHUNK));
  EXPECT_TRUE(ascii.lost);
}

}  // namespace
}  // namespace bmc::grammar_test
